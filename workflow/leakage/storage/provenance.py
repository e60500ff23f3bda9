"""Provenance: what a figure was made of, in a file beside it.

`figures/{name}.json` holds the configuration, the digest of the code of every job behind the
figure, the versions, and each table that was read with its SHA-256 and its own metadata (settings,
seed, device, versions, and in turn the SHA-256 of what it was made of). So the chain reaches from
the figure's files through estimates, embeddings and views to the pictures.
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
# The environment variable by which the workflow tells a figure's job what to record.
VARIABLE = "LEAKAGE_PROVENANCE"


def write(
    stem: Path,
    figure: str,
    code: str,
    read: Mapping[str, tuple[Path, Mapping[str, Any]]],
    workflow: Mapping[str, Any],
) -> None:
    """Write what a figure was made of to `stem`.json.

    Args:
        stem: the figure's path without suffix; its picture files are there already.
        figure: name of the module that drew it.
        code: digest of what drew it.
        read: path and metadata of each table and view that it read, by role.
        workflow: the `configuration`, but for the place of its results, and the `code` of all jobs
            (`Jobs.digests`); empty where the step was called by hand: then nothing can tell later
            whether the code is still the same.
    """
    inputs = {
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
        "versions": versions(),
        "configuration": workflow.get("configuration"),
        "inputs": inputs,
    }
    with files.whole_file(f"{stem}{SUFFIX}") as temporary:
        temporary.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that figures rest on."""
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **found}


def jobs(read: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return which jobs made tables, and what those read: keys of `Jobs.digests`.

    Args:
        read: the metadata of each table or view.
    """
    found = set()
    for about in read:
        if "behind" in about:  # made from tables: it says so itself
            found |= set(about["behind"])
            continue
        if "calibrated" in about:
            found |= {"calibration_table", "calibrate_verdict"}
            found |= {f"calibrate_estimator {estimator}" for estimator in about["calibrated"]}
            continue
        scheme = (about.get("source") or about)["scheme"]
        found |= {"manifest", "places", "view plain", f"view {scheme}"}
        if "estimator" in about:
            found.add(f"estimate {about['estimator']}")
        elif "tests" in about:
            found.add("test")
        elif "pictures" in about:
            found.add(f"measure {scheme}")
        encoder = about.get("representation", "pixels").removesuffix("-whole")
        if encoder != "pixels":
            found |= {f"embed {encoder}", f"find_weights {encoder}"}
    return found
