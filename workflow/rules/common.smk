# Validation of the configuration, the params of every job, and what the stages share.
#
# A job runs again when one of its params changes: `settings`, its own branch of the configuration
# as one JSON text, and `code`, the digest of the modules that its step imports, are the two that
# matter. Snakemake compares params as a set without their names, so what could change places
# (two numbers, say) stands in one text, `options`. Threads, memory and run time do not count.
import json
import os
import re
import shlex
import sys
from pathlib import Path

# The folder of the Snakefile. `workflow.basedir` is another one if this is a module of a workflow.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
# The jobs run this checkout's package, whichever one is installed.
PACKAGE = CHECKOUT / "workflow"
sys.path.insert(0, str(PACKAGE))
python_path = filter(None, [str(PACKAGE), os.getenv("PYTHONPATH")])
os.environ.update(PYTHONPATH=os.pathsep.join(python_path))
# Their `python` is the one that runs Snakemake, even if its environment is not activated.
PROGRAMS = str(Path(sys.executable).parent)
os.environ.update(PATH=os.pathsep.join([PROGRAMS, os.environ.get("PATH", os.defpath)]))

from leakage import analysis, captions, figures, plugins
from leakage.storage import files, provenance
from leakage.config import jobs
from leakage.config.workflow import ANALYSIS, MEASURES, TESTS, Workflow, module_of
from leakage.devices import has_gpu
from leakage.errors import LeakageError
from leakage.interfaces import Wanted
from leakage.report import inputs
from leakage.truths import ENCODED

try:
    CHECKED = Workflow(config)
except LeakageError as error:
    files = ", ".join(Path(each).name for each in workflow.configfiles)
    sys.exit(f"error: configuration ({files}): {error}")

CONFIG = CHECKED.config
RESULTS = Path(CONFIG.results)
FIGURES = list(CHECKED.figures())
# Any figure of any scheme can be asked for by its file's name.
DRAWINGS = {name: each for s in CHECKED.schemes for name, each in CHECKED.drawings(s).items()}
FIGURE_FILES = ["png", "pdf", "csv", "json"]
# Where in Snakemake's own report the figures of a module stand; all others are the paper's or beyond it.
CHECKS = "Verdict and checks"
CATEGORIES = {"calibration": "Calibration"} | dict.fromkeys(
    ["consistency", "scorecard", "verdict"], CHECKS
)
ENVIRONMENT = "../../envs/environment.yaml"
# A large dataset is encrypted and embedded in shards: a level's view is then a folder of files.
SHARDS = CHECKED.shards
PART = "{level}" if SHARDS == 1 else "{level}/{shard}"
MANIFEST_SETTINGS, FETCHING = map(json.dumps, CHECKED.dataset_settings())
# How the pictures come (time-outs, retries) makes no other pictures: no param, but a variable.
os.environ.update(LEAKAGE_FETCHING=FETCHING)
# Recorded with each figure. A change here does not draw it again.
RECORDED = {
    "configuration": {key: value for key, value in config.items() if key != "results"},
    "code": jobs.digests(CHECKED),
}
os.environ.update({provenance.VARIABLE: json.dumps(RECORDED, default=str)})
# Threads of a cluster job that can use several; `--set-threads` gives others. Snakemake knows a
# number of nodes only where a cluster runs the jobs.
CLUSTER_THREADS = 4
ON_CLUSTER = workflow.remote_exec or workflow.nodes is not None
GPUS_HERE = has_gpu()
# What jobs may have at the same time, unless `--resources` says otherwise: one GPU (of a machine, or
# of jobs that go to a cluster's queue together); of those, one `turn`; two jobs that run `here`,
# where Snakemake does, while a cluster runs the others.
LIMITS = {"turn": 1, "here": 2} if ON_CLUSTER else {}
if ON_CLUSTER or GPUS_HERE:
    LIMITS["gpu"] = 1

for name in LIMITS.keys() - set(workflow.global_resources):
    workflow.register_resource(name, LIMITS[name])


# Not over all of the queue, but within one job of it.
resource_scopes:
    gpu="local",
    turn="local",


def one_of(names):
    """A pattern for one of these names and nothing else."""
    return "|".join(map(re.escape, names))


wildcard_constraints:
    scheme=one_of(CHECKED.schemes),
    level=r"\d+",
    shard=r"\d+",
    encoder=one_of(CHECKED.encoders),
    estimator=one_of(CHECKED.estimators),
    representation=f"pixels|({one_of(CHECKED.encoders)})(-whole)?",
    figure=one_of(DRAWINGS),
    analysis=one_of(CHECKED.analyses()),
    task=one_of(CHECKED.tasks()) or "none",


def as_it_is(text):
    """A text of the user's as a param: Snakemake takes braces in what is no function for wildcards."""
    return lambda wildcards: text


def prepare_results():
    """Make the run's folder ready for jobs that write to it, or say why it cannot be."""
    try:
        files.refuse_unwritable(RESULTS)
    except LeakageError as error:
        sys.exit(f"error: results: {error}")
    files.remove_abandoned(RESULTS)


def as_json(value):
    """One nested value as text: order and type of everything in it count."""
    return json.dumps(value, sort_keys=True)


def code(step, *modules):
    """The digest of what `python -m leakage STEP` runs, with the modules that it loads by name."""
    return jobs.code(step, *modules)


def pictures_folder():
    """Where the manifest's file names lie: the run's own folder, or the user's."""
    return CHECKED.dataset.folder(RESULTS / "pictures")


def encoders_with_weights():
    """The encoders with weights to find, of those that a requested figure reads."""
    read = {
        each.representation.removesuffix("-whole")
        for each in tables_behind()
        if each.estimator != ANALYSIS
    }
    return sorted(key for key in read - {"pixels"} if CHECKED.encoders[key].needs_weights)


def tables_behind():
    """All tables that the requested figures read, directly or through an analysis."""
    return CHECKED.behind(
        table for name in FIGURES for table in CHECKED.tables(DRAWINGS[name]).values()
    )


def wanted_tables():
    """The estimates among them."""
    others = (MEASURES, TESTS, ANALYSIS)
    return {each for each in tables_behind() if each.estimator not in others}


def judged():
    """Whether a requested figure shows a verdict."""
    return Wanted(ANALYSIS, "verdicts", "") in tables_behind()


def training_threads(jobs):
    """Threads for each of `jobs` jobs that can run side by side: together at most all cores."""
    if ON_CLUSTER:
        return CLUSTER_THREADS
    return max(1, (workflow.global_resources["_cores"].value or 1) // max(1, jobs))


def gpus(uses_gpu, device=CONFIG.device):
    """Return the number of GPUs that a job asks for: 1 if it can use one and may."""
    return int(uses_gpu and device != "cpu" and (ON_CLUSTER or GPUS_HERE))


def estimate_gpus(estimator):
    """Return the number of GPUs that a job of an estimator asks for."""
    return gpus(CHECKED.estimators[estimator].uses_gpu, CHECKED.estimators[estimator].runs_on)


def growing(first):
    """Megabytes or minutes that a job asks for: `first`, and as much again at every retry."""
    return lambda wildcards, attempt: first * attempt


def whose(scheme, level):
    """The scheme in whose folder a level lies: the plain pictures of all are the paper's level 0."""
    return CONFIG.paper.scheme if int(level) == 0 else scheme


def view_parts(scheme, level):
    """The files of a view: one, or one per shard."""
    pattern = str(RESULTS / "views" / whose(scheme, level) / PART) + ".parquet"
    return expand(pattern, level=level, shard=range(SHARDS))


def view_path(scheme, level):
    """A view as a step is given it: its file, or the folder of its shards."""
    folder = RESULTS / "views" / whose(scheme, level)
    return folder / f"{level}{'.parquet' if SHARDS == 1 else ''}"


def encrypted_files(wildcards):
    """The pictures of a level that another program encrypted; none of other schemes."""
    return CHECKED.encrypted_files(wildcards.scheme, int(wildcards.level))


def view_code(wildcards):
    """The digest of what makes a view; the plain pictures are no cipher's."""
    cipher = module_of(CHECKED.schemes[wildcards.scheme])
    return code("view", *([cipher] if int(wildcards.level) else []))


def plain_patches(wildcards):
    """The plain patches for an untrained network's BatchNorm; nothing for other encoders."""
    if not CHECKED.encoders[wildcards.encoder].needs_plain_patches:
        return {}
    view = view_parts(CONFIG.paper.scheme, 0)[0]
    return {"view": view, "places": RESULTS / "patches.csv"}


def local_weights(wildcards):
    """The user's weights file: embeddings are made again when it changes."""
    return CHECKED.encoders[wildcards.encoder].files()


def found_weights(wildcards):
    """The weights record; nothing for encoders without weights."""
    if not CHECKED.encoders[wildcards.encoder].needs_weights:
        return []
    return RESULTS / f"record/weights/{wildcards.encoder}.safetensors"


def encoder_modules(wildcards):
    """The module of one kind of encoder, which the steps load by name."""
    return module_of(CHECKED.encoders[wildcards.encoder])


def encoder_settings(wildcards):
    """An encoder's own branch of the configuration."""
    return as_json(CHECKED.encoders[wildcards.encoder].model_dump())


def plain_options(wildcards):
    """The plain patches as command-line options."""
    options = plain_patches(wildcards).items()
    return " ".join(f"--{name} {shlex.quote(str(path))}" for name, path in options)


def weights_option(wildcards):
    """The weights record as a command-line option."""
    path = found_weights(wildcards)
    return f"--weights {shlex.quote(str(path))}" if path else ""


def represented(wildcards, levels):
    """The files of a representation at some levels: views for pixels, else embeddings."""
    if wildcards.representation == "pixels":
        return [path for level in levels for path in view_parts(wildcards.scheme, level)]
    return estimated(wildcards, levels)


def estimated(wildcards, levels):
    """The same as the step is given them: one path per level."""
    if wildcards.representation == "pixels":
        return [view_path(wildcards.scheme, level) for level in levels]
    encoder = wildcards.representation.removesuffix("-whole")
    folder = RESULTS / "embeddings" / encoder
    return [folder / whose(wildcards.scheme, each) / f"{each}.parquet" for each in levels]


def trained_estimates():
    """How many estimates train networks, and so can use more than one thread."""
    return sum(CHECKED.estimators[each.estimator].trains for each in wanted_tables())


def estimate_threads(wildcards):
    """Its share of the cores for an estimate that trains networks, one for any other."""
    trains = CHECKED.estimators[wildcards.estimator].trains
    return training_threads(trained_estimates()) if trains else 1


def estimate_options(wildcards):
    """What an estimate depends on beside its estimator's settings, as command-line options."""
    if wildcards.representation == "pixels":
        return f"--seed {CONFIG.seed}"
    rows = "whole" if wildcards.representation.endswith("-whole") else "patches"
    return f"--rows {rows} --limit {CONFIG.patches.per_estimate} --seed {CONFIG.seed}"


def estimate_checkpoint(wildcards):
    """Where a training keeps its state, as a command-line option; nothing for the others."""
    if not CHECKED.estimators[wildcards.estimator].resumes:
        return []
    path = f"checkpoints/{wildcards.estimator}/{wildcards.representation}/{wildcards.scheme}.pt"
    return ["--checkpoint", RESULTS / path]


def figure_tables(wildcards):
    """The estimates that a figure reads, by their role in it."""
    return {
        role: table_path(*wanted)
        for role, wanted in CHECKED.tables(DRAWINGS[wildcards.figure]).items()
    }


def table_path(estimator, representation, scheme):
    """The table of an estimate, of exact tests, of a scheme's classic measures or of an analysis."""
    if estimator == MEASURES:
        return RESULTS / f"measures/{scheme}.parquet"
    if estimator == ANALYSIS:
        name = f"{representation}/{scheme}" if scheme else representation
        return RESULTS / f"analysis/{name}.parquet"
    if estimator == TESTS:
        return RESULTS / f"tests/{representation}/{scheme}.parquet"
    return RESULTS / f"estimates/{estimator}/{representation}/{scheme}.parquet"


def analysis_tables(wildcards):
    """The tables that an analysis reads, by their role in it."""
    name, _, scheme = wildcards.analysis.partition("/")
    return {role: table_path(*each) for role, each in CHECKED.analysed(name, scheme).items()}


def analysis_options(wildcards):
    """The same files as command-line options."""
    tables = analysis_tables(wildcards).items()
    return " ".join(f"--table {shlex.quote(f'{role}={path}')}" for role, path in tables)


def figure_views(wildcards):
    """The views that a figure shows (of one in shards, the first); most show none."""
    scheme = DRAWINGS[wildcards.figure].scheme
    if not DRAWINGS[wildcards.figure].figure.reads_views:
        return []
    return [view_parts(scheme, level)[0] for level in CHECKED.levels(scheme)]


def figure_options(wildcards, input):
    """The same files as command-line options."""
    tables = figure_tables(wildcards).items()
    options = [f"--table {shlex.quote(f'{role}={path}')}" for role, path in tables]
    return " ".join(
        options + [f"--view {shlex.quote(str(path))}" for path in figure_views(wildcards)]
    )


def figure_of(wildcards):
    """The figure to draw."""
    return DRAWINGS[wildcards.figure].figure


def filled_caption(wildcards, output):
    """The text that a figure's job has put into the picture, for the report to show.

    A param that is made from the output counts for no rerun.
    """
    return captions.as_rst(captions.inside(output[0]))


def category(wildcards):
    """Where in the report a figure stands."""
    return category_of(DRAWINGS[wildcards.figure])


def category_of(drawing):
    """The same, of what is drawn."""
    name = drawing.figure.name
    return CATEGORIES.get(name, "Figures of the paper" if name[:3] == "fig" else "Beyond the paper")


def labels(wildcards):
    """What the report's table says of a figure."""
    return labels_of(wildcards.figure)


def labels_of(figure):
    """Its name, what it shows and, where there are several, of which scheme."""
    drawing = DRAWINGS[figure]
    row = {"figure": Path(figure).name, "shows": drawing.figure.title}
    return row | ({"scheme": drawing.scheme} if CONFIG.figures_of else {})


def run_tables():
    """The files of the estimates that the requested figures read."""
    return sorted(table_path(*wanted) for wanted in wanted_tables())


def no_setting(path):
    """A path as a param that counts for no rerun, as none does that is made from the output."""
    return lambda wildcards, output: path


def report_inputs():
    """What decides the report. Of a view in shards, it shows the first."""
    schemes = inputs.shown_schemes(CHECKED, judged())
    views = {s: [view_parts(s, each)[0] for each in CHECKED.levels(s)] for s in schemes}
    return inputs.of_run(CHECKED, config, run_tables(), views, judged())


def options_of_task(task):
    """The encoder's entry as an option, for the tasks that are pictures through an encoder."""
    if task not in ENCODED:
        return ""
    return f" --encoder {shlex.quote(as_json(CHECKED.calibration_encoder.model_dump()))}"


def modules_of_task(task):
    """The code that encodes the pictures of a task, if it has any."""
    return [module_of(CHECKED.calibration_encoder)] if task in ENCODED else []
