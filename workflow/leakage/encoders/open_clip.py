"""The image towers of CLIP and its relatives, from open_clip."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leakage import encoders
from leakage.config import settings
from leakage.encoders import hub, network
from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch

# What a weights file calls the image tower; the rest is the text tower, which nothing here needs.
TOWER = "visual."
# The factor of quick GELU, and how models that have it are called.
QUICK = 1.702
QUICK_GELU = "-quickgelu"


class Settings(network.Entry):
    """An entry of `encoders` of this kind; a tag is one of open_clip's pretrained tags.

    A file does not say with which activation it was trained: for OpenAI's weights the model is the
    one that ends in -quickgelu, whether they come by tag or as a file.
    """

    kind: Literal["open_clip"]
    model: str = "ViT-B-32-quickgelu"
    """name of the network in open_clip; OpenAI's weights need one that ends in -quickgelu"""
    weights: str = "openai"
    """one of open_clip's tags, a path that ends in .safetensors, or `random` (untrained)"""


def architecture(entry: Settings, where: str = "encoders") -> network.Architecture:
    """Return the image tower of an entry; embeddings are not scaled to unit length.

    Args:
        entry: the configuration entry.
        where: its place in the configuration, for messages.

    Raises:
        LeakageError: open_clip has no such network, no such weights for it, or they were trained
            with another activation than it has.
    """
    # open_clip is imported here, as it takes 5 s (see leakage.encoders). The tower has no public
    # way of its own: create_model builds the text tower as well, 1.5 s more in every job.
    import open_clip
    from open_clip.model import _build_vision_tower

    if entry.model not in open_clip.list_models():
        raise LeakageError(
            f"{where}.model: open_clip has no {entry.model!r}; the nearest is "
            f"{settings.nearest(entry.model, open_clip.list_models())!r}"
        )
    config = open_clip.get_model_config(entry.model)
    # Neither timm's own weights nor a tower that gives its tokens beside the embedding.
    vision = config["vision_cfg"] | {"timm_model_pretrained": False, "output_tokens": False}
    pretrained = _pretrained(entry, config.get("quick_gelu", False), where)
    return network.Architecture(
        title=_title(entry.model),
        build=lambda: _build_vision_tower(
            config["embed_dim"], vision, config.get("quick_gelu", False)
        ),
        key=_key,
        features=lambda tower: tower,
        image_size=vision.get("image_size", 224),
        mean=tuple(pretrained.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        std=tuple(pretrained.get("std", open_clip.OPENAI_DATASET_STD)),
        fetch=lambda: _fetch(pretrained["hf_hub"]),
        origin=hub.origin(pretrained.get("hf_hub", "").rstrip("/")),
        cache=hub.cache(),
        # timm's networks are many, and some compute with their tensors while they are built.
        on_meta="timm_model_name" not in vision,
        libraries=("torch", "torchvision", "open_clip_torch", "timm"),
        fold=fold_quick_gelu,
    )


def fold_quick_gelu(tower: "torch.nn.Module") -> None:
    """Let a tower compute x sigmoid(1.702 x) as torch's SiLU; its weights change, in place.

    The factor moves into the layers around: silu(1.702 x) / 1.702 is the same, but for rounding, in
    one pass over the widest layer in place of three.
    """
    import torch
    from open_clip.transformer import QuickGELU

    for module in tower.modules():
        if isinstance(module, torch.nn.Sequential):
            kinds = [type(layer) for layer in module]
            if kinds == [torch.nn.Linear, QuickGELU, torch.nn.Linear]:
                with torch.no_grad():
                    module[0].weight *= QUICK
                    module[0].bias *= QUICK
                    module[2].weight /= QUICK
                module[1] = torch.nn.SiLU(inplace=True)


def load(entry: Settings, weights: network.Weights, device: str) -> encoders.Encoder:
    """Return the encoder, ready to run (errors as in `network.load`)."""
    return network.load(architecture(entry), entry, weights, device)


def _pretrained(entry: Settings, quick_gelu: bool, where: str) -> dict[str, Any]:
    """Return open_clip's configuration of an entry's tag: where it lies, its pixels' mean and std.

    A file or a random network gets that of the model's first tag: the same pixels as it.
    """
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(entry.model)
    if entry.source != "tag":
        return open_clip.get_pretrained_cfg(entry.model, tags[0]) if tags else {}
    found = open_clip.get_pretrained_cfg(entry.model, entry.weights)
    if found and found.get("quick_gelu", False) == quick_gelu:
        return found
    sibling = _sibling(entry.model)
    if found or open_clip.is_pretrained_cfg(sibling, entry.weights):
        known = sibling in open_clip.list_models()
        raise LeakageError(
            f"{where}.weights: {entry.weights!r} was not trained with the activation of "
            f"{entry.model}, and would give wrong embeddings; "
            f"{f'set model: {sibling}' if known else 'choose others'}"
        )
    nearest = f"; the nearest is {settings.nearest(entry.weights, tags)!r}" if tags else ""
    raise LeakageError(
        f"{where}.weights: {entry.model} has no {entry.weights!r}{nearest} (known: "
        f"{', '.join([*tags, 'a path that ends in .safetensors'])}, and random)"
    )


def _fetch(address: str) -> Path:
    """Return the hub's file of open_clip's address `owner/name/` or `owner/name/file`."""
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    repository, _, file = address.rpartition("/")
    return hub.fetch(repository, [file] if file else [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME])


def _key(name: str) -> str | None:
    """Return the image tower's name for a tensor of a whole model, None for the text tower's."""
    # Checkpoints of distributed training put `module.` before every name.
    name = name.removeprefix("module.")
    return name.removeprefix(TOWER) if name.startswith(TOWER) else None


def _sibling(model: str) -> str:
    """Return the same network with the other activation."""
    return model.removesuffix(QUICK_GELU) if model.endswith(QUICK_GELU) else model + QUICK_GELU


def _title(model: str) -> str:
    """Return `CLIP ViT-B/32` for `ViT-B-32-quickgelu`: one network in figures."""
    name = re.sub(r"(ViT-[A-Za-z]+)-(\d+)", r"\1/\2", model.removesuffix(QUICK_GELU))
    return name if "clip" in name.lower() else f"CLIP {name}"
