"""COCO through Snakemake: from a real HTTP server on this machine to a figure."""

from pathlib import Path

import mirror
import pandas as pd
from servers import closed_port, serving
from snake import snakemake


def coco(url: str, count: int, **branch: object) -> dict:
    """Return the configuration of figure 2 from `count` pictures."""
    coco = {"base_url": url, "count": count, **branch}
    return {"dataset": {"name": "coco", "coco": coco}, "figures": ["fig2"]}


def test_a_small_mirror_becomes_a_figure(tmp_path: Path) -> None:
    root = mirror.make(tmp_path / "mirror")
    results = tmp_path / "results"
    with serving(root) as server:
        # The sixth picture is smaller than a patch, and not among the five largest.
        config = coco(server.url, 5) | {"patches": {"size": 32}}
        run = snakemake(results, config=config)
    assert run.status == 0, run.output
    manifest = pd.read_csv(results / "manifest.csv")
    assert len(manifest) == 5 and manifest[["license", "source"]].notna().all().all()
    assert all((results / "pictures" / name).is_file() for name in manifest["file_name"])
    table = pd.read_csv(results / "figures" / "fig2.csv").set_index("level")
    assert list(table.index) == [0, 4, 8] and table.loc[8, "mi_bits"] == 0
    assert (table["mi_bits"] - table["entropy_bits"]).abs().max() < 1e-9
    asked = [path for path in server.paths() if path.endswith(".jpg")]
    assert len(set(asked)) == 5
    assert server.bytes_sent("/annotations/annotations_trainval2017.zip") < 1 << 19


def test_an_unreachable_host_is_one_error_and_leaves_no_manifest(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    results = tmp_path / "results"
    config = coco(url, 5, retries=0, timeout=2.0)
    run = snakemake(results, targets=("manifest.csv",), config=config)
    assert run.status != 0
    (line,) = run.lines_with("error: ")
    assert url in line and "dataset.coco.base_url" in line
    assert "Traceback" not in run.output
    assert list(results.glob("manifest.csv*")) == []
    assert not list(results.rglob("*.part"))
