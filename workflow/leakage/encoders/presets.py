"""Presets: how weights expect their input, by the tags of a library."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leakage.config.settings import nearest
from leakage.encoders.weights import Source
from leakage.errors import LeakageError

QUICK_GELU = re.compile("[-_]quickgelu")


@dataclass(frozen=True)
class Preset:
    """What a library says about the weights of one tag.

    Attributes:
        mean: of the pixels in [0, 1] that they were trained on, per channel.
        std: their standard deviation, per channel.
        quick_gelu: whether they were trained with quick GELU instead of GELU.
        found: the library's own description.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    quick_gelu: bool
    found: Any


@dataclass(frozen=True)
class Model:
    """The tags of a model of a library.

    Attributes:
        name: the library's name.
        quick_gelu: whether the network computes quick GELU.
        presets: the preset of each tag.
        default: the preset of a model without tags, and of a random network.
        models: names of all models of the library.
        presets_of: returns the presets of another model.
    """

    name: str
    quick_gelu: bool
    presets: Mapping[str, Preset]
    default: Preset
    models: Iterable[str]
    presets_of: Callable[[str], Mapping[str, Preset]]

    def choose(self, source: Source, weights: str, pixels: str | None, where: str) -> Preset:
        """Return the preset of an entry's weights.

        A file does not say how it was trained: `pixels` names a tag that was trained alike. It is
        required if the tags differ.

        Raises:
            LeakageError: the tag is unknown, was trained with another activation than the model's,
                or is needed.
        """
        if source == "tag" or pixels is not None:
            tag, key = (weights, "weights") if source == "tag" else (str(pixels), "pixels")
            return self._of_tag(tag, f"{where}.{key}")
        if source == "file":
            self._refuse_ambiguous(where)
            for tag, preset in self.presets.items():
                if preset.quick_gelu != self.quick_gelu:
                    raise self._other_activation(tag, f"{where}.pixels")
        return self.default

    def _of_tag(self, tag: str, where: str) -> Preset:
        sibling = self._sibling()
        found = self.presets.get(tag)
        if found and found.quick_gelu == self.quick_gelu:
            return found
        if found or (sibling and tag in self.presets_of(sibling)):
            raise self._other_activation(tag, where)
        tags = [each for each in self.presets if each]
        close = f"; the nearest is {nearest(tag, tags)!r}" if tags else ""
        others = ["a path that ends in .safetensors", "random"] if where.endswith("weights") else []
        raise LeakageError(
            f"{where}: {self.name} has no {tag!r}{close} (known: "
            f"{', '.join(tags + others) or 'none'})"
        )

    def _sibling(self) -> str | None:
        """Return the same network with the other activation."""
        name = QUICK_GELU.sub("", self.name)
        same = (each for each in self.models if QUICK_GELU.sub("", each) == name)
        return next((each for each in same if each != self.name), None)

    def _other_activation(self, tag: str, where: str) -> LeakageError:
        sibling = self._sibling()
        return LeakageError(
            f"{where}: {tag!r} was not trained with the activation of {self.name}, and would give "
            f"wrong embeddings; {f'set model: {sibling}' if sibling else 'choose others'}"
        )

    def _refuse_ambiguous(self, where: str) -> None:
        """Refuse a file of a model whose tags differ in pixels or activation."""
        first: dict[tuple[object, ...], str] = {}
        for tag, preset in self.presets.items():
            first.setdefault((preset.mean, preset.std, preset.quick_gelu), tag)
        if len(first) > 1:
            activations = {preset.quick_gelu for preset in self.presets.values()}
            choices = "; ".join(
                f"{tag}: {self._described(tag, len(activations) > 1)}" for tag in first.values()
            )
            raise LeakageError(
                f"{where}.pixels: missing; the tags of {self.name} differ in the mean and std of "
                f"their pixels or in the activation, and a file does not say how it was trained; "
                f"set pixels to the tag that yours is like ({choices})"
            )

    def _described(self, tag: str, with_activation: bool) -> str:
        preset = self.presets[tag]
        activation = f", {'quick GELU' if preset.quick_gelu else 'GELU'}" if with_activation else ""
        return f"mean {preset.mean}, std {preset.std}{activation}"
