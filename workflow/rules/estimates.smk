# Stage 4: estimates. Makes estimates/{estimator}/{representation}/{scheme}.parquet, one tidy table
# with all levels and seeds.


rule estimate:
    """Estimate the leakage at every level with one estimator on one representation."""
    input:
        plain=lambda wildcards: represented(wildcards, [0]),
        levels=lambda wildcards: represented(wildcards, CHECKED.levels(wildcards.scheme)),
    output:
        table=RESULTS / "estimates/{estimator}/{representation}/{scheme}.parquet",
        checksum=RESULTS / "estimates/{estimator}/{representation}/{scheme}.parquet.sha256",
    log:
        RESULTS / "logs/estimates/{estimator}/{representation}/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/estimates/{estimator}/{representation}/{scheme}.tsv"
    # The longest jobs of a small run; started last, they would keep one core waiting.
    priority: 10
    conda:
        ENVIRONMENT
    threads: estimate_threads
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=lambda wildcards: estimate_gpus(wildcards.estimator),
    params:
        plain=lambda wildcards: estimated(wildcards, [0]),
        levels=lambda wildcards: estimated(wildcards, CHECKED.levels(wildcards.scheme)),
        # Not an output: Snakemake would delete what a job that fails wants to go on from.
        checkpoint=estimate_checkpoint,
        method=lambda wildcards: CHECKED.estimators[wildcards.estimator].method,
        options=estimate_options,
        settings=lambda w: as_json(CHECKED.estimators[w.estimator].model_dump()),
        code=lambda w: code("estimate", module_of(CHECKED.estimators[w.estimator])),
    shell:
        "python -m leakage --threads {threads} estimate {params.method:q} {params.plain:q}"
        " {params.levels:q} --output {output.table:q} --label {wildcards.estimator}"
        " --representation {wildcards.representation} {params.options}"
        " {params.checkpoint:q}"
        " --code {params.code} --settings {params.settings:q} 2>&1 | tee {log:q}"
