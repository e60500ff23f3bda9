"""Provenance: a record beside each figure of everything that it was made from.

`figures/{name}.json` holds the configuration, the code digest of every job behind the figure, the
versions, and each table that was read with its SHA-256 and its metadata (settings, seed, device,
versions, and the SHA-256 of its own inputs). The chain reaches from the figure through estimates,
embeddings and views to the pictures.
"""

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from leakage.storage import files

SUFFIX = ".json"
PICTURES = (".png", ".pdf", ".csv")
LIBRARIES = ("numpy", "pandas", "pyarrow", "matplotlib", "seaborn", "torch")
# The environment variable with which the workflow passes its part of the record to figure jobs.
VARIABLE = "LEAKAGE_PROVENANCE"


def write(
    stem: Path,
    figure: str,
    code: str,
    read: Mapping[str, tuple[Path, Mapping[str, Any]]],
    workflow: Mapping[str, Any],
) -> None:
    """Write the provenance of a figure to `stem`.json.

    Args:
        stem: the figure's path without suffix; its picture files exist.
        figure: name of the module that drew it.
        code: digest of the code that drew it.
        read: path and metadata of each table and view that it read, by role.
        workflow: the `configuration` without the place of its results, and the `code` of all jobs
            (`Jobs.digests`). If the step was called by hand, it is empty, and later changes of the
            code cannot be detected.
    """
    inputs: dict[str, dict[str, Any]] = {
        role: {
            # Relative to the figure, so that a run's folder can be moved.
            "file": os.path.relpath(path, stem.parent),
            "sha256": files.recorded(path),
            "metadata": metadata,
        }
        for role, (path, metadata) in read.items()
    }
    of_all = workflow.get("code", {})
    behind = jobs(each["metadata"] for each in inputs.values())
    found = {
        "figure": figure,
        "files": {suffix: files.sha256(f"{stem}{suffix}") for suffix in PICTURES},
        "code": {f"figure {figure}": code} | {name: of_all.get(name) for name in behind},
        "versions": versions(*LIBRARIES),
        "configuration": workflow.get("configuration"),
        "inputs": inputs,
    }
    with files.whole_file(f"{stem}{SUFFIX}") as temporary:
        temporary.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")


def versions(*libraries: str) -> dict[str, str]:
    """Return the versions of Python and of libraries."""
    found = {name: importlib.metadata.version(name) for name in libraries}
    return {"python": platform.python_version(), **found}


def jobs(read: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the jobs that made tables and views and their inputs: keys of `Jobs.digests`."""
    found: set[str] = set()
    for about in read:
        if "behind" in about:  # a table made from tables lists them itself
            found |= set(about["behind"])
            continue
        if "calibrated" in about:
            found |= {"calibration_table", "calibrate_verdict"}
            found |= {f"calibrate_estimator {estimator}" for estimator in about["calibrated"]}
            continue
        scheme = (about.get("source") or about)["scheme"]
        found |= {"manifest", "places", "view plain", f"view {scheme}"}
        if (about.get("source") or {}).get("part"):
            found.add("regions")
        if "estimator" in about:
            found.add(f"estimate {about['estimator']}")
        elif "tests" in about:
            found.add("test")
        elif "attack" in about:
            found.add(f"attack {about['attack']}")
        elif "pictures" in about:
            found.add(f"measure {scheme}")
        encoder = about.get("representation", "pixels").removesuffix("-whole")
        if encoder != "pixels":
            found |= {f"embed {encoder}", f"find_weights {encoder}"}
    return found
