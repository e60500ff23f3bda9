"""Check whether figures on disk match the present code and data.

python -m leakage verify results/demo
"""

import csv
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from leakage import figures, progress
from leakage.config.jobs import Jobs, code
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.storage import files, provenance
from leakage.storage.digest import PACKAGE

# The one figure in a folder of the same name.
CALIBRATION = "calibration"


def main(
    results: Annotated[Path, typer.Argument(help="the run's folder")],
    figure: Annotated[
        list[str] | None, typer.Argument(help="figures, such as fig5; default: all")
    ] = None,
) -> None:
    """Check whether figures on disk match the present code and data.

    Print one line per figure, with all reasons if it does not match; the exit status is 1 if any
    does not. Nothing is changed. To compare the configuration, use `snakemake -n`.
    """
    drawn = sorted(_drawn(results))
    if not drawn:
        raise LeakageError(f"{results}: found no figures; give the results folder of a run")
    names = figure or drawn
    if unknown := [name for name in names if name not in drawn]:
        raise LeakageError(f"{unknown[0]}: not a figure of this run (known: {', '.join(drawn)})")
    print(f"compared with the code in {PACKAGE}", file=sys.stderr)
    present = Present(results)
    wrong = 0
    for name in progress.over(names, "figures"):
        folder = CALIBRATION if name == CALIBRATION else "figures"
        sidecar = results / folder / f"{name}{provenance.SUFFIX}"
        problems = present.problems(sidecar)
        wrong += bool(problems)
        print(f"{name}: {'does not match: ' + '; '.join(problems) if problems else 'matches'}")
    if wrong:
        sys.exit(
            f"error: {wrong} of {len(names)} figures do not match the present code and data; "
            "delete damaged and altered files and make them again: snakemake … -- FILE figures "
            "(for pictures: snakemake … --forcerun manifest -- figures)"
        )


def _drawn(results: Path) -> Iterator[str]:
    for folder in ("figures", CALIBRATION):
        for sidecar in (results / folder).rglob(f"*{provenance.SUFFIX}"):
            yield sidecar.relative_to(results / folder).with_suffix("").as_posix()


class Present:
    """The present code, and the present data in a run's folder.

    Args:
        results: the run's folder.
    """

    def __init__(self, results: Path):
        self.results = results
        self._kept: dict[str, Path] = {}
        for sidecar in results.rglob(f"*{files.checksum_path('')}"):
            self._kept[sidecar.read_text().split()[0]] = Path(str(sidecar).removesuffix(".sha256"))
        self._picture_problems: dict[Path, list[str]] = {}

    def problems(self, sidecar: Path) -> list[str]:
        """Return the reasons why a figure does not match; none if it does."""
        try:
            record = json.loads(sidecar.read_text())
            recorded, inputs, code = record["files"], record["inputs"], record["code"]
        except (OSError, ValueError, KeyError, TypeError):
            return [f"{sidecar.name} is missing or damaged"]
        stem = str(sidecar).removesuffix(provenance.SUFFIX)
        found = [
            f"{Path(stem).name}{suffix} has changed since it was drawn"
            for suffix, digest in recorded.items()
            if _digest(Path(f"{stem}{suffix}")) != digest
        ]
        found += self._of_code(record)
        for each in inputs.values():
            for digest in each["sha256"]:
                found += self._of_input(each["file"], digest)
        if "manifest" in code:
            found += self._of_pictures(record["configuration"])
        return list(dict.fromkeys(found))

    def _of_code(self, record: dict[str, Any]) -> list[str]:
        if record["configuration"] is None:
            return ["it was drawn by hand, so its code is unknown"]
        try:
            now = Jobs(Workflow({**record["configuration"], "results": "results"})).digests()
        except LeakageError as error:
            return [
                f"its configuration is not valid in this directory; run this where snakemake ran "
                f"({error})"
            ]
        name = record["figure"]
        now[f"figure {name}"] = code("figure", figures.named(name))
        changed = [job for job, digest in record["code"].items() if now.get(job) != digest]
        return [f"the code has changed: {', '.join(changed)}"] if changed else []

    def _of_input(self, name: str, digest: str) -> list[str]:
        """Return the problems of a file that was read, and of the files that it was made from."""
        path = self._kept.get(digest)
        if path is None:
            return [f"{name}: the version that was read no longer exists"]
        return self._of_file(path, digest)

    @functools.cache  # noqa: B019 - one object per command
    def _of_file(self, path: Path, digest: str) -> list[str]:
        if _digest(path) != digest:
            return [f"{path.relative_to(self.results)} is damaged or missing"]
        if path.suffix != ".parquet":
            return []
        found = []
        metadata = files.read_metadata(path)
        for role, digests in metadata.get("inputs", {}).items():
            name = f"{role} of {path.relative_to(self.results)}"
            for each in digests:
                found += self._of_input(name, each)
        found += _changed(metadata.get("encrypted", {}), "the encrypted picture")
        weights = metadata.get("weights") or {}
        if weights.get("file"):
            found += _changed({weights["file"]: weights["sha256"]}, "the weights file")
        return found

    def _of_pictures(self, configuration: dict[str, Any] | None) -> list[str]:
        """Return the problems of the pictures in the manifest."""
        dataset = (configuration or {}).get("dataset", {})
        own = (dataset.get("folder") or {}).get("path") if dataset.get("name") == "folder" else None
        root = self.results / "pictures" if own is None else Path(own)
        if root not in self._picture_problems:
            listed = _pictures(self.results / "manifest.csv", root)
            self._picture_problems[root] = list(_changed(listed, "the picture"))
        return self._picture_problems[root]


def _changed(recorded: dict[str, str], what: str) -> Iterator[str]:
    """Yield a problem for each file, by path, whose SHA-256 is not the recorded one."""
    for path, digest in recorded.items():
        if _digest(Path(path)) != digest:
            yield f"{path}: {what} has changed or is missing"


def _pictures(manifest: Path, root: Path) -> dict[str, str]:
    """Return the SHA-256 of each picture in a manifest, by path; none without a manifest."""
    if not manifest.is_file():
        return {}  # the views are then reported
    with open(manifest, encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        return {str(root / row["file_name"]): row["sha256"] for row in rows}


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.is_file() else None
