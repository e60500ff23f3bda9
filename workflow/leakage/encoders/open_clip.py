"""The image towers of CLIP and its relatives, from open_clip."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leakage.config.settings import nearest
from leakage.encoders import hub
from leakage.encoders.network import Architecture, Network
from leakage.encoders.presets import QUICK_GELU, Model, Preset
from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch

# The image tower's tensors in a weights file begin with this; the rest is the text tower.
TOWER = "visual."
# The factor of quick GELU.
QUICK = 1.702


class OpenClip(Network):
    """The image tower of a model of open_clip; a tag is one of open_clip's pretrained tags.

    A file does not say with which activation it was trained. OpenAI's weights, by tag or as a file,
    need the model whose name ends in -quickgelu.
    """

    kind: Literal["open_clip"] = "open_clip"
    model: str = "ViT-B-32-quickgelu"
    """name of the network in open_clip; OpenAI's weights need one that ends in -quickgelu"""
    weights: str = "openai"
    """one of open_clip's tags, a path that ends in .safetensors, or `random` (untrained)"""

    def architecture(self, where: str = "encoders") -> Architecture:
        """Return the image tower of the entry; embeddings are not scaled to unit length."""
        import open_clip

        # No public function builds the tower alone: create_model also builds the text tower, which
        # takes 1.5 s in every job.
        from open_clip.model import _build_vision_tower

        if self.model not in open_clip.list_models():
            raise LeakageError(
                f"{where}.model: open_clip has no {self.model!r}; the nearest is "
                f"{nearest(self.model, open_clip.list_models())!r}"
            )
        config = open_clip.get_model_config(self.model)
        quick_gelu = config.get("quick_gelu", False)
        # No weights of timm's own, and no tokens besides the embedding.
        vision = config["vision_cfg"] | {"timm_model_pretrained": False, "output_tokens": False}
        presets = _presets(self.model)
        # For a model without tags, as open_clip does.
        usual = Preset(
            open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD, quick_gelu, {"hf_hub": ""}
        )
        preset = Model(
            name=self.model,
            quick_gelu=quick_gelu,
            presets=presets,
            default=next(iter(presets.values()), usual),
            models=open_clip.list_models(),
            presets_of=_presets,
        ).choose(self.source, self.weights, self.pixels, where)
        address = preset.found["hf_hub"]
        return Architecture(
            title=_title(self.model),
            build=lambda: _build_vision_tower(config["embed_dim"], vision, quick_gelu),
            key=_key,
            features=lambda tower: tower,
            image_size=vision.get("image_size", 224),
            usual_size=vision.get("image_size", 224),
            preset=preset,
            fetch=lambda: _fetch(address),
            origin=hub.origin(address.rstrip("/")),
            cache=hub.cache(),
            # Some of timm's networks compute with their tensors while they are built.
            on_meta="timm_model_name" not in vision,
            libraries=("torch", "torchvision", "open_clip_torch", "timm"),
            fold=fold_quick_gelu,
        )


def _presets(model: str) -> dict[str, Preset]:
    """Return what open_clip says about each tag of a model."""
    import open_clip

    described = {
        tag: open_clip.get_pretrained_cfg(model, tag)
        for tag in open_clip.list_pretrained_tags_by_model(model)
    }
    return {
        tag: Preset(
            tuple(found["mean"]), tuple(found["std"]), found.get("quick_gelu", False), found
        )
        for tag, found in described.items()
    }


def fold_quick_gelu(tower: "torch.nn.Module") -> None:
    """Let a tower compute x sigmoid(1.702 x) as torch's SiLU, changing its weights in place.

    silu(1.702 x) / 1.702 is the same up to rounding. The factors move into the layers before and
    after, so that the widest layer is read once instead of three times.
    """
    import torch
    from open_clip.transformer import QuickGELU

    for module in tower.modules():
        if not isinstance(module, torch.nn.Sequential) or len(module) != 3:
            continue
        first, activation, last = module
        if not isinstance(activation, QuickGELU):
            continue
        if isinstance(first, torch.nn.Linear) and isinstance(last, torch.nn.Linear):
            with torch.no_grad():
                first.weight.mul_(QUICK)
                first.bias.mul_(QUICK)
                last.weight.div_(QUICK)
            module[1] = torch.nn.SiLU(inplace=True)


def _fetch(address: str) -> Path:
    """Return the hub's file for open_clip's address `owner/name/` or `owner/name/file`."""
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    repository, _, file = address.rpartition("/")
    return hub.fetch(repository, [file] if file else [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME])


def _key(name: str) -> str | None:
    """Return the image tower's name for a tensor of a whole model; None for the text tower."""
    return name.removeprefix(TOWER) if name.startswith(TOWER) else None


def _title(model: str) -> str:
    """Return `CLIP ViT-B/32` for `ViT-B-32-quickgelu` and for `ViT-B-32`."""
    name = re.sub(r"(ViT-[A-Za-z]+)-(\d+)", r"\1/\2", QUICK_GELU.sub("", model))
    return name if "clip" in name.lower() else f"CLIP {name}"
