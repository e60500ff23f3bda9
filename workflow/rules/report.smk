# Stage 7: the report. Makes report.html, one page to read and to pass on, summary.md with the same
# content as text, and record/configuration.yaml. `snakemake --report` makes Snakemake's own report.

# Published calibration, quoted unless the configuration asks for a calibration of this run.
PUBLISHED = CHECKOUT / "docs" / "calibration.md"


rule report:
    """The report: one HTML page, its summary as text, and the merged configuration."""
    input:
        **report_tables(),
        tables=run_tables(),
        views=[path for _, path in report_views()],
        figures=[
            f"{each['stem']}.{suffix}"
            for each in report_figures()
            for suffix in ("png", "pdf", "csv")
        ],
        manifest=RESULTS / "manifest.csv",
    output:
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
        folder=RESULTS,
        benchmarks=RESULTS / "benchmarks",
        # The path of the checkout must not trigger a rerun.
        pins=no_setting(CHECKOUT / "envs" / "requirements.txt"),
        test_key=no_setting(PACKAGE / "keys" / "test.key"),
        published=no_setting(
            f"--published {shlex.quote(str(PUBLISHED))}" if PUBLISHED.is_file() else ""
        ),
        published_digest=files.sha256(PUBLISHED) if PUBLISHED.is_file() else "",
        # A function, because its braces are not wildcards.
        options=as_it_is(report_options()),
        code=code("report"),
    shell:
        "python -m leakage --threads {threads} report {params.folder:q} --manifest {input.manifest:q}"
        " --pins {params.pins:q} --benchmarks {params.benchmarks:q} --test-key {params.test_key:q}"
        " {params.published} {params.options} 2>&1 | tee {log:q}"
