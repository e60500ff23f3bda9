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

# The one figure that lies elsewhere.
CALIBRATION = "calibration"


def main(
    results: Annotated[Path, typer.Argument(help="the run's folder")],
    figure: Annotated[
        list[str] | None, typer.Argument(help="which figures, say fig5; default: all")
    ] = None,
) -> None:
    """Check whether figures on disk match the present code and data.

    A line per figure, with every reason why one does not; the exit status says whether all do.
    Nothing is changed. Whether the configuration is still the same: `snakemake -n`.
    """
    drawn = sorted(_drawn(results))
    if not drawn:
        raise LeakageError(f"{results}: no figure was drawn there; name the folder of a run")
    names = figure or drawn
    if unknown := [name for name in names if name not in drawn]:
        raise LeakageError(f"{unknown[0]}: no figure of that name; drawn are {', '.join(drawn)}")
    print(f"compared with the code in {PACKAGE}", file=sys.stderr)
    present = Present(results)
    wrong = 0
    for name in progress.over(names, "figures"):
        folder = CALIBRATION if name == CALIBRATION else "figures"
        sidecar = results / folder / f"{name}{provenance.SUFFIX}"
        doubts = present.doubts(sidecar)
        wrong += bool(doubts)
        print(f"{name}: {'does not belong: ' + '; '.join(doubts) if doubts else 'belongs'}")
    if wrong:
        sys.exit(
            f"error: {wrong} of {len(names)} figures do not belong to what is present; "
            "delete what is damaged or altered and run again, asking for it: snakemake … -- FILE "
            "figures (for pictures: snakemake … --forcerun manifest -- figures)"
        )


def _drawn(results: Path) -> Iterator[str]:
    for folder in ("figures", CALIBRATION):
        for sidecar in (results / folder).rglob(f"*{provenance.SUFFIX}"):
            yield sidecar.relative_to(results / folder).with_suffix("").as_posix()


class Present:
    """What lies in a run's folder now.

    Args:
        results: the run's folder.
    """

    def __init__(self, results: Path):
        self.results = results
        self._kept = {}
        for sidecar in results.rglob(f"*{files.checksum_path('')}"):
            self._kept[sidecar.read_text().split()[0]] = Path(str(sidecar).removesuffix(".sha256"))
        self._pictures_say: dict[Path, list[str]] = {}

    def doubts(self, sidecar: Path) -> list[str]:
        """Return why a figure does not belong to the code and data present; nothing if it does."""
        try:
            said = json.loads(sidecar.read_text())
            recorded, inputs, code = said["files"], said["inputs"], said["code"]
        except (OSError, ValueError, KeyError, TypeError):
            return [f"{sidecar.name} is missing or damaged, so nothing is known"]
        stem = str(sidecar).removesuffix(provenance.SUFFIX)
        found = [
            f"{Path(stem).name}{suffix} is not the file that was drawn"
            for suffix, digest in recorded.items()
            if _digest(Path(f"{stem}{suffix}")) != digest
        ]
        found += self._of_code(said)
        for each in inputs.values():
            for digest in each["sha256"]:
                found += self._of_input(each["file"], digest)
        if "manifest" in code:
            found += self._of_pictures(said["configuration"])
        return list(dict.fromkeys(found))

    def _of_code(self, said: dict[str, Any]) -> list[str]:
        if said["configuration"] is None:
            return ["it was drawn by hand, so its code is not known"]
        try:
            now = Jobs(Workflow({**said["configuration"], "results": "results"})).digests()
        except LeakageError as error:
            return [f"its configuration is none here; run this where snakemake ran ({error})"]
        name = said["figure"]
        now[f"figure {name}"] = code("figure", figures.named(name))
        changed = [job for job, digest in said["code"].items() if now.get(job) != digest]
        return [f"the code has changed of: {', '.join(changed)}"] if changed else []

    def _of_input(self, name: str, digest: str) -> list[str]:
        """Return what is amiss with a kept file that was read, and with what that was made of."""
        path = self._kept.get(digest)
        if path is None:
            return [f"{name}: what was read is not there any more"]
        return self._of_kept(path, digest)

    @functools.cache  # noqa: B019 - one object per command
    def _of_kept(self, path: Path, digest: str) -> list[str]:
        if _digest(path) != digest:
            return [f"{path.relative_to(self.results)} is damaged or gone"]
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
        """Return what is amiss with the pictures that the manifest lists."""
        dataset = (configuration or {}).get("dataset", {})
        own = (dataset.get("folder") or {}).get("path") if dataset.get("name") == "folder" else None
        root = self.results / "pictures" if own is None else Path(own)
        if root not in self._pictures_say:
            listed = _pictures(self.results / "manifest.csv", root)
            self._pictures_say[root] = list(_changed(listed, "the picture"))
        return self._pictures_say[root]


def _changed(recorded: dict[str, str], what: str) -> Iterator[str]:
    """Yield which of the user's files, by path, are not those whose SHA-256 was recorded."""
    for path, digest in recorded.items():
        if _digest(Path(path)) != digest:
            yield f"{path}: {what} has changed or is gone"


def _pictures(manifest: Path, root: Path) -> dict[str, str]:
    """Return the SHA-256 that a manifest lists, by path; nothing where there is none."""
    if not manifest.is_file():
        return {}  # the views say that
    with open(manifest, encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        return {str(root / row["file_name"]): row["sha256"] for row in rows}


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.is_file() else None
