"""The same configuration gives the same bytes on every machine, and training the same numbers."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import torch
from leakage.estimators import estimate
from leakage.schemes import keystream
from leakage.steps import manifest, places, view
from leakage.storage import files
from leakage.storage.views import View
from snake import REPOSITORY

KEY_FILE = REPOSITORY / "workflow" / "keys" / "test.key"
PHOTOGRAPHS = ["coffee", "camera", "rocket"]  # PNG in colour and grey, JPEG
LEVELS = (0, 4, 8)
SCHEMES = ("msb_xor", "pixel_permutation")
# SHA-256 of the results on all machines so far. Other versions of Pillow or NumPy, or a deliberate
# change of the results, may change them.
KNOWN = {
    "manifest.csv": "c1b7e21f978c0ff828cff98c69e52136aafc2bd45b41a293112ef7390305f6ab",
    "patches.csv": "208381aa761e9f6d6c17888fe78bac55889008aa387eec8894049f17b3bea8cd",
    "msb_xor-0": "c2277841d1481dab5456d63eb1bbe511890a21d454a04663058817e320c797e8",
    "msb_xor-4": "0553299989a4090ad056af9976d4b8574139d6c5d873ae1539b661ce228e69fe",
    "msb_xor-8": "3dff2266e3587ee317edfc322f6503ad5f41ff4b21b39f6061d54fac1ada3418",
    "pixel_permutation-0": "c2277841d1481dab5456d63eb1bbe511890a21d454a04663058817e320c797e8",
    "pixel_permutation-4": "8b2676cb5cecf8a5e1b7a73dea13c42c3dcb1dc7a44112c5487479b3fdbfad30",
    "pixel_permutation-8": "771066504c42c5ac68d3f5ab82a300539bfa3b5620db9f27f5a64f1229508a3b",
    "histogram": "2db48249bbc8d89a70589488383e9b1d280e71f1ef70fd1f44e61f6e41859b43",
}
# Optional processor extensions that NumPy uses if they are there.
EXTENSIONS = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512_SKX AVX2 FMA3"
# Largest difference, in nats, between trainings with other numbers of threads (docs/method.md).
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest, places and views of three photographs, by the steps."""
    folder = tmp_path_factory.mktemp("made")
    settings = {"names": PHOTOGRAPHS, "too_small": "refuse"}
    dataset = {"name": "photographs", "settings": settings, "patch_size": 64}
    listed, pictures = folder / "manifest.csv", folder / "pictures"
    manifest.main(listed, pictures, folder / "skipped.csv", json.dumps(dataset))
    drawn = json.dumps({"seed": 0, "size": 64, "per_image": 9})
    places.main(listed, folder / "patches.csv", drawn)
    fingerprint = keystream.fingerprint(keystream.read_key(KEY_FILE))
    for scheme in SCHEMES:
        for level in LEVELS:
            encryption = {
                "scheme": scheme,
                "definition": {"cipher": scheme, "levels": [level]},
                "key_file": str(KEY_FILE),
                "key_fingerprint": fingerprint,
            }
            output = folder / f"{scheme}-{level}.parquet"
            view.main(listed, output, pictures, level, json.dumps(encryption))
    return folder


def histogram(folder: Path, without: str = "") -> bytes:
    """Return the exact estimate's table as text, computed without some processor extensions."""
    paths = [str(folder / f"msb_xor-{level}.parquet") for level in (0, *LEVELS)]
    output = folder / f"histogram-{len(without)}.csv"
    line = [sys.executable, "-m", "leakage", "--threads", "1", "estimate", "histogram", *paths]
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": without, "PYTHONWARNINGS": "ignore"}
    subprocess.run([*line, "--output", str(output)], env=environment, check=True)
    return output.read_bytes()


def without_floor(table: bytes) -> bytes:
    """Return a table without the two columns that say how far it can be trusted, as text."""
    rows = pd.read_csv(io.BytesIO(table), dtype=str, keep_default_na=False)
    assert (rows.pop("floor") == "0.0").all() and (rows.pop("estimable") == "True").all()
    return rows.to_csv(index=False).encode()


def test_files_and_exact_estimates_are_the_same_on_every_machine(
    made: Path,
) -> None:
    found = {name: files.sha256(made / name) for name in ("manifest.csv", "patches.csv")}
    for scheme in SCHEMES:
        for level in LEVELS:
            pictures = View(made / f"{scheme}-{level}.parquet")
            parts = (f"{name} {seen.shape}".encode() + seen.tobytes() for name, seen in pictures)
            found[f"{scheme}-{level}"] = hashlib.sha256(b"".join(parts)).hexdigest()
    found["histogram"] = hashlib.sha256(without_floor(histogram(made))).hexdigest()
    assert found == KNOWN


def test_exact_estimates_do_not_depend_on_the_processor(made: Path) -> None:
    assert histogram(made, EXTENSIONS) == histogram(made)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("mine", {"epochs": 4, "folds": 3, "seeds": 1, "permutations": 19, "bootstraps": 20}),
        ("mine_training", {"epochs": 8, "batch": 30, "seeds": 1, "pca": 32}),
    ],
)
def test_training_gives_the_same_values_with_one_two_and_four_threads(
    method: str, settings: dict
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 128)).astype(np.float32)
    y = np.stack([x + scale * generator.normal(size=x.shape) for scale in (0.5, 4)])
    y = y.astype(np.float32)
    groups = np.arange(len(x)) // 6
    before, tables = torch.get_num_threads(), []
    try:
        for count in (1, 2, 4):
            torch.set_num_threads(count)
            with threadpoolctl.threadpool_limits(count):
                tables.append(estimate(method, x, y, groups, device="cpu", **settings))
    finally:
        torch.set_num_threads(before)
    for other in tables[1:]:
        pd.testing.assert_frame_equal(other, tables[0], check_exact=False, atol=TOLERANCE, rtol=0)
