# Stage 7: the report. Makes report.html, one page to read and to pass on, summary.md with the same
# content as text, security.csv and record/configuration.yaml. `snakemake --report` makes the report of
# Snakemake itself.

from leakage.report import inputs

REPORT = inputs.of_run(CHECKED, config, JOBS)
# Published calibration, quoted unless the configuration asks for a calibration of this run.
PUBLISHED = CHECKOUT / "docs" / "calibration.md"


rule report:
    """The report: one HTML page, its summary as text, and the merged configuration."""
    input:
        **REPORT.files(),
    output:
        **({"security": RESULTS / "security.csv"} if REPORT.security else {}),
        page=RESULTS / "report.html",
        summary=RESULTS / "summary.md",
        configuration=RESULTS / "record/configuration.yaml",
    log:
        RESULTS / "logs/report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(2_000),
        runtime=growing(15),
    params:
        # A function, because its braces are not wildcards.
        inputs=verbatim(REPORT.as_json()),
        published=files.sha256(PUBLISHED) if PUBLISHED.is_file() else "",
        code=code("report"),
    shell:
        "python -m leakage --threads {threads} report {params.inputs:q} 2>&1 | tee {log:q}"
