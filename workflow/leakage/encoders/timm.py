"""Networks from timm without their classifier: the pooled features."""

import functools
import re
from typing import TYPE_CHECKING, Literal

import pydantic

from leakage.config.settings import nearest
from leakage.encoders import hub, packaged
from leakage.encoders.network import Architecture, Network
from leakage.errors import LeakageError

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

FILES = ("model.safetensors", "pytorch_model.bin")
# Beginnings of timm's names that differ from the name of the network's class.
FAMILIES = {"vit": "ViT", "deit": "DeiT"}


class Timm(Network):
    """A network of timm; timm's name `resnet50.a1_in1k` is its model and its tag."""

    kind: Literal["timm"] = "timm"

    model: str = "vit_small_patch16_224"
    """name of the network in timm, without the tag"""

    weights: str = "augreg_in21k_ft_in1k"
    """tag of the weights (the part of timm's name after the dot), path to .safetensors, package, or
    random

    A file may contain a classifier with any number of classes; it is left out. `package` takes the
    weights from an installed Python package: tf_efficientnet_lite0, lite1 and lite2 have one.
    """

    pixels: str | None = None
    """tag that gives the pixels' mean and standard deviation for a file or a random network

    It is required for a file if the model's tags differ in them, because the file does not say.
    """

    @pydantic.model_validator(mode="after")
    def _weights_have_their_own_pixels(self) -> "Timm":
        own = {"tag": self.weights, "package": None}
        if self.source in own and self.pixels not in (None, own[self.source]):
            raise ValueError(
                f"found pixels {self.pixels!r} beside weights {self.weights!r}, which have their "
                "own; leave pixels out"
            )
        return self

    def architecture(self, where: str = "encoders") -> Architecture:
        """Return the network of the entry, without its classifier."""
        import timm

        model = self.model
        _refuse_unknown(model, where)
        found = self._pretrained(where)
        # By its full name, or timm takes another tag's configuration.
        name = f"{model}.{found.tag}" if found.tag else model
        of_package = self.source == "package"

        def key(tensor: str) -> str | None:
            own = packaged.tensor_names(model).get(tensor) if of_package else tensor
            return None if own in _classifier(model) else own

        return Architecture(
            title=_title(model),
            build=lambda: timm.create_model(name, num_classes=0),
            key=key,
            features=lambda headless: headless,
            image_size=found.input_size[-1] if found.fixed_input_size else None,
            mean=tuple(found.mean),
            std=tuple(found.std),
            fetch=lambda: (
                packaged.fetch(model) if of_package else hub.fetch(found.hf_hub_id or "", FILES)
            ),
            origin=hub.origin(found.hf_hub_id or ""),
            cache=hub.cache(),
            # Many compute tables of positions while they are built, which no file holds.
            on_meta=False,
            libraries=("torch", "torchvision", "timm"),
        )

    def _pretrained(self, where: str) -> "PretrainedCfg":
        """Return timm's configuration of the tag: its address, and its pixels' mean and std."""
        import timm
        from timm.models import get_arch_pretrained_cfgs

        # A network without trained weights has one configuration, without a tag.
        known = {found.tag or "": found for found in get_arch_pretrained_cfgs(self.model).values()}
        if self.source == "tag":
            on_hub = {tag: found for tag, found in known.items() if found.hf_hub_id}
            if self.weights in known and self.weights not in on_hub:
                raise LeakageError(
                    f"{where}.weights: {self.weights!r} of {self.model} is not on the hub, only at "
                    f"{known[self.weights].url}; download it, convert it to .safetensors "
                    "(docs/encoders.md) and give its path"
                )
            tag = _one_of(on_hub, self.weights, self.model, f"{where}.weights")
            _refuse_other_activation(self.model, tag, where)
            return tag
        if self.pixels is not None:
            return _one_of(known, self.pixels, self.model, f"{where}.pixels")
        self._refuse_ambiguous(known, where)
        first = timm.get_pretrained_cfg(self.model, allow_unregistered=False)
        assert first is not None  # the model is registered
        return first

    def _refuse_ambiguous(self, known: dict[str, "PretrainedCfg"], where: str) -> None:
        """Refuse a file of a model whose tags differ in the pixels' mean or deviation."""
        first: dict[tuple[float, ...], str] = {}
        for tag, found in known.items():
            first.setdefault((*found.mean, *found.std), tag)
        if self.source == "file" and len(first) > 1:
            choices = "; ".join(
                f"{tag}: mean {known[tag].mean}, std {known[tag].std}" for tag in first.values()
            )
            raise LeakageError(
                f"{where}.pixels: missing; the tags of {self.model} differ in the mean and std of "
                f"their pixels, and a file does not say which it was trained on; set pixels to the "
                f"tag that yours is like ({choices})"
            )


def _refuse_other_activation(model: str, tag: "PretrainedCfg", where: str) -> None:
    """Refuse weights that were trained with quick GELU in a network with GELU.

    timm offers the same weights for both, and only a note says which activation they had.
    """
    import timm

    quick = any("quickgelu" in note.lower() for note in tag.notes or ())
    if not quick or "quickgelu" in model:
        return
    sibling = model.replace("_clip_", "_clip_quickgelu_")
    known = sibling in timm.list_models()
    raise LeakageError(
        f"{where}.weights: {tag.tag!r} was not trained with the activation of {model}, and would "
        f"give wrong embeddings; {f'set model: {sibling}' if known else 'choose others'}"
    )


def _refuse_unknown(model: str, where: str) -> None:
    # Not timm.is_model, which also knows the names of old releases, with other weights.
    import timm

    known = timm.list_models()
    name, _, tag = model.partition(".")
    if model in known:
        return
    if tag and name in known:
        raise LeakageError(
            f"{where}.model: found {model!r}, expected the name without its tag; set model: {name} "
            f"and weights: {tag}"
        )
    raise LeakageError(
        f"{where}.model: timm has no {model!r}; the nearest is {nearest(model, known)!r}"
    )


def _one_of(known: dict[str, "PretrainedCfg"], tag: str, model: str, where: str) -> "PretrainedCfg":
    if tag in known:
        return known[tag]
    tags = [each for each in known if each]
    close = f"; the nearest is {nearest(tag, tags)!r}" if tags else ""
    others = ["a path that ends in .safetensors", "random"] if where.endswith("weights") else []
    raise LeakageError(
        f"{where}: {model} has no {tag!r}{close} (known: {', '.join(tags + others) or 'none'})"
    )


@functools.cache
def _classifier(model: str) -> frozenset[str]:
    """Return the names of the tensors that only the network with a classifier has.

    They are found by comparing both networks: timm's configuration often names only a part of them.
    """
    import timm
    import torch

    with torch.device("meta"):
        whole, headless = (
            timm.create_model(model, num_classes=classes).state_dict() for classes in (2, 0)
        )
    return frozenset(whole.keys() - headless.keys())


def _title(model: str) -> str:
    """Return `ViT small/16 224` for `vit_small_patch16_224`, `ResNet-50` for `resnet50`."""
    from timm.models import model_entrypoint

    if model in packaged.PACKAGES:
        return packaged.PACKAGES[model].title
    returned = model_entrypoint(model).__annotations__.get("return")
    families = FAMILIES | {name.lower(): name for name in [getattr(returned, "__name__", "")]}
    words = re.sub(r"_patch(\d+)", r"/\1", model).replace("_", " ")
    start = max((each for each in families if words.startswith(each)), key=len, default="")
    rest = words.removeprefix(start)
    return f"{families.get(start, '')}{'-' if start and rest[:1].isdigit() else ''}{rest}"
