# What all rules share: the checked configuration, and what needs Snakemake's own objects.
# The inputs and arguments of the jobs are built in leakage/config/jobs.py.
import json
import os
import re
import sys
from pathlib import Path
from signal import SIGTERM

# Jobs run the package of this checkout, and the Python that runs Snakemake, even if neither is
# installed or activated.
PACKAGE = CHECKOUT / "workflow"
sys.path.insert(0, str(PACKAGE))
python_path = filter(None, [str(PACKAGE), os.getenv("PYTHONPATH")])
os.environ.update(PYTHONPATH=os.pathsep.join(python_path))
PROGRAMS = str(Path(sys.executable).parent)
os.environ.update(PATH=os.pathsep.join([PROGRAMS, os.environ.get("PATH", os.defpath)]))
# Jobs depend on nothing else of the user's Python: not on files in the working folder that are named
# like modules, not on a notebook's way to show figures, not on options that drop docstrings.
os.environ.update(PYTHONSAFEPATH="1", MPLBACKEND="agg")
for name in ("PYTHONOPTIMIZE", "PYTHONWARNINGS"):
    os.environ.pop(name, None)

from leakage import analysis, captions, figures
from leakage.config import networks, sources
from leakage.config.jobs import Jobs, as_json, code, options
from leakage.config.paths import FIGURE_FILES, PIXELS, PLAIN, WHOLE
from leakage.config.workflow import Workflow
from leakage.devices import has_gpu
from leakage.errors import LeakageError
from leakage.signals import handle_in_a_thread
from leakage.storage import files, provenance

# Snakemake lists the files of the command line first, and merges them last.
GIVEN = len(workflow.config_settings.configfiles)
MERGED = [*workflow.configfiles[GIVEN:], *workflow.configfiles[:GIVEN]]

try:
    sources.check_command_line(sys.argv[1:])
    sources.check(MERGED)
    CHECKED = Workflow(config)
    JOBS = Jobs(CHECKED)
    networks.check(JOBS)
except LeakageError as error:
    read = ", ".join(Path(each).name for each in MERGED)
    sys.exit(f"error: configuration ({read}): {error}")

CONFIG = CHECKED.config
PATHS = JOBS.paths
RESULTS = PATHS.results
SHARDS, PART = CHECKED.shards, PATHS.part
FIGURES = list(CHECKED.figures())
# Any figure of any scheme can be requested by the name of its file.
DRAWINGS = {name: each for s in CHECKED.schemes for name, each in CHECKED.drawings(s).items()}
# Headings in Snakemake's own report. Other figures are those of the paper, or beyond it.
CHECKS = "Verdict and checks"
CATEGORIES = {"calibration": "Calibration"} | dict.fromkeys(
    ["consistency", "scorecard", "verdict"], CHECKS
)
ENVIRONMENT = "../../envs/environment.yaml"
# The record beside each figure. A change in it does not draw the figure again.
RECORDED = {
    "configuration": {key: value for key, value in config.items() if key != "results"},
    "code": JOBS.digests(),
}
os.environ.update({provenance.VARIABLE: json.dumps(RECORDED, default=str)})
# Threads of a cluster job that can use several; `--set-threads` changes them. Snakemake knows a
# number of nodes only if a cluster runs the jobs.
CLUSTER_THREADS = 4
ON_CLUSTER = workflow.remote_exec or workflow.nodes is not None
GPUS_HERE = has_gpu()
# Limits on jobs that run at the same time, unless `--resources` sets others: one GPU per machine,
# or per group of jobs in a cluster's queue; in such a group one `turn`; and two jobs `here`, on the
# machine of Snakemake, while a cluster runs the others.
LIMITS = {"turn": 1, "here": 2} if ON_CLUSTER else {}
if ON_CLUSTER or GPUS_HERE:
    LIMITS["gpu"] = 1

for name in LIMITS.keys() - set(workflow.global_resources):
    workflow.register_resource(name, LIMITS[name])


# A limit within one job of the queue, not over the whole queue.
resource_scopes:
    gpu="local",
    turn="local",


def one_of(names):
    """Return a pattern that matches one of these names."""
    return "|".join(map(re.escape, names))


# The schemes of estimates and tests: whole ones, and the parts of those with a region.
PARTED = one_of([*CHECKED.schemes, *CHECKED.parts()])


wildcard_constraints:
    scheme=one_of([PLAIN, *CHECKED.schemes]),
    level=r"\d+",
    shard=r"\d+",
    measured=r"\d+|noise",
    part=r"\d+",
    encoder=one_of(CHECKED.encoders),
    estimator=one_of(CHECKED.estimators),
    representation=f"{PIXELS}|({one_of(CHECKED.encoders)})({WHOLE})?",
    figure=one_of(DRAWINGS),
    analysis=one_of(CHECKED.analyses()),
    task=one_of(CHECKED.tasks()) or "none",
    attack=one_of(CHECKED.attacks) or "none",


def verbatim(text):
    """Return a param in which Snakemake does not look for wildcards, as it does in plain text."""
    return lambda wildcards: text


def no_trigger(value):
    """Return a param that never triggers a rerun: Snakemake ignores those made from the output."""
    return lambda wildcards, output: value


def prepare_results():
    """Make the results folder ready for the jobs, or stop with the reason why that fails."""
    try:
        files.refuse_unwritable(RESULTS)
    except LeakageError as error:
        sys.exit(f"error: results: {error}")
    files.remove_abandoned(RESULTS)


def growing(first):
    """Return megabytes or minutes for a job: `first`, and as much again at every retry."""
    return lambda wildcards, attempt: first * attempt


def training_threads(jobs):
    """Return the threads of each of `jobs` parallel jobs; together they use at most all cores."""
    if ON_CLUSTER:
        return CLUSTER_THREADS
    return max(1, (workflow.global_resources["_cores"].value or 1) // max(1, jobs))


def estimate_threads(wildcards):
    """Return the threads of an estimate: a share of the cores if it trains networks, else one."""
    trains = CHECKED.estimators[wildcards.estimator].trains
    return training_threads(JOBS.trained_estimates()) if trains else 1


def attack_threads(wildcards):
    """Return the threads of an attack: all cores if it learns, else one."""
    return training_threads(1) if CHECKED.attacks[wildcards.attack].training else 1


def gpus(entry, device=CONFIG.device):
    """Return the number of GPUs that a job requests: one if its entry uses one."""
    return int(entry.uses_gpu and device != "cpu" and (ON_CLUSTER or GPUS_HERE))


def estimator_gpus(wildcards):
    """Return the number of GPUs that an estimate requests."""
    entry = CHECKED.estimators[wildcards.estimator]
    return gpus(entry, entry.runs_on)


def attack_gpus(wildcards):
    """Return the number of GPUs that an attack requests."""
    entry = CHECKED.attacks[wildcards.attack]
    return gpus(entry, entry.runs_on)


def levels_of(wildcards):
    """Return the levels of a scheme."""
    return CHECKED.levels(wildcards.scheme)


def figure_tables(wildcards):
    """Return the tables that a figure reads, by role."""
    return JOBS.figure_tables(DRAWINGS[wildcards.figure])


def figure_views(wildcards):
    """Return the views that a figure shows."""
    return JOBS.figure_views(DRAWINGS[wildcards.figure])


def as_tables(tables):
    """Return tables by role as command-line options."""
    return options(("table", f"{role}={path}") for role, path in tables.items())


def figure_of(wildcards):
    """Return the figure to draw."""
    return DRAWINGS[wildcards.figure].figure


def filled_caption(wildcards, output):
    """Return the caption that the job has written into the picture."""
    return captions.as_rst(captions.inside(output[0]))


def category(wildcards):
    """Return the heading of a figure in Snakemake's own report."""
    name = figure_of(wildcards).name
    return CATEGORIES.get(name, "Figures of the paper" if name[:3] == "fig" else "Beyond the paper")


def labels(wildcards):
    """Return the row of a figure in Snakemake's own report."""
    drawing = DRAWINGS[wildcards.figure]
    row = {"figure": Path(wildcards.figure).name, "shows": drawing.figure.title}
    return row | ({"scheme": drawing.scheme} if CHECKED.names_scheme(drawing) else {})
