# Stage 7: the report. Makes record/ (configuration, software, run times), summary.md and .html, and
# report.html, one file to pass on: Snakemake's own report of the figures and of these pages.

CALIBRATED = CONFIG.report.calibration
# What the report shows, in the order in which it is made.
SHOWN = [
    *(RESULTS / f"figures/{name}.png" for name in FIGURES),
    *([RESULTS / "calibration/calibration.png"] if CALIBRATED else []),
    RESULTS / "summary.html",
    *(RESULTS / f"record/{name}.html" for name in ("configuration", "software", "run_times")),
]


rule record:
    """Record the run: configuration, software, run times."""
    input:
        # After all that takes time.
        [RESULTS / f"figures/{name}.csv" for name in FIGURES],
        [rules.calibration_table.output.csv] if CALIBRATED else [],
    output:
        merged=RESULTS / "record/configuration.yaml",
        configuration=page("configuration", "Configuration"),
        software=page("software", "Software"),
        run_times=page("run_times", "Run times"),
    log:
        RESULTS / "logs/record.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        folder=RESULTS / "record",
        benchmarks=RESULTS / "benchmarks",
        # Where this checkout lies is no setting.
        pins=no_setting(Path(workflow.basedir) / "envs" / "requirements.txt"),
        # As it was given: the order of its keys is no setting, but the reader's.
        configuration=as_it_is(json.dumps(config)),
        key=CHECKED.key_fingerprint,
        code=code("record"),
    shell:
        "python -m leakage --threads {threads} record {params.folder:q}"
        " --benchmarks {params.benchmarks:q} --pins {params.pins:q} --key {params.key}"
        " --configuration {params.configuration:q} 2>&1 | tee {log:q}"


rule summary:
    """Sum the run up: verdicts, the paper's claims, calibration, warnings."""
    input:
        **summed_up(),
        tables=run_tables(),
        manifest=RESULTS / "manifest.csv",
    output:
        markdown=RESULTS / "summary.md",
        html=report(
            RESULTS / "summary.html",
            category=THIS_RUN,
            labels={"page": "Summary"},
        ),
    log:
        RESULTS / "logs/summary.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(2_000),
        runtime=growing(15),
    params:
        stem=RESULTS / "summary",
        options=summary_options(),
        test_key=no_setting(PACKAGE / "keys" / "test.key"),
        code=code("summary"),
    shell:
        "python -m leakage --threads {threads} summary {params.stem:q} --manifest {input.manifest:q}"
        " --test-key {params.test_key:q} {params.options} 2>&1 | tee {log:q}"


rule report:
    """The report, one HTML file to pass on."""
    input:
        shown=SHOWN,
        configuration=rules.record.output.merged,
    output:
        RESULTS / "report.html",
    log:
        RESULTS / "logs/report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(4_000),
        runtime=growing(15),
    params:
        # Snakemake's reporter reads what it keeps of each job, so it is called anew, on this
        # Snakefile and configuration; it wants a name that ends in .html, and writes in pieces.
        new=RESULTS / ".report.html",
        templates=templates(),
        snakefile=no_setting(workflow.main_snakefile),
        style=no_setting(TEMPLATES / "report.css"),
    shell:
        "SNAKEMAKE_PROFILE=none python -m snakemake --report {params.new:q} --nolock --cores 1"
        " --workflow-profile none"
        " --snakefile {params.snakefile:q} --configfile {input.configuration:q}"
        " --report-stylesheet {params.style:q} -- {input.shown:q} 2>&1 | tee {log:q}"
        " && mv {params.new:q} {output:q}"
