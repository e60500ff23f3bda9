"""The weights record: which weights an encoder has, found once for the many jobs that embed.

The step `find_weights` writes it to `record/weights/{encoder}.safetensors`. The file holds no
weights, only their place and SHA-256 and, for an untrained network, its BatchNorm statistics.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leakage.config.settings import Settings
from leakage.storage import files

if TYPE_CHECKING:
    import torch

KEY = "leakage"

Source = Literal["random", "package", "file", "tag"]


class Record(Settings):
    """Which weights an encoder has.

    Attributes:
        kind: the encoder's kind.
        model: the library's name of the network.
        weights: the value in the configuration: `random`, `package`, a path or a tag.
        source: which of the four it is.
        file: path of the weights file; None for `random`.
        sha256: of that file.
        label: the encoder's name in figures.
        untrained: whether the network has random weights.
        seed: of a random network; None otherwise.
        batch_norm_patches: number of plain patches behind the BatchNorm statistics; 0 without.
        mean: of the pixels in [0, 1] that the weights expect, per channel.
        std: their standard deviation, per channel.
    """

    kind: str
    model: str
    weights: str
    source: Source
    file: str | None
    sha256: str | None
    label: str
    untrained: bool
    seed: int | None
    batch_norm_patches: int
    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class Weights:
    """The content of a weights record."""

    record: Record
    statistics: "dict[str, torch.Tensor]"


def write(path: Path | str, weights: Weights) -> None:
    """Write a weights record as a safetensors file, with `Record` as JSON in its header."""
    from safetensors.torch import save

    content = save(weights.statistics, {KEY: weights.record.model_dump_json()})
    with files.kept_file(path) as temporary:
        temporary.write_bytes(content)


def read(path: Path | str) -> Weights:
    """Return a weights record, after checking its checksum."""
    from safetensors import safe_open

    with safe_open(files.check(path), "pt") as stored:
        record = Record.model_validate_json(stored.metadata()[KEY])
        return Weights(record, {name: stored.get_tensor(name) for name in stored.offset_keys()})
