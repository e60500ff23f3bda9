# Separate from the stages: calibration. Runs estimators on joint distributions with known mutual
# information, and the verdict on data with and without a leak. Makes
# calibration/{estimator}/{task}.parquet, calibration/table.csv, .md and the figure. It does not
# read the dataset.

CALIBRATION = CONFIG.calibration

# Other packages' values on the same tasks, made by benchmarks/peers.py.
PEERS = CHECKOUT / "benchmarks" / "peers.csv"


rule calibrate_estimator:
    """Run one estimator on draws of one task with known mutual information."""
    output:
        table=RESULTS / "calibration/{estimator}/{task}.parquet",
        checksum=RESULTS / "calibration/{estimator}/{task}.parquet.sha256",
    log:
        RESULTS / "logs/calibration/{estimator}/{task}.log",
    benchmark:
        RESULTS / "benchmarks/calibration/{estimator}/{task}.tsv"
    conda:
        ENVIRONMENT
    threads: lambda wildcards: training_threads(len(CHECKED.calibrations()))
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=lambda wildcards: estimator_gpus(wildcards),
    params:
        method=lambda wildcards: CHECKED.estimators[wildcards.estimator].method,
        options=lambda w: JOBS.calibration_options(w.task),
        settings=lambda w: as_json(CHECKED.calibration_settings(w.estimator)),
        code=lambda w: JOBS.calibration_code(w.estimator, w.task),
    shell:
        "python -m leakage --threads {threads} calibrate_estimator {wildcards.task} {params.method:q}"
        " {output.table:q} --label {wildcards.estimator} {params.options}"
        " --settings {params.settings:q} --code {params.code} 2>&1 | tee {log:q}"


rule calibrate_verdict:
    """Measure how often the verdict errs, and how often it finds a leak."""
    output:
        table=RESULTS / "calibration/verdict.parquet",
        checksum=RESULTS / "calibration/verdict.parquet.sha256",
    log:
        RESULTS / "logs/calibration/verdict.log",
    benchmark:
        RESULTS / "benchmarks/calibration/verdict.tsv"
    # This is the longest job. If it started last, the other cores would be idle.
    priority: 10
    conda:
        ENVIRONMENT
    threads: training_threads(len(CHECKED.calibrations()))
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
        gpu=gpus(CHECKED.verdict_estimator, CHECKED.verdict_estimator.runs_on),
    params:
        method=verbatim(CHECKED.verdict_estimator.method),
        label=CONFIG.verdict.estimator,
        options=JOBS.verdict_calibration_options(),
        settings=verbatim(as_json(CHECKED.verdict_settings())),
        code=code("calibrate_verdict", CHECKED.verdict_estimator),
    shell:
        "python -m leakage --threads {threads} calibrate_verdict {params.method:q} {output.table:q}"
        " --label {params.label} {params.options} --settings {params.settings:q}"
        " --code {params.code} 2>&1 | tee {log:q}"


rule calibration_table:
    """Combine all calibrations in one table."""
    input:
        tables=[PATHS.calibration(e, t) for e, t in CHECKED.calibrations()],
        verdict=rules.calibrate_verdict.output.table,
    output:
        parquet=RESULTS / "calibration/table.parquet",
        checksum=RESULTS / "calibration/table.parquet.sha256",
        csv=RESULTS / "calibration/table.csv",
        markdown=RESULTS / "calibration/table.md",
    log:
        RESULTS / "logs/calibration/table.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        stem=RESULTS / "calibration/table",
        tables=options(("table", PATHS.calibration(e, t)) for e, t in CHECKED.calibrations()),
        # The path of the checkout must not trigger a rerun, only the content of the file.
        peers=no_trigger(options([("peers", PEERS)]) if PEERS.is_file() else ""),
        peers_digest=files.sha256(PEERS) if PEERS.is_file() else "",
        code=code("calibration_table"),
    shell:
        "python -m leakage --threads {threads} calibration_table {params.stem:q} {params.tables}"
        " {params.peers} --verdict {input.verdict:q} 2>&1 | tee {log:q}"


rule calibration_figure:
    """Draw the estimates against the truths."""
    input:
        rules.calibration_table.output.parquet,
    output:
        png=report(
            RESULTS / "calibration/calibration.png",
            caption="../report/figure.rst",
            category=CATEGORIES["calibration"],
            labels={"figure": "calibration", "shows": figures.named("calibration").title},
        ),
        pdf=RESULTS / "calibration/calibration.pdf",
        csv=RESULTS / "calibration/calibration.csv",
        provenance=RESULTS / "calibration/calibration.json",
    log:
        RESULTS / "logs/calibration/figure.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        filled=filled_caption,
        stem=RESULTS / "calibration/calibration",
        code=code("figure", figures.named("calibration")),
    shell:
        "python -m leakage --threads {threads} figure calibration {params.stem:q}"
        " --table calibration={input:q} --code {params.code}"
        " 2>&1 | tee {log:q}"
