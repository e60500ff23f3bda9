"""Where every file of a run lies: the path grammar of the results folder."""

from dataclasses import dataclass
from pathlib import Path

# The scheme of level 0: the plain pictures, which all schemes share.
PLAIN = "plain"
PIXELS = "pixels"
# The scheme name of random pictures, the reference in tables of classic measures.
NOISE = "noise"
# Ends the name of a representation of whole pictures: `clip-whole`.
WHOLE = "-whole"
# In place of an estimator's key: the table of classic measures, of the tests of ciphertexts (the
# level takes the place of the representation), of exact tests, of an analysis, or of an attack
# (whose key takes that place).
MEASURES, SECURITY, TESTS, ANALYSIS = "measures", "security", "tests", "analysis"
ATTACKS = "attacks"
# Parts of the patches of a scheme with a region. `faces@inside` takes the place of `faces` in the
# paths of estimates and tests; no key of a scheme contains an @.
INSIDE, OUTSIDE, ACROSS = "inside", "outside", "across"
PARTS = (INSIDE, OUTSIDE, ACROSS)
AT = "@"
# In figures and tables: `faces, inside`.
PART_SEPARATOR = ", "
FIGURE_FILES = ("png", "pdf", "csv", "json")


def folder_of(scheme: str, level: int) -> str:
    """Return the name of the folder that holds a level of a scheme, or of a part of it."""
    return PLAIN if level == 0 else scheme_of(scheme)


def scheme_of(name: str) -> str:
    """Return the scheme of `faces@inside`; another name is a scheme's, and stays."""
    return name.partition(AT)[0]


def part_of(name: str) -> str:
    """Return the part in `faces@inside`; empty for a whole scheme."""
    return name.partition(AT)[2]


def title(scheme: str, part: str) -> str:
    """Return a scheme or a part of it as figures and tables name it: `faces, inside`."""
    return f"{scheme}{PART_SEPARATOR}{part}" if part else scheme


def encoder_of(representation: str) -> str:
    """Return the encoder of a representation; `pixels` has none, and stays."""
    return representation.removesuffix(WHOLE)


@dataclass(frozen=True)
class Paths:
    """The files of a run.

    Attributes:
        results: the folder of the run.
        shards: into how many parts views and embeddings are divided; with 1 they are single files.
    """

    results: Path
    shards: int = 1

    @property
    def manifest(self) -> Path:
        """The list of pictures."""
        return self.results / "manifest.csv"

    @property
    def places(self) -> Path:
        """The places of all patches."""
        return self.results / "patches.csv"

    def regions(self, scheme: str) -> Path:
        """Return the table of which patches of a scheme are inside its region."""
        return self.results / f"regions/{scheme_of(scheme)}.csv"

    @property
    def part(self) -> str:
        """The pattern of a view's or an embedding's file name, without its suffix."""
        return "{level}" if self.shards == 1 else "{level}/{shard}"

    def view(self, scheme: str, level: int) -> Path:
        """Return a view as a step reads it: one file, or the folder of its shards."""
        name = f"{level}.parquet" if self.shards == 1 else str(level)
        return self.results / "views" / folder_of(scheme, level) / name

    def view_files(self, scheme: str, level: int) -> list[Path]:
        """Return the files of a view, one per shard."""
        view = self.view(scheme, level)
        if self.shards == 1:
            return [view]
        return [view / f"{shard}.parquet" for shard in range(self.shards)]

    def weights_record(self, encoder: str) -> Path:
        """Return the record of the weights that an encoder uses."""
        return self.results / f"record/weights/{encoder}.safetensors"

    def embedding(self, encoder: str, scheme: str, level: int) -> Path:
        """Return the embeddings of a level."""
        folder = self.results / "embeddings" / encoder / folder_of(scheme, level)
        return folder / f"{level}.parquet"

    def represented(self, representation: str, scheme: str, level: int) -> Path:
        """Return a level in a representation, as a step reads it."""
        if representation == PIXELS:
            return self.view(scheme, level)
        return self.embedding(encoder_of(representation), scheme, level)

    def represented_files(self, representation: str, scheme: str, level: int) -> list[Path]:
        """Return the files that a level in a representation consists of."""
        if representation == PIXELS:
            return self.view_files(scheme, level)
        return [self.represented(representation, scheme, level)]

    def table(self, estimator: str, representation: str, scheme: str | None) -> Path:
        """Return a table: of an estimate, measures, an attack, exact tests, and so on."""
        if estimator == MEASURES:
            return self.results / f"measures/{scheme}.parquet"
        if estimator == SECURITY:
            return self.security(scheme or "", int(representation))
        if estimator == ATTACKS:
            return self.results / f"attacks/{representation}/{scheme}.parquet"
        if estimator == ANALYSIS:
            name = f"{representation}/{scheme}" if scheme else representation
            return self.results / f"analysis/{name}.parquet"
        if estimator == TESTS:
            return self.results / f"tests/{representation}/{scheme}.parquet"
        return self.results / f"estimates/{estimator}/{representation}/{scheme}.parquet"

    def security(self, scheme: str, level: int) -> Path:
        """Return the tests of the ciphertexts of a level."""
        return self.results / f"security/{scheme}/{level}.parquet"

    def throughput(self, scheme: str, level: int) -> Path:
        """Return the times that the encryption of each picture took."""
        return self.results / f"record/throughput/{scheme}/{level}.csv"

    def checkpoint(self, estimator: str, representation: str, scheme: str) -> Path:
        """Return the state of a training, which an interrupted job resumes from."""
        return self.results / f"checkpoints/{estimator}/{representation}/{scheme}.pt"

    def figure(self, name: str, suffix: str = "") -> Path:
        """Return a file of a figure; without a suffix, what its files' names start with."""
        return self.results / "figures" / (f"{name}.{suffix}" if suffix else name)

    def calibration(self, estimator: str, task: str) -> Path:
        """Return the calibration of an estimator on a task."""
        return self.results / f"calibration/{estimator}/{task}.parquet"
