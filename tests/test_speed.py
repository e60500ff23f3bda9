"""Speed-ups change no result: folded networks, memory that is kept, short precision."""

import ctypes

import numpy as np
import pytest
import torch
from leakage import allocator, cli, encoders
from leakage.encoders import batch_norm
from leakage.encoders.torchvision import Torchvision
from torch import nn

SIZE = 64
# Largest change by rounding, relative to the largest number of the embeddings.
TOLERANCE = 1e-4


def patches(size, count=5):
    generator = np.random.default_rng(0)
    steps = generator.normal(0, 9, (count, size, size, 3)).cumsum(axis=1) + 128
    return list(steps.clip(0, 255).astype(np.uint8))


def of_library(architecture, weights, given):
    """Return the embeddings of the library's own network, one patch at a time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = architecture.build().eval()
    features = architecture.features(built)
    features.load_state_dict(features.state_dict() | weights.statistics)
    of_pixels = architecture.preset.mean, architecture.preset.std
    mean, std = (torch.tensor(v)[:, None, None] for v in of_pixels)
    with torch.inference_mode():
        pixels = (torch.from_numpy(patch).permute(2, 0, 1) / 255 for patch in given)
        return np.concatenate([features((each - mean)[None] / std).numpy() for each in pixels])


@pytest.mark.parametrize(
    ("kind", "model", "size"),
    [
        ("torchvision", "densenet121", SIZE),
        ("timm", "resnetv2_18", SIZE),
        ("open_clip", "ViT-B-32-quickgelu", 224),
    ],
)
def test_embeddings_equal_those_of_the_library_s_network(kind, model, size):
    entry = encoders.encoder_class(kind)(model=model, weights="random", batch_size=3)
    given = patches(size)
    weights = entry.find_weights(size, 0, "cpu", lambda: given, "encoders.mine")
    expected = of_library(entry.architecture(), weights, given)
    parts = encoders.embed(entry.load(weights, "cpu"), enumerate(given))
    found = np.concatenate([values for _, values in parts])
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


class Twice(nn.Module):
    """A map that a BatchNorm and another layer read."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        read = self.conv(x)
        return self.norm(read) + read


Twice.__module__ = "torchvision.models.of_this_test"


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        (lambda: [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()], 0),
        (lambda: [nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)], 1),
        (lambda: [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)], 1),
        (lambda: [Twice()], 1),
        (lambda: [norm := nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3), norm], 1),
    ],
    ids=["after", "before", "apart", "read twice", "called twice"],
)
def test_a_batch_norm_is_folded_only_if_nothing_else_reads_the_convolution(layers, left):
    torch.manual_seed(0)
    features, given = nn.Sequential(*layers()), torch.rand(2, 3, 9, 9)
    with torch.inference_mode():
        for _ in range(3):
            features(torch.rand(8, 3, 9, 9) * 3)
        expected = features.eval()(given)
        batch_norm.fold(features)
        found = features(given)
    assert sum(isinstance(each, nn.BatchNorm2d) for each in features.modules()) == left
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_shorter_precision_gives_close_embeddings_and_is_in_the_label():
    given, found = patches(SIZE), {}
    for each in ("float32", "bfloat16"):
        entry = Torchvision(model="resnet18", weights="random", precision=each)
        weights = entry.find_weights(SIZE, 0, "cpu", lambda: given, "encoders.mine")
        found[each] = entry.load(weights, "cpu")
    exact, near = (encoder(given) for encoder in found.values())
    error = np.linalg.norm(near - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0 < error.max() < 0.05 and near.dtype == np.float32
    assert found["bfloat16"].label == f"{found['float32'].label}, in bfloat16"


def test_memory_is_kept_if_the_c_library_can(monkeypatch):
    asked = []

    class Library:
        def mallopt(self, *option):
            asked.append(option)

    for library in (Library(), object()):
        monkeypatch.setattr(ctypes, "CDLL", lambda name, library=library: library)
        allocator.keep()
    assert asked[0] == (allocator.M_MMAP_MAX, 0) and len(asked) == 3
    assert {path.stem for path in cli.STEPS.glob("*.py")} >= cli.NETWORKS
