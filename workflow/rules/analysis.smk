# Stage 5: analysis. Makes analysis/verdicts.parquet from tests and estimates. Figures and report
# read it.


rule verdicts:
    """Decide at which levels a leak is found."""
    input:
        tests=verdict_tests,
        estimates=verdict_estimates,
    output:
        table=RESULTS / "analysis/verdicts.parquet",
        checksum=RESULTS / "analysis/verdicts.parquet.sha256",
    log:
        RESULTS / "logs/analysis/verdicts.log",
    benchmark:
        RESULTS / "benchmarks/analysis/verdicts.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        tables=verdict_options,
        options=f"--confidence {CONFIG.verdict.confidence}",
        code=code("verdicts"),
    shell:
        "python -m leakage --threads {threads} verdicts {output.table:q} {params.tables}"
        " {params.options} --code {params.code} 2>&1 | tee {log:q}"
