"""Classification networks from torchvision without their classifier."""

import contextlib
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leakage.config.settings import nearest
from leakage.encoders.network import Architecture, Network
from leakage.encoders.presets import Model, Preset
from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch

HEADS = ("fc", "heads", "head", "classifier")
# Networks whose trained weights expect an input that is transformed by this option.
OPTIONS = {"googlenet": {"transform_input": True}, "inception_v3": {"transform_input": True}}
# torchvision's own DenseNet files name a block's layers `norm.1`, its networks `norm1`.
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")
# Networks that accept only the size of their pictures in training.
ONE_SIZE = ("vit_", "maxvit_")
SILENCE_SECONDS = 30


class Torchvision(Network):
    """A classification network of torchvision; a tag is a name of its enum of weights."""

    kind: Literal["torchvision"] = "torchvision"
    model: str = "resnet50"
    """name of the classification network in torchvision; its classifier is left out"""
    weights: str = "IMAGENET1K_V2"
    """a name of torchvision's enum of weights, a path that ends in .safetensors, or `random`
    (untrained)"""

    def architecture(self, where: str = "encoders") -> Architecture:
        """Return the network of the entry (see `Network.architecture`)."""
        import torch
        from torchvision import models

        model = self.model
        known = models.list_models(module=models)
        if model not in known:
            raise LeakageError(
                f"{where}.model: torchvision has no classification network {model!r}; the nearest "
                f"is {nearest(model, known)!r}"
            )
        builder = models.get_model_builder(model)
        enum = models.get_model_weights(model)
        presets = _presets(model)
        # The name DEFAULT is refused: it means other weights in another release.
        preset = Model(
            name=model,
            quick_gelu=False,
            presets=presets,
            default=presets[enum.DEFAULT.name],
            models=known,
            presets_of=_presets,
        ).choose(self.source, self.weights, self.pixels, where)
        trained = preset.found
        options = OPTIONS.get(model, {})
        size = trained.transforms().crop_size[0]
        if model.startswith("vit_"):
            options = {"image_size": size}
        checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
        return Architecture(
            title=_title(model, builder.__annotations__["return"].__name__),
            build=lambda: builder(weights=None, **options),
            key=lambda name: OLD_DENSENET.sub(r"\1\2", name),
            features=_features,
            image_size=size if model.startswith(ONE_SIZE) else None,
            usual_size=size,
            preset=preset,
            fetch=lambda: _fetch(trained.url, checkpoints),
            origin=trained.url,
            cache=f"TORCH_HOME, now {checkpoints.parent.parent}",
            # RegNet computes with its tensors while it is built.
            on_meta=False,
            libraries=("torch", "torchvision"),
        )


def _presets(model: str) -> dict[str, Preset]:
    """Return what torchvision says about each of a model's weights."""
    from torchvision import models

    found = {}
    for weights in models.get_model_weights(model):
        pixels = weights.transforms()
        found[weights.name] = Preset(tuple(pixels.mean), tuple(pixels.std), False, weights)
    return found


def _title(model: str, family: str) -> str:
    """Return `ResNet-50` for `resnet50`, `SqueezeNet 1.0` for `squeezenet1_0`, or the model."""
    if not model.startswith(family.lower()):
        return model
    variant = model[len(family) :].strip("_").replace("_", ".")
    return f"{family}-{variant}" if variant.isdigit() else f"{family} {variant}"


def _fetch(url: str, folder: Path) -> Path:
    """Return torch hub's copy of a weights file, downloading it if needed."""
    import torch

    path = folder / url.rpartition("/")[2]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The name ends in the first digits of the file's SHA-256: …-11ad3fa6.pth.
        digest = path.stem.rpartition("-")[2]
        with _timeout():
            torch.hub.download_url_to_file(url, str(path), digest, progress=sys.stderr.isatty())
    return path


@contextlib.contextmanager
def _timeout() -> Iterator[None]:
    """Give up on a silent server after `SILENCE_SECONDS`; torch hub itself waits for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _features(classifier: "torch.nn.Module") -> "torch.nn.Module":
    """Replace the classifier of a network by an average over the map of features."""
    import torch

    class MeanOverMap(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.mean((2, 3)) if features.ndim == 4 else features

    children = dict(classifier.named_children())
    head = next((name for name in HEADS if name in children), None)
    if head is None:
        raise LeakageError(
            f"encoders: {type(classifier).__name__} has no classifier that can be removed "
            f"(looked for {', '.join(HEADS)}); choose a ResNet, SqueezeNet, DenseNet, VGG, "
            "EfficientNet, MobileNet, ConvNeXt, ViT or Swin"
        )
    setattr(classifier, head, MeanOverMap())
    # VGG and AlexNet pool to a larger map, and flatten it.
    if "avgpool" in children:
        classifier.avgpool = torch.nn.AdaptiveAvgPool2d(1)
    return classifier
