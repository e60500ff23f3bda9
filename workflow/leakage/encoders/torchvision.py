"""Classification networks from torchvision without their classifier."""

import contextlib
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leakage import encoders
from leakage.config import settings
from leakage.encoders import network
from leakage.errors import LeakageError

# torch and torchvision are imported inside the functions: they take 5 s (see leakage.encoders).
if TYPE_CHECKING:
    import torch

HEADS = ("fc", "heads", "head", "classifier")
# Networks whose trained weights expect the input that this option makes of the usual one.
OPTIONS = {"googlenet": {"transform_input": True}, "inception_v3": {"transform_input": True}}
ONE_SIZE = {"vit_": 224, "maxvit_": 224}
# torchvision's own DenseNet files name a block's layers `norm.1`, its networks `norm1`.
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")
SILENCE_SECONDS = 30


class Settings(network.Entry):
    """An entry of `encoders` of this kind; a tag is a name of torchvision's enum of weights."""

    kind: Literal["torchvision"]
    model: str = "resnet50"
    """name of the classification network in torchvision; its classifier is left out"""
    weights: str = "IMAGENET1K_V2"
    """a name of torchvision's enum of weights, a path that ends in .safetensors, or `random`
    (untrained)"""


def architecture(entry: Settings, where: str = "encoders") -> network.Architecture:
    """Return the network of an entry.

    Args:
        entry: the configuration entry.
        where: its place in the configuration, for messages.

    Raises:
        LeakageError: torchvision has no such network, or no such weights for it.
    """
    import torch
    from torchvision import models

    known = models.list_models(module=models)
    if entry.model not in known:
        raise LeakageError(
            f"{where}.model: torchvision has no classification network {entry.model!r}; the "
            f"nearest is {settings.nearest(entry.model, known)!r}"
        )
    builder = models.get_model_builder(entry.model)
    preset = _preset(entry, where)
    pixels = preset.transforms()
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    return network.Architecture(
        title=_title(entry.model, builder.__annotations__["return"].__name__),
        build=lambda: builder(weights=None, **OPTIONS.get(entry.model, {})),
        key=lambda name: OLD_DENSENET.sub(r"\1\2", name),
        features=_features,
        image_size=next(
            (size for prefix, size in ONE_SIZE.items() if entry.model.startswith(prefix)), None
        ),
        mean=tuple(pixels.mean),
        std=tuple(pixels.std),
        fetch=lambda: _fetch(preset.url, checkpoints),
        origin=preset.url,
        cache=f"TORCH_HOME, now {checkpoints.parent.parent}",
        # RegNet computes with its tensors while it is built.
        on_meta=False,
        libraries=("torch", "torchvision"),
    )


def load(entry: Settings, weights: network.Weights, device: str) -> encoders.Encoder:
    """Return the encoder, ready to run (errors as in `network.load`)."""
    return network.load(architecture(entry), entry, weights, device)


def _preset(entry: Settings, where: str) -> Any:
    """Return torchvision's weights of an entry; the default ones where it names none of them."""
    from torchvision import models

    enum = models.get_model_weights(entry.model)
    if entry.source != "tag":
        return enum.DEFAULT
    # Not DEFAULT, which is another network's weights in another release.
    known = [weights.name for weights in enum]
    if entry.weights not in known:
        raise LeakageError(
            f"{where}.weights: {entry.model} has no {entry.weights!r}; the nearest is "
            f"{settings.nearest(entry.weights, known)!r} (known: "
            f"{', '.join(known)}, a path that ends in .safetensors, and random)"
        )
    return enum[entry.weights]


def _title(model: str, family: str) -> str:
    """Return `ResNet-50` for `resnet50`, `SqueezeNet 1.0` for `squeezenet1_0`, or the model."""
    if not model.startswith(family.lower()):
        return model
    variant = model[len(family) :].strip("_").replace("_", ".")
    return f"{family}-{variant}" if variant.isdigit() else f"{family} {variant}"


def _fetch(url: str, folder: Path) -> Path:
    """Return torch hub's copy of a weights file, downloaded first if it is not there."""
    import torch

    path = folder / url.rpartition("/")[2]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The end of the name is the beginning of the file's SHA-256: …-11ad3fa6.pth.
        digest = path.stem.rpartition("-")[2]
        with _impatience():
            torch.hub.download_url_to_file(url, str(path), digest, progress=sys.stderr.isatty())
    return path


@contextlib.contextmanager
def _impatience() -> Iterator[None]:
    """Give up on a silent server: torch hub itself waits as long as the system does, minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _features(classifier: "torch.nn.Module") -> "torch.nn.Module":
    """Return a classification network whose output is its features, averaged over their map.

    Raises:
        LeakageError: it ends in nothing that is known to be a classifier.
    """
    import torch

    class MeanOverMap(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.mean((2, 3)) if features.ndim == 4 else features

    head = next((name for name in HEADS if hasattr(classifier, name)), None)
    if head is None:
        raise LeakageError(
            f"encoders: {type(classifier).__name__} has no classifier that could be taken off "
            f"(looked for {', '.join(HEADS)}); choose a ResNet, SqueezeNet, DenseNet, VGG, "
            "EfficientNet, MobileNet, ConvNeXt, ViT or Swin"
        )
    setattr(classifier, head, MeanOverMap())
    # VGG and AlexNet pool to a map of their own size, and flatten it.
    if hasattr(classifier, "avgpool"):
        classifier.avgpool = torch.nn.AdaptiveAvgPool2d(1)
    return classifier
