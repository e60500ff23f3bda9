"""Networks from timm without their classifier: the pooled features."""

import functools
import re
from typing import TYPE_CHECKING, Literal

from leakage.config.settings import nearest
from leakage.encoders import hub, packaged
from leakage.encoders.network import Architecture, Network
from leakage.encoders.presets import Model, Preset
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

    def architecture(self, where: str = "encoders") -> Architecture:
        """Return the network of the entry, without its classifier."""
        import timm

        model = self.model
        _refuse_unknown(model, where)
        presets = _presets(model)
        if self.source == "tag" and (found := presets.get(self.weights)):
            _refuse_elsewhere(found.found, model, where)
        preset = Model(
            name=model,
            quick_gelu="quickgelu" in model,
            presets=presets,
            default=presets[_default_tag(model)],
            models=timm.list_models(),
            presets_of=_presets,
        ).choose(self.source, self.weights, self.pixels, where)
        found = preset.found
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
            usual_size=found.input_size[-1],
            preset=preset,
            fetch=lambda: (
                packaged.fetch(model) if of_package else hub.fetch(found.hf_hub_id or "", FILES)
            ),
            origin=hub.origin(found.hf_hub_id or ""),
            cache=hub.cache(),
            # Many compute tables of positions while they are built, which no file holds.
            on_meta=False,
            libraries=("torch", "torchvision", "timm"),
        )


def _presets(model: str) -> dict[str, Preset]:
    """Return what timm says about each tag; a network without trained weights has the tag ''.

    timm's notes name the weights that were trained with quick GELU.
    """
    from timm.models import get_arch_pretrained_cfgs

    return {
        found.tag or "": Preset(
            tuple(found.mean),
            tuple(found.std),
            "quickgelu" in model or any("quickgelu" in each.lower() for each in found.notes or ()),
            found,
        )
        for found in get_arch_pretrained_cfgs(model).values()
    }


def _default_tag(model: str) -> str:
    """Return the tag that timm takes if none is named."""
    import timm

    found = timm.get_pretrained_cfg(model, allow_unregistered=False)
    assert found is not None  # the model is registered
    return found.tag or ""


def _refuse_elsewhere(found: "PretrainedCfg", model: str, where: str) -> None:
    """Refuse a tag whose weights are not on the hub."""
    if not found.hf_hub_id:
        raise LeakageError(
            f"{where}.weights: {found.tag!r} of {model} is not on the hub, only at {found.url}; "
            "download it, convert it to .safetensors (docs/encoders.md) and give its path"
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
