"""Check whether figures on disk match the present code and data.

python -m leakage verify results/demo
"""

import csv
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

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
            "make damaged and altered files again: snakemake … --forcerun FILE -- FILE figures "
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
        self._files: dict[str, Path] = {}
        for sidecar in results.rglob(f"*{files.checksum_path('')}"):
            self._files[sidecar.read_text("utf-8", "replace").split()[0]] = Path(
                str(sidecar).removesuffix(".sha256")
            )

    def problems(self, sidecar: Path) -> list[str]:
        """Return the reasons why a figure does not match; none if it does."""
        try:
            record = json.loads(sidecar.read_text(encoding="utf-8"))
            name, recorded, inputs = record["figure"], record["files"], record["inputs"]
            codes, configuration = record["code"], record["configuration"]
        except (OSError, ValueError, KeyError, TypeError):
            return [f"{sidecar.name} is missing or damaged"]
        stem = str(sidecar).removesuffix(provenance.SUFFIX)
        found = [
            f"{Path(stem).name}{suffix} has changed since it was drawn"
            for suffix, digest in recorded.items()
            if _digest(Path(f"{stem}{suffix}")) != digest
        ]
        for each in inputs.values():
            for digest in each["sha256"]:
                found += self._of_input(each["file"], digest)
        if configuration is None:
            return [*found, "it was drawn by hand, so its code is unknown"]
        try:
            workflow = Workflow({**configuration, "results": "results"})
        except LeakageError as error:
            problem = "its configuration is not valid in this directory; run this where snakemake"
            return [*found, f"{problem} ran ({error})"]
        now = Jobs(workflow).digests() | {f"figure {name}": code("figure", figures.named(name))}
        if changed := [job for job, digest in codes.items() if now.get(job) != digest]:
            found.append(f"the code has changed: {', '.join(changed)}")
        if "manifest" in codes:
            found += self._of_pictures(workflow.dataset.folder(self.results / "pictures"))
        return list(dict.fromkeys(found))

    def _of_input(self, name: str, digest: str) -> list[str]:
        """Return the problems of a file that was read, and of the files that it was made from."""
        path = self._files.get(digest)
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
        found += _changed(metadata.get("region_files", {}), "the file of a region")
        weights = metadata.get("weights") or {}
        if weights.get("file"):
            found += _changed({weights["file"]: weights["sha256"]}, "the weights file")
        return found

    @functools.cache  # noqa: B019 - one object per command
    def _of_pictures(self, folder: Path) -> list[str]:
        """Return the problems of the pictures in the manifest, which lie in a folder."""
        manifest = self.results / "manifest.csv"
        if not manifest.is_file():
            return []  # the views are then reported
        with open(manifest, encoding="utf-8", newline="") as stream:
            listed = {
                str(folder / row["file_name"]): row["sha256"] for row in csv.DictReader(stream)
            }
        return list(_changed(listed, "the picture"))


def _changed(recorded: dict[str, str], what: str) -> Iterator[str]:
    """Yield a problem for each file, by path, whose SHA-256 is not the recorded one."""
    for path, digest in recorded.items():
        if _digest(Path(path)) != digest:
            yield f"{path}: {what} has changed or is missing"


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.is_file() else None
