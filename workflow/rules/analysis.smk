# Stage 5: analysis. Makes analysis/{verdicts,claims,visual_security}.parquet and, for each scheme,
# analysis/consistency/{scheme}.parquet from tests, estimates and measures. Figures and report read
# them.


rule analyse:
    """Make one table from other tables, say the verdicts."""
    input:
        unpack(analysis_tables),
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
        name=lambda wildcards: wildcards.analysis.partition("/")[0],
        tables=analysis_options,
        options=f"--confidence {CONFIG.verdict.confidence}",
        code=lambda wildcards: code(
            "analyse", plugins.source_of(analysis.named(wildcards.analysis.partition("/")[0]))
        ),
    shell:
        "python -m leakage --threads {threads} analyse {params.name} {output.table:q} {params.tables}"
        " {params.options} --code {params.code} 2>&1 | tee {log:q}"
