# How much of a picture leaks through selective encryption.
# Table of contents: configuration, stages, targets. Start with README.md.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/folder.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/views.smk"
include: "workflow/rules/measures.smk"
include: "workflow/rules/security.smk"
include: "workflow/rules/attacks.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/estimates.smk"
include: "workflow/rules/tests.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/report.smk"


onstart:
    # Before any job: a full disk or a folder that may not be written is one line, and what killed
    # jobs have half written goes.
    prepare_results()
    handle_in_a_thread(SIGTERM)  # a `kill` while Snakemake chooses jobs would hang it


# On a cluster these run where Snakemake does: the first need the network, the others take seconds.
localrules:
    manifest,
    find_weights,
    places,
    regions,
    analyse,
    figure,
    figures,
    scorecard,
    calibration_table,
    calibration_figure,
    calibration,
    report,
    all,
    download,


rule figures:
    """Every figure that the configuration lists, as PNG, PDF and CSV (the default)."""
    default_target: True
    input:
        [RESULTS / f"figures/{name}.{suffix}" for name in FIGURES for suffix in FIGURE_FILES],


rule all:
    """Everything: the figures, the scorecard and the report."""
    input:
        rules.figures.input,
        rules.report.output,
        RESULTS / "scorecard.csv" if "scorecard" in FIGURES else [],


rule calibration:
    """Every estimator and the verdict against known truths: table and figure."""
    input:
        rules.calibration_table.output,
        rules.calibration_figure.output,


rule download:
    """Pictures and weights, for machines that have no network later."""
    input:
        RESULTS / "manifest.csv",
        JOBS.weights_records(),
