# Stage 4: tests. Makes tests/{representation}/{scheme}.parquet with the p-values of exact
# permutation tests of every level. They train nothing and need few pictures.


rule test:
    """Test at every level whether the views are independent of the plain pictures."""
    input:
        plain=lambda w: JOBS.represented_files(w.representation, w.scheme, [0]),
        levels=lambda w: JOBS.represented_files(w.representation, w.scheme, levels_of(w)),
        parts=lambda w: JOBS.part_files(w.representation, w.scheme),
    output:
        table=RESULTS / "tests/{representation}/{scheme}.parquet",
        checksum=RESULTS / "tests/{representation}/{scheme}.parquet.sha256",
    log:
        RESULTS / "logs/tests/{representation}/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/tests/{representation}/{scheme}.tsv"
    wildcard_constraints:
        scheme=PARTED,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        plain=lambda w: JOBS.represented(w.representation, w.scheme, [0]),
        levels=lambda w: JOBS.represented(w.representation, w.scheme, levels_of(w)),
        rows=lambda w: JOBS.rows(w.representation, w.scheme),
        seed=f"--seed {CONFIG.seed}",
        settings=f"--permutations {CONFIG.tests.permutations} --pairs {CONFIG.tests.pairs}",
        code=code("test"),
    shell:
        "python -m leakage --threads {threads} test {params.plain:q} {params.levels:q}"
        " --output {output.table:q} --representation {wildcards.representation} {params.rows} {params.seed}"
        " {params.settings} --code {params.code} 2>&1 | tee {log:q}"
