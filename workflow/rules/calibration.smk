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
        gpu=lambda wildcards: estimate_gpus(wildcards.estimator),
    params:
        method=lambda wildcards: CHECKED.estimators[wildcards.estimator].method,
        options=lambda w: f"--pairs {CHECKED.tasks()[w.task]} --draws {CHECKED.draws(w.task)}"
        f" --seed {CONFIG.seed}{options_of_task(w.task)}",
        settings=lambda w: as_json(CHECKED.calibration_settings(w.estimator)),
        code=lambda w: code(
            "calibrate_estimator", module_of(CHECKED.estimators[w.estimator]), *modules_of_task(w.task)
        ),
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
        gpu=estimate_gpus(CONFIG.verdict.estimator),
    params:
        method=as_it_is(CHECKED.estimators[CONFIG.verdict.estimator].method),
        label=CONFIG.verdict.estimator,
        options=f"--draws {CALIBRATION.verdict_draws} --trained {CALIBRATION.verdict_trained}"
        f" --seed {CONFIG.seed}"
        + "".join(f" --pictures {each}" for each in CALIBRATION.verdict_pictures),
        settings=as_it_is(as_json(CHECKED.verdict_settings())),
        code=code("calibrate_verdict", module_of(CHECKED.estimators[CONFIG.verdict.estimator])),
    shell:
        "python -m leakage --threads {threads} calibrate_verdict {params.method:q} {output.table:q}"
        " --label {params.label} {params.options} --settings {params.settings:q}"
        " --code {params.code} 2>&1 | tee {log:q}"


rule calibration_table:
    """Combine all calibrations in one table."""
    input:
        tables=[RESULTS / f"calibration/{e}/{t}.parquet" for e, t in CHECKED.calibrations()],
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
        tables=" ".join(
            f"--table {shlex.quote(str(RESULTS / f'calibration/{e}/{t}.parquet'))}"
            for e, t in CHECKED.calibrations()
        ),
        # The path of the checkout must not trigger a rerun, only the content of the file.
        peers=no_setting(f"--peers {shlex.quote(str(PEERS))}" if PEERS.is_file() else ""),
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
        code=code("figure", "leakage.figures.calibration"),
    shell:
        "python -m leakage --threads {threads} figure calibration {params.stem:q}"
        " --table calibration={input:q} --code {params.code}"
        " 2>&1 | tee {log:q}"
