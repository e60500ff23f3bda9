# Stage 5: analysis. Makes analysis/{verdicts,claims,visual_security,classics}.parquet and, for each
# scheme, analysis/consistency/{scheme}.parquet from tests, estimates and measures. Figures and report
# read them.


rule analyse:
    """Make one table from other tables, say the verdicts."""
    input:
        unpack(lambda w: JOBS.analysis_tables(w.analysis)),
    output:
        table=RESULTS / "analysis/{analysis}.parquet",
        checksum=RESULTS / "analysis/{analysis}.parquet.sha256",
    log:
        RESULTS / "logs/analysis/{analysis}.log",
    benchmark:
        RESULTS / "benchmarks/analysis/{analysis}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        name=lambda w: w.analysis.partition("/")[0],
        tables=lambda w: as_tables(JOBS.analysis_tables(w.analysis)),
        options=f"--confidence {CONFIG.verdict.confidence}",
        code=lambda w: code("analyse", analysis.named(w.analysis.partition("/")[0])),
    shell:
        "python -m leakage --threads {threads} analyse {params.name} {output.table:q} {params.tables}"
        " {params.options} --code {params.code} 2>&1 | tee {log:q}"
