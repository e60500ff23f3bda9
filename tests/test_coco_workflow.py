"""COCO through Snakemake: from a real HTTP server on this machine to a figure."""

import json
import zipfile
from pathlib import Path

import mirror
import pandas as pd
import pytest
from servers import closed_port, serving
from snake import REPOSITORY, snakemake

SHARED = REPOSITORY.parent / "shared"
WEIGHTS = Path("..") / "shared" / "weights" / "squeezenet1_0.safetensors"


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


def listed_sizes(root: Path) -> list[int]:
    """Return the number of pixels of every picture that a mirror lists."""
    with zipfile.ZipFile(root / "annotations" / "annotations_trainval2017.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("_val2017.json"))
        images = json.loads(archive.read(name))["images"]
    return [image["width"] * image["height"] for image in images]


@pytest.mark.slow
@pytest.mark.skipif(
    not (SHARED / "coco-mirror").is_dir(), reason="no mirror of COCO beside this checkout"
)
def test_a_copy_of_coco_s_files_becomes_figures_of_a_network(tmp_path: Path) -> None:
    encoder, config = "statistics", {}
    if (REPOSITORY / WEIGHTS).is_file():
        encoder = "squeezenet1_0"
        entry = {"kind": "torchvision", "model": encoder, "weights": str(WEIGHTS)}
        config = {"encoders": {encoder: entry}}
    results = tmp_path / "results"
    config |= {"paper": {"clip": encoder, "resnet": encoder}, "patches": {"size": 224}}
    config["figures"] = ["fig2", "fig3a", "fig7"]
    with serving(SHARED / "coco-mirror") as server:
        run = snakemake(results, config=coco(server.url, 6) | config)
    assert run.status == 0, run.output
    manifest = pd.read_csv(results / "manifest.csv")
    pixels = manifest["width"] * manifest["height"]
    assert list(pixels) == sorted(listed_sizes(SHARED / "coco-mirror"), reverse=True)[:6]
    embedding = results / "embeddings" / encoder / "msb_xor" / "4.parquet"
    assert pd.read_parquet(embedding)["image_id"].nunique() == 6


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
