# Validation of the configuration, the params of every job, and what the stages share.
#
# A job runs again when one of its two params changes: `settings`, its own branch of the
# configuration as one JSON text, and `code`, the digest of the modules that its step imports.
import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The jobs run this checkout's package, whichever one is installed.
PACKAGE = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(PACKAGE))
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")])
)

from leakage.config import Workflow
from leakage.digest import code_digest
from leakage.errors import LeakageError

try:
    CHECKED = Workflow(config)
except LeakageError as error:
    files = ", ".join(Path(each).name for each in workflow.configfiles)
    raise WorkflowError(f"configuration ({files}): {error}")

CONFIG = CHECKED.config
RESULTS = CONFIG.results.rstrip("/")
FIGURES = list(CHECKED.figures())
FIGURE_FILES = ["png", "pdf", "csv"]
ENVIRONMENT = "../../envs/environment.yaml"


wildcard_constraints:
    scheme="|".join(CHECKED.schemes),
    level=r"\d+",
    encoder="|".join(CHECKED.encoders),
    estimator="|".join(CHECKED.estimators),
    representation="|".join(["pixels", *(f"{key}(-whole)?" for key in CHECKED.encoders)]),
    figure="|".join(FIGURES),


def as_json(value):
    """One nested value as text: order and type of everything in it count."""
    return json.dumps(value, sort_keys=True)


def code(step, *modules):
    """The digest of what `python -m leakage STEP` runs, with the modules that it loads by name."""
    return code_digest("leakage.__main__", f"leakage.steps.{step}", *modules)


def module_of(thing):
    """The module that defines a validated branch of the configuration."""
    return type(thing).__module__


def levels_and_plain(scheme):
    """The levels of a scheme, and level 0, which every estimate compares with."""
    return sorted({0, *CHECKED.levels(scheme)})


def pictures_folder():
    """Where the manifest's file names lie: the run's own folder, or the user's."""
    return getattr(CHECKED.dataset, "path", RESULTS + "/pictures")


def encoders_with_weights():
    """The encoders with weights to find, of those that a requested figure reads."""
    read = {r.removesuffix("-whole") for f in FIGURES for _, r in CHECKED.tables(f).values()}
    return sorted(key for key in read - {"pixels"} if hasattr(CHECKED.encoders[key], "weights"))


def share_of_cores(jobs):
    """Threads for each of `jobs` jobs that can run side by side: together at most all cores."""
    return max(1, (workflow.cores or 1) // max(1, jobs))
