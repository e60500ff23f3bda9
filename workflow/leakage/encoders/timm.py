"""Networks from timm without their classifier: the pooled features."""

import functools
import re
from typing import TYPE_CHECKING, Literal

import pydantic

from leakage import encoders
from leakage.config import settings
from leakage.encoders import hub, network, packaged
from leakage.errors import LeakageError

# timm is imported inside the functions, as it takes 5 s (see leakage.encoders).
if TYPE_CHECKING:
    from timm.models import PretrainedCfg

FILES = ("model.safetensors", "pytorch_model.bin")
# What timm's names begin with, where the network's class is called otherwise.
FAMILIES = {"vit": "ViT", "deit": "DeiT"}


class Settings(network.Entry):
    """An entry of `encoders` of this kind; timm's `resnet50.a1_in1k` is its model and its tag."""

    kind: Literal["timm"]

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
    def _weights_have_their_own_pixels(self) -> "Settings":
        own = {"tag": self.weights, "package": None}
        if self.source in own and self.pixels not in (None, own[self.source]):
            raise ValueError(
                f"found pixels {self.pixels!r} beside weights {self.weights!r}, which have their "
                "own; leave pixels out"
            )
        return self


def architecture(entry: Settings, where: str = "encoders") -> network.Architecture:
    """Return the network of an entry.

    Args:
        entry: the configuration entry.
        where: its place in the configuration, for messages.

    Raises:
        LeakageError: timm has no such network, no such weights for it, or does not say which
            pixels a file was trained on.
    """
    import timm

    _refuse_unknown(entry.model, where)
    found = _pretrained(entry, where)
    # By its full name, or timm takes another tag's configuration.
    name = f"{entry.model}.{found.tag}" if found.tag else entry.model
    of_package = entry.source == "package"

    def key(tensor: str) -> str | None:
        own = packaged.tensor_names(entry.model).get(tensor) if of_package else tensor
        return None if own in _classifier(entry.model) else own

    return network.Architecture(
        title=_title(entry.model),
        build=lambda: timm.create_model(name, num_classes=0),
        key=key,
        features=lambda headless: headless,
        image_size=found.input_size[-1] if found.fixed_input_size else None,
        mean=tuple(found.mean),
        std=tuple(found.std),
        fetch=lambda: (
            packaged.fetch(entry.model) if of_package else hub.fetch(found.hf_hub_id, FILES)
        ),
        origin=hub.origin(found.hf_hub_id or ""),
        cache=hub.cache(),
        # Many compute tables of positions while they are built, which no file holds.
        on_meta=False,
        libraries=("torch", "torchvision", "timm"),
    )


def load(entry: Settings, weights: network.Weights, device: str) -> encoders.Encoder:
    """Return the encoder, ready to run (errors as in `network.load`)."""
    return network.load(architecture(entry), entry, weights, device)


def _refuse_unknown(model: str, where: str) -> None:
    # Not timm.is_model, which knows the names of old releases too, and gives them other weights.
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
        f"{where}.model: timm has no {model!r}; the nearest is {settings.nearest(model, known)!r}"
    )


def _pretrained(entry: Settings, where: str) -> "PretrainedCfg":
    """Return timm's configuration of an entry: where a tag lies, its pixels' mean and deviation.

    A file or a random network gets that of `pixels`, or of the model's first tag.
    """
    import timm
    from timm.models import get_arch_pretrained_cfgs

    # A network that nobody has trained has one configuration, without a tag.
    known = {found.tag or "": found for found in get_arch_pretrained_cfgs(entry.model).values()}
    if entry.source == "tag":
        on_hub = {tag: found for tag, found in known.items() if found.hf_hub_id}
        if entry.weights in known and entry.weights not in on_hub:
            raise LeakageError(
                f"{where}.weights: {entry.weights!r} of {entry.model} is not on the hub, but at "
                f"{known[entry.weights].url} only; download it, convert it to .safetensors "
                "(docs/encoders.md) and give its path"
            )
        return _one_of(on_hub, entry.weights, entry.model, f"{where}.weights")
    if entry.pixels is not None:
        return _one_of(known, entry.pixels, entry.model, f"{where}.pixels")
    _refuse_ambiguous(known, entry, where)
    return timm.get_pretrained_cfg(entry.model, allow_unregistered=False)


def _one_of(known: dict[str, "PretrainedCfg"], tag: str, model: str, where: str) -> "PretrainedCfg":
    if tag in known:
        return known[tag]
    tags = [each for each in known if each]
    nearest = f"; the nearest is {settings.nearest(tag, tags)!r}" if tags else ""
    others = ["a path that ends in .safetensors", "random"] if where.endswith("weights") else []
    raise LeakageError(
        f"{where}: {model} has no {tag!r}{nearest} (known: {', '.join(tags + others) or 'none'})"
    )


def _refuse_ambiguous(known: dict[str, "PretrainedCfg"], entry: Settings, where: str) -> None:
    """Refuse a file of a model whose tags were trained on pixels of different mean or deviation."""
    first: dict[tuple[float, ...], str] = {}
    for tag, found in known.items():
        first.setdefault((*found.mean, *found.std), tag)
    if entry.source == "file" and len(first) > 1:
        choices = "; ".join(
            f"{tag}: mean {found.mean}, std {found.std}"
            for tag, found in known.items()
            if tag in first.values()
        )
        raise LeakageError(
            f"{where}.pixels: missing; a file does not say on which pixels it was trained, and the "
            f"tags of {entry.model} differ in that; set pixels to the tag that yours is like "
            f"({choices})"
        )


@functools.cache
def _classifier(model: str) -> frozenset[str]:
    """Return the names of the tensors that a network has only if it has a classifier.

    Read off the network: the layer that timm's configuration names is often only a part of it.
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
