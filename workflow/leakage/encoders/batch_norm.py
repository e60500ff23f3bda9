"""BatchNorm layers: statistics for untrained networks, and merging them into convolutions."""

import collections
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.interfaces import Bytes

if TYPE_CHECKING:
    import torch

# The layers that `fold` merges, by module and class. timm's norm contains an activation.
CONVOLUTIONS = {"torch.nn.modules.conv.Conv2d", "timm.layers.conv2d_same.Conv2dSame"}
NORMS = {"torch.nn.modules.batchnorm.BatchNorm2d", "timm.layers.norm_act.BatchNormAct2d"}
LIBRARIES = ("torch.", "torchvision.", "timm.", "open_clip.")


def layers(network: "torch.nn.Module") -> "list[torch.nn.modules.batchnorm._BatchNorm]":
    """Return the BatchNorm layers of a network."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


def set_statistics(
    features: "torch.nn.Module",
    prepare: "Callable[[list[Bytes]], torch.Tensor]",
    patches: list[Bytes],
    batch_size: int,
) -> None:
    """Set the statistics of a network's BatchNorm layers to those of plain patches, in place.

    With the initial statistics, the activations of an untrained network grow from layer to layer
    until every picture looks the same (mean cosine between ResNet-50's embeddings 0.998). One pass
    in training mode of the BatchNorm layers alone prevents that. The statistics are averages over
    batches of nearly equal size. No weight changes.
    """
    import torch

    for layer in layers(features):
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    # At least two patches at a time: a map of one pixel has no variance.
    batches = max(1, min(math.ceil(len(patches) / batch_size), len(patches) // 2))
    with torch.inference_mode():
        for batch in np.array_split(np.arange(len(patches)), batches):
            features(prepare([patches[index] for index in batch]))
    features.eval()


def statistics(features: "torch.nn.Module") -> "dict[str, torch.Tensor]":
    """Return the running statistics of every BatchNorm layer, by their names in the network."""
    norms = set(layers(features))
    return {
        f"{name}.{key}": value.cpu().clone()
        for name, layer in features.named_modules()
        if layer in norms
        for key, value in layer.named_buffers()
    }


def fold(features: "torch.nn.Module") -> None:
    """Merge every BatchNorm that directly follows a convolution into the convolution, in place.

    The output stays the same up to rounding, and each map is read once less.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    class Tracer(torch.fx.Tracer):
        """Records the calls of convolutions and BatchNorms; our own modules count as one call."""

        def is_leaf_module(self, module: torch.nn.Module, name: str) -> bool:
            own = not module.__module__.startswith(LIBRARIES)
            layer = _class_of(module) in CONVOLUTIONS | NORMS
            return own or layer or super().is_leaf_module(module, name)

    try:
        nodes = list(Tracer().trace(features).nodes)
    # Code that branches on its input cannot be traced, and fails in any way; leave it as it is.
    except Exception:
        return
    modules: dict[Any, Any] = dict(features.named_modules(remove_duplicate=False))
    named = collections.Counter(map(id, modules.values()))
    called = collections.Counter(node.target for node in nodes if node.op == "call_module")

    def can_be_folded(name: Any, kinds: set[str]) -> bool:
        """Return whether a layer is of one of the kinds, has one name, and is called once."""
        module = modules[name]
        changed = module._forward_hooks or module._forward_pre_hooks
        once = called[name] == named[id(module)] == 1
        return _class_of(module) in kinds and not changed and once

    for node in nodes:
        if node.op != "call_module" or not can_be_folded(node.target, NORMS):
            continue
        before: Any = node.args[0]
        if before.op != "call_module" or not can_be_folded(before.target, CONVOLUTIONS):
            continue
        norm = modules[node.target]
        # Nothing else may read the map, and the norm must use stored statistics.
        if len(before.users) == 1 and norm.running_mean is not None:
            fused = fuse_conv_bn_eval(modules[before.target], norm)
            features.set_submodule(before.target, fused.to(memory_format=torch.channels_last))
            features.set_submodule(str(node.target), torch.nn.Sequential(*norm.children()))


def _class_of(module: "torch.nn.Module") -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
