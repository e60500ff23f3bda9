# Stage 4: estimates. Makes estimates/{estimator}/{representation}/{scheme}.parquet, one tidy table
# with all levels and seeds.


rule estimate:
    """Estimate the leakage at every level with one estimator on one representation."""
    input:
        plain=lambda w: JOBS.represented_files(w.representation, w.scheme, [0]),
        levels=lambda w: JOBS.represented_files(w.representation, w.scheme, levels_of(w)),
        parts=lambda w: JOBS.part_files(w.representation, w.scheme),
    output:
        table=RESULTS / "estimates/{estimator}/{representation}/{scheme}.parquet",
        checksum=RESULTS / "estimates/{estimator}/{representation}/{scheme}.parquet.sha256",
    log:
        RESULTS / "logs/estimates/{estimator}/{representation}/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/estimates/{estimator}/{representation}/{scheme}.tsv"
    wildcard_constraints:
        scheme=PARTED,
    # The longest jobs of a small run; started last, they would keep one core waiting.
    priority: 10
    conda:
        ENVIRONMENT
    threads: estimate_threads
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=estimator_gpus,
    params:
        plain=lambda w: JOBS.represented(w.representation, w.scheme, [0]),
        levels=lambda w: JOBS.represented(w.representation, w.scheme, levels_of(w)),
        # Not an output, because Snakemake would delete the state of a job that fails.
        checkpoint=lambda w: JOBS.checkpoint(w.estimator, w.representation, w.scheme),
        method=lambda w: CHECKED.estimators[w.estimator].method,
        rows=lambda w: JOBS.rows(w.representation, w.scheme),
        seed=f"--seed {CONFIG.seed}",
        settings=lambda w: as_json(CHECKED.estimators[w.estimator].model_dump()),
        code=lambda w: code("estimate", CHECKED.estimators[w.estimator]),
    shell:
        "python -m leakage --threads {threads} estimate {params.method:q} {params.plain:q}"
        " {params.levels:q} --output {output.table:q} --label {wildcards.estimator}"
        " --representation {wildcards.representation} {params.rows} {params.seed}"
        " {params.checkpoint}"
        " --code {params.code} --settings {params.settings:q} 2>&1 | tee {log:q}"
