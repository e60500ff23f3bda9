"""Check the networks of a run before any job, `snakemake -n` included.

Only their libraries know the names of models and tags, and importing these takes seconds. So the
check is a process of its own, and each network that passed is remembered.
"""

import hashlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

from leakage.config.jobs import Jobs, as_json, code
from leakage.errors import LeakageError

LIBRARIES = ("torch", "torchvision", "timm", "open_clip_torch")
# Beside Snakemake's own state of a working directory.
PASSED = Path(".snakemake") / "leakage" / "networks"


def check(jobs: Jobs, passed: Path = PASSED) -> None:
    """Refuse networks that their library does not know, or that do not take these patches.

    Where torch is not installed, the job `find_weights` checks them.

    Args:
        jobs: of the run.
        passed: folder of the marks of networks that passed, which are not checked again.

    Raises:
        LeakageError: an unknown model or tag, weights of another activation, or a wrong patch size.
    """
    if importlib.util.find_spec("torch") is None:
        return
    marks, unknown = [], {}
    for where, (entry, size) in jobs.networks_with_sizes().items():
        depends = [entry.model_dump(), size, code("find_weights", entry), _versions()]
        mark = passed / hashlib.sha256(as_json(depends).encode()).hexdigest()
        if not mark.exists():
            marks.append(mark)
            unknown[where] = {"entry": entry.model_dump(), "size": size}
    if not unknown:
        return
    step = [sys.executable, "-P", "-m", "leakage", "check_encoders"]
    done = subprocess.run(
        [*step, "--settings", as_json(unknown)], capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["check_encoders failed without a message"]
        raise LeakageError(lines[-1].removeprefix("error: "))
    try:
        passed.mkdir(parents=True, exist_ok=True)
        for mark in marks:
            mark.touch()
    except OSError:  # a folder that may not be written: check again next time
        return


def _versions() -> list[str]:
    """Return name and version of the installed libraries."""
    found = (importlib.metadata.distributions(name=name) for name in LIBRARIES)
    return [f"{each.name} {each.version}" for installed in found for each in installed]
