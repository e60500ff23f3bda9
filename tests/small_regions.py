"""A run with a region, step by step in this process: pictures of 64 pixels, their left part."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from leakage.schemes import keystream
from leakage.steps import embed, estimate, manifest, places, regions, test, view
from leakage.storage import files
from PIL import Image

SIZE, PATCH, PICTURES = 64, 16, 36
REGION = {"box": [0.0, 0.0, 0.6, 1.0]}
KEY = Path(__file__).parents[1] / "workflow" / "keys" / "test.key"


@dataclass(frozen=True)
class Run:
    """The folder of the run, and the key of its scheme."""

    folder: Path
    region: dict[str, object]

    def path(self, name: str) -> Path:
        return self.folder / name

    def level(self, kind: str, level: int) -> Path:
        return self.path(f"{kind}-{level}.parquet")

    def make(self) -> "Run":
        """Make everything up to the embeddings, and the table of parts."""
        self.path("pictures").mkdir()
        for number in range(PICTURES):
            Image.fromarray(picture(number)).save(self.path(f"pictures/{number}.png"))
        given = {"path": str(self.path("pictures"))}
        told = {"name": "folder", "settings": given, "patch_size": PATCH}
        manifest.main(
            self.path("manifest.csv"), self.path("x"), self.path("skipped.csv"), json.dumps(told)
        )
        drawn = json.dumps({"seed": 0, "size": PATCH, "per_image": 6})
        places.main(self.path("manifest.csv"), self.path("patches.csv"), drawn)
        for level in (0, 1):
            self.encrypt(level)
            self.embed(level)
        told = {"region": self.region, "size": PATCH}
        inputs = self.path("manifest.csv"), self.path("patches.csv"), self.path("regions.csv")
        regions.main(*inputs, json.dumps(told))
        return self

    def encrypt(self, level: int) -> None:
        encryption = {"scheme": "faces" if level else "plain"}
        if level:
            encryption["definition"] = {"cipher": "full", "levels": [1], "region": self.region}
            encryption["key_file"] = str(KEY)
            encryption["key_fingerprint"] = keystream.fingerprint(keystream.read_key(KEY))
        view.main(
            self.path("manifest.csv"),
            self.level("view", level),
            self.path("pictures"),
            level,
            json.dumps(encryption),
        )

    def embed(self, level: int) -> None:
        paths = self.level("view", level), self.path("patches.csv"), self.level("embedding", level)
        settings = json.dumps({"kind": "statistics", "grid": 2})
        embed.main(*paths, "statistics", settings, PATCH, "")

    def tested(self, part: str) -> pd.DataFrame:
        """Return the p-values of a part."""
        x, y = (self.level("embedding", level) for level in (0, 1))
        output = self.path(f"tests-{part}.parquet")
        test.main(x, [x, y], output, part=part, parts=self.path("regions.csv"), permutations=199)
        return files.read_table(output)[0].to_pandas()

    def estimated(self, name: str, part: str, kind: str = "embedding", **how: object) -> Path:
        """Write the estimate of a part, and return its path."""
        x, y = (self.level(kind, level) for level in (0, 1))
        output = self.path(f"{name}-{kind}-{part}.parquet")
        parts = self.path("regions.csv") if kind == "embedding" else None
        settings = json.dumps(how)
        estimate.main(name, x, [x, y], output, part=part, parts=parts, settings=settings)
        return output


def picture(number: int) -> np.ndarray:
    """Return a picture of smooth colours, uint8 (64, 64, 3)."""
    generator = np.random.default_rng([7, number])
    coarse = Image.fromarray(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
