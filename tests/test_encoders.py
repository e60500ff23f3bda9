"""Encoders: the statistics, the networks of the libraries, and the errors of both."""

import numpy as np
import pytest
import small_views
import torch
from leakage import encoders
from leakage.config.settings import validate
from leakage.encoders.open_clip import OpenClip
from leakage.encoders.statistics import statistics
from leakage.encoders.timm import Timm
from leakage.encoders.torchvision import Torchvision
from leakage.encoders.weights import Weights
from leakage.errors import LeakageError
from leakage.storage import files
from safetensors.torch import load_file, save_file
from torchvision import models

SIZE = 96
PIXELS = [(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)]


def patch_of(value, size=32, channels=3):
    return np.full((size, size, channels), value, np.uint8)


def entry_of(kind, model, weights="random", **keys):
    given = {"kind": kind, "model": model, "weights": str(weights), "batch_size": 4, **keys}
    return validate(encoders.encoder_class(kind), given, "encoders.mine")


def weights_of(entry, plain=(), seed=0):
    """Return the weights of an entry, as the step `find_weights` finds them."""
    size = entry.architecture().image_size or SIZE
    return entry.find_weights(size, seed, "cpu", lambda: list(plain), "encoders.mine")


def loaded(entry, plain=(), seed=0):
    return entry.load(weights_of(entry, plain, seed), "cpu")


def tensors(patches, mean, std):
    """Return the input of a network for patches, float32 (n, 3, size, size)."""
    pixels = torch.stack([torch.from_numpy(patch.copy()).permute(2, 0, 1) for patch in patches])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    return (pixels / 255 - mean) / std


def mean_cosine(embeddings):
    """Return the mean cosine between different rows."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (unit @ unit.T)[~np.eye(len(unit), dtype=bool)].mean()


def test_the_statistics_are_mean_deviation_and_energy_of_the_gradient():
    constant = statistics(patch_of(51), grid=4).reshape(16, 3, 3)
    assert constant[:, 0] == pytest.approx(0.2)
    assert constant[:, 1:] == pytest.approx(0, abs=1e-6)
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None], (32, 32))[..., None]
    cells = statistics(ramp, grid=2).reshape(4, 3, 3)
    assert cells[:, 2] == pytest.approx(1 / 255**2, rel=1e-4)
    assert cells[:, 1] == pytest.approx(np.std(np.arange(16)) / 255, rel=1e-4)
    # A grey patch counts as three equal channels.
    assert np.array_equal(statistics(ramp, 2), statistics(ramp.repeat(3, axis=2), 2))


def means(batch_size):
    """Return an encoder that gives the mean of a patch, and a list of its batches."""
    batches = []

    def encode(patches):
        batches.append(patches)
        return np.array([[patch.mean()] for patch in patches], np.float32)

    return encoders.LoadedEncoder(encode, "mean", batch_size=batch_size), batches


def test_equal_patches_are_embedded_once_and_every_row_has_its_embedding():
    encoder, batches = means(batch_size=2)
    values = [7, 0, 0, 7, 0, 9, 0, 0, 1, 1]
    parts = list(encoders.embed(encoder, ((i, patch_of(v)) for i, v in enumerate(values))))
    assert [row for rows, _ in parts for row in rows] == list(range(len(values)))
    assert np.concatenate([found for _, found in parts])[:, 0].tolist() == values
    assert [len(batch) for batch in batches] == [2, 2]
    # Patches of equal bytes and different shapes are different.
    shapes = [np.zeros((3, 4, 1), np.uint8), np.zeros((2, 2, 3), np.uint8)]
    list(encoders.embed(encoder, enumerate(shapes)))
    assert len(batches[2]) == 2


def test_patches_are_read_one_batch_at_a_time_and_few_are_remembered(monkeypatch):
    monkeypatch.setattr(encoders, "REMEMBERED", 4)
    encoder, batches = means(batch_size=2)
    taken = []

    def patches():
        for value in [1, 2, 1, 3, 4, 5, 6, 1] + [6] * 9:
            taken.append(value)
            yield None, patch_of(value)

    parts = encoders.embed(encoder, patches())
    next(parts)
    assert taken == [1, 2]
    found = [value for _, part in parts for value in part[:, 0].tolist()]
    assert found == [1, 3, 4, 5, 6, 1] + [6] * 9
    embedded = [int(patch.flat[0]) for batch in batches for patch in batch]
    assert embedded == [1, 2, 3, 4, 5, 6, 1]


def test_a_whole_picture_is_squashed_to_the_size_and_not_cropped():
    picture = np.zeros((50, 200, 1), np.uint8)
    picture[:, :2], picture[:, -2:] = 255, 255
    resized = encoders.resize_whole(picture, 100)
    assert resized.shape == (100, 100, 1) and resized.dtype == np.uint8
    assert resized[:, 0].min() > 200 and resized[:, -1].min() > 200 and resized[:, 50].max() == 0


def test_the_seed_alone_decides_a_random_network_and_torch_s_generator_does_not_change():
    entry, patches = entry_of("torchvision", "squeezenet1_1"), small_views.some_patches(SIZE)[:2]
    before = torch.random.get_rng_state()
    first = loaded(entry, seed=1)(patches)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(7)
    assert np.array_equal(first, loaded(entry, seed=1)(patches))
    assert not np.allclose(first, loaded(entry, seed=2)(patches))


def test_batch_norm_with_the_statistics_of_plain_patches_tells_patches_apart():
    entry, patches = entry_of("torchvision", "resnet18"), small_views.some_patches(SIZE)
    weights = weights_of(entry, patches)
    kinds = {name.rpartition(".")[2] for name in weights.statistics}
    assert kinds == {"running_mean", "running_var", "num_batches_tracked"}
    assert weights.record.batch_norm_patches == len(patches)
    encoder, initial = (entry.load(each, "cpu") for each in (weights, Weights(weights.record, {})))
    found = encoder(patches)
    assert mean_cosine(found) < mean_cosine(initial(patches)) - 0.02
    label = "ResNet-18, untrained (BatchNorm statistics from plain patches)"
    assert (encoder.label, encoder.untrained) == (label, True)
    # The size of a batch does not matter.
    one_by_one = np.concatenate([encoder([patch]) for patch in patches])
    assert np.abs(found - one_by_one).max() <= 1e-5 * np.abs(found).max()
    with pytest.raises(LeakageError, match="needs plain patches, and none were given"):
        loaded(entry)


def test_an_untrained_transformer_says_so_and_tells_patches_apart():
    encoder = loaded(entry_of("timm", "vit_tiny_patch16_224"))
    found = encoder([*small_views.some_patches(224)[:1], patch_of(255, 224, channels=1)])
    assert found.shape == (2, 192) and found.dtype == np.float32
    assert np.isfinite(found).all() and not np.allclose(found[0], found[1])
    assert (encoder.label, encoder.untrained) == ("ViT tiny/16 224, untrained", True)


# One network of every way to leave out a classifier.
FAMILIES = {"alexnet": 256, "densenet121": 1024, "maxvit_t": 512, "mobilenet_v3_small": 576}
FAMILIES |= {"resnet50": 2048, "squeezenet1_0": 512, "swin_t": 768, "vgg11": 512, "vit_b_32": 768}


@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_gives_the_features_that_its_classifier_reads(model):
    # On torch's meta device a network has shapes and no numbers: no time and no memory.
    architecture = entry_of("torchvision", model).architecture()
    with torch.device("meta"):
        features = architecture.features(architecture.build()).eval()
        assert features(torch.zeros(2, 3, 224, 224)).shape == (2, FAMILIES[model])


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory):
    """A seeded squeezenet1_1 in a file, as float16."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    torch.manual_seed(0)
    state = models.squeezenet1_1().state_dict()
    save_file({name: value.half() for name, value in state.items()}, path)
    return path


def test_a_file_of_torchvision_gives_the_features_averaged_over_their_map(squeezenet):
    patches = small_views.some_patches(SIZE)[:3]
    reference = models.squeezenet1_1().eval()
    reference.load_state_dict(load_file(squeezenet))
    with torch.inference_mode():
        expected = reference.features(tensors(patches, *PIXELS)).mean((2, 3)).numpy()
    encoder = loaded(entry_of("torchvision", "squeezenet1_1", squeezenet))
    assert encoder(patches) == pytest.approx(expected, abs=1e-5)
    assert encoder.label == "SqueezeNet 1.1 (squeezenet1_1.safetensors)"
    assert not encoder.untrained


@pytest.mark.parametrize("classes", [0, 7])
def test_a_file_of_timm_gives_the_input_of_the_classifier_with_or_without_one(tmp_path, classes):
    import timm

    path, patches = tmp_path / "mine.safetensors", small_views.some_patches(SIZE)[:4]
    torch.manual_seed(0)
    network = timm.create_model("resnet10t.c3_in1k", num_classes=classes).eval()
    save_file(network.state_dict(), path)
    pixels = tensors(patches, *(network.pretrained_cfg[key] for key in ("mean", "std")))
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(pixels), pre_logits=True)
    encoder = loaded(entry_of("timm", "resnet10t", path))
    assert encoder(patches) == pytest.approx(expected.numpy(), abs=1e-5)
    assert encoder.label == "ResNet-10t (mine.safetensors)" and not encoder.untrained


@pytest.mark.parametrize("model", ["levit_128s", "caformer_s18"])
def test_the_whole_classifier_of_timm_is_left_out_and_nothing_else(model):
    import timm

    architecture = entry_of("timm", model).architecture()
    with torch.device("meta"):
        whole = timm.create_model(model, num_classes=7).state_dict()
        headless = architecture.build().state_dict()
    assert {architecture.key(name) for name in whole} - {None} == headless.keys() < whole.keys()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet18", r"ResNet-18: tensors 102 missing \(conv1\.w.*52 unexpected \(classifier\.1\."),
        ("squeezenet1_0", r"features\.0\.weight \(64, 3, 3, 3\) instead of \(96,"),
    ],
)
def test_a_file_of_another_network_is_refused_with_the_tensors_that_do_not_fit(
    squeezenet, model, message
):
    with pytest.raises(LeakageError, match=message) as caught:
        loaded(entry_of("torchvision", model, squeezenet))
    assert str(caught.value).startswith(f"{squeezenet}: these are not the weights of ")


def test_weights_that_change_break_or_belong_to_another_entry_are_refused(squeezenet, tmp_path):
    path = tmp_path / squeezenet.name
    path.write_bytes(squeezenet.read_bytes())
    entry = entry_of("torchvision", "squeezenet1_1", path)
    weights = weights_of(entry)
    assert weights.record.sha256 == files.sha256(squeezenet)
    with pytest.raises(LeakageError, match=r"expected squeezenet1_1 \(random\)"):
        entry_of("torchvision", "squeezenet1_1").load(weights, "cpu")
    path.write_bytes(squeezenet.read_bytes()[:100_000])
    with pytest.raises(LeakageError, match="have changed"):
        entry.load(weights, "cpu")
    with pytest.raises(LeakageError, match=f"{path}: not a readable weights file"):
        weights_of(entry)
    path.unlink()
    with pytest.raises(LeakageError, match="is missing"):
        entry.load(weights, "cpu")


def test_the_pixels_are_those_of_the_tag_and_for_a_file_those_of_the_tag_in_pixels():
    model = "vit_small_patch16_224"
    for weights, keys, mean in (
        ("augreg_in1k", {}, (0.5, 0.5, 0.5)),
        ("dino", {}, PIXELS[0]),
        ("mine.safetensors", {"pixels": "dino"}, PIXELS[0]),
    ):
        assert entry_of("timm", model, weights, **keys).architecture().preset.mean == mean


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ({"weights": "dino", "pixels": "augreg_in1k"}, ": found pixels 'augreg_in1k' beside"),
        ({"model": "resnet50", "weights": "package"}, "'resnet50'.*tf_efficientnet_lite0"),
        ({"kind": "open_clip", "weights": "package"}, "packages exist for kind: timm"),
        ({"weights": "downloads/ViT-B-32.pt"}, r"\.weights: .*expected a \.safetensors file"),
    ],
)
def test_contradictions_in_an_entry_are_refused_when_it_is_checked(entry, answer):
    kind = encoders.encoder_class(entry.get("kind", "timm"))
    with pytest.raises(LeakageError, match=answer) as caught:
        validate(kind, entry, "encoders.mine")
    assert str(caught.value).startswith("encoders.mine")


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        (Torchvision(model="resnt50"), "the nearest is 'resnet50'"),
        (OpenClip(weights="opnai"), "the nearest is 'openai'"),
        (OpenClip(model="ViT-B-32"), "set model: ViT-B-32-quickgelu"),
        (Timm(model="vit_tiny_patch16_224_in21k"), "timm has no 'vit_tiny_patch16"),
        (Timm(model="resnet50.a1_in1k"), "set model: resnet50 and weights: a1_in1k"),
        (Timm(model="davit_huge"), "davit_huge has no .* a path that ends in"),
        (Timm(model="gcvit_tiny", weights="in1k"), "convert it to .safetensors"),
        (Timm(weights="mine.safetensors"), "pixels: missing; .* dino: mean"),
        (Timm(weights="random", pixels="dinno"), "the nearest is 'dino'"),
    ],
)
def test_an_unknown_model_or_tag_is_answered_with_the_right_one(entry, answer):
    with pytest.raises(LeakageError, match=answer) as caught:
        entry.architecture("encoders.mine")
    assert str(caught.value).startswith("encoders.mine.")
    assert "\n" not in str(caught.value)


def test_a_transformer_refuses_patches_of_another_size_and_a_resnet_takes_any():
    architecture = entry_of("open_clip", "ViT-B-32-quickgelu").architecture()
    with pytest.raises(LeakageError, match=r"patches\.size: found 192, .* 224 x 224 only"):
        architecture.check_size(192)
    architecture.check_size(224)
    entry_of("timm", "resnet10t", "c3_in1k").architecture().check_size(48)


def test_timm_s_weights_of_another_activation_are_refused():
    import timm
    from timm.models import get_arch_pretrained_cfgs

    pairs = [
        (model, tag.tag)
        for model in timm.list_models("*clip*")
        for tag in get_arch_pretrained_cfgs(model).values()
        if tag.hf_hub_id and any("QuickGELU" in note for note in tag.notes or ())
    ]
    assert ("vit_base_patch32_clip_224", "openai") in pairs
    for model, tag in pairs:
        entry = Timm(model=model, weights=tag)
        if "quickgelu" in model:
            entry.architecture("encoders.mine")
            continue
        with pytest.raises(LeakageError, match="not trained with the activation"):
            entry.architecture("encoders.mine")


@pytest.mark.parametrize(
    ("kind", "model", "size"),
    [
        (Torchvision, "squeezenet1_0", 16),
        (Timm, "inception_v4", 32),
    ],
)
def test_patches_that_are_too_small_are_refused_before_the_network_runs(kind, model, size):
    entry = kind(model=model, weights="random")
    with pytest.raises(LeakageError, match=rf"patches\.size: {size} is too small for"):
        entry.check(size, "encoders.mine")
    entry.check(96, "encoders.mine")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda tensor: (100 * tensor).to(torch.int8),
            "int8 instead of float32",
        ),
        (lambda tensor: tensor > 0, "bool instead of float32"),
        (lambda tensor: tensor.to(torch.complex64), "complex64 instead of float32"),
        (lambda tensor: tensor * float("nan"), "not finite"),
    ],
)
def test_weights_that_are_not_finite_floating_numbers_are_refused(tmp_path, change, found):
    state = models.squeezenet1_1().state_dict()
    first = next(iter(state))
    save_file(state | {first: change(state[first]).contiguous()}, tmp_path / "w.safetensors")
    entry = Torchvision(model="squeezenet1_1", weights=str(tmp_path / "w.safetensors"))
    with pytest.raises(LeakageError, match=found):
        weights_of(entry)


def test_a_classifier_that_is_left_out_may_hold_anything(tmp_path):
    state = models.squeezenet1_1().state_dict()
    file = tmp_path / "w.safetensors"
    save_file(state | {"classifier.1.bias": torch.full((1000,), np.nan)}, file)
    weights_of(Torchvision(model="squeezenet1_1", weights=str(file)))


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("open_clip", "ViT-B-32"),
        ("open_clip", "ViT-L-14"),
        ("torchvision", "vgg16"),
        ("timm", "vit_base_patch32_clip_224"),
    ],
)
def test_a_file_of_a_model_whose_tags_differ_needs_to_name_the_tag_that_it_is_like(kind, model):
    with pytest.raises(LeakageError, match=r"\.pixels: missing; the tags of .* differ"):
        entry_of(kind, model, "mine.safetensors").architecture("encoders.mine")


def test_a_tag_trained_on_larger_pictures_builds_a_network_of_that_size():
    architecture = entry_of("torchvision", "vit_b_16", "IMAGENET1K_SWAG_E2E_V1").architecture()
    with pytest.raises(LeakageError, match="384 x 384 only"):
        architecture.check_size(224)
    assert architecture.build().image_size == 384


def test_the_smallest_size_of_the_patches_is_named():
    with pytest.raises(LeakageError, match=r"raise patches\.size to at least 63"):
        entry_of("torchvision", "alexnet").check(20, "encoders.mine")
    entry_of("torchvision", "alexnet").check(63, "encoders.mine")


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "web page"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"", "empty file"),
    ],
)
def test_a_weights_file_of_another_kind_is_named(tmp_path, start, found):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(start)
    with pytest.raises(LeakageError, match=found) as caught:
        weights_of(entry_of("torchvision", "squeezenet1_1", path))
    assert str(caught.value).startswith(str(path))


def test_weights_of_one_value_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    state = models.squeezenet1_1().state_dict()
    save_file({key: torch.zeros_like(each) for key, each in state.items()}, path)
    with pytest.raises(LeakageError, match="holds one value only"):
        weights_of(entry_of("torchvision", "squeezenet1_1", path))


def test_the_prefix_of_parallel_training_is_left_out(tmp_path, squeezenet):
    path = tmp_path / "mine.safetensors"
    state = load_file(squeezenet)
    save_file({f"module.{key}": each for key, each in state.items()}, path)
    patches = small_views.some_patches(SIZE)[:2]
    model = "squeezenet1_1"
    expected, found = (
        loaded(entry_of("torchvision", model, each))(patches) for each in (squeezenet, path)
    )
    assert (found == expected).all()


def test_an_encoder_in_training_mode_is_refused():
    generator = np.random.default_rng(0)

    def encode(patches):
        return generator.normal(size=(len(patches), 3)).astype(np.float32)

    mine = encoders.LoadedEncoder(encode, "mine", name="mine.py")
    with pytest.raises(LeakageError, match="put the network into eval mode"):
        list(encoders.embed(mine, enumerate(patch_of(value) for value in range(5))))


def test_an_untrained_network_with_small_maps_takes_batches_of_one():
    patches = [patch_of(value) for value in (0, 90, 180)]
    entry = entry_of("torchvision", "resnet18", batch_size=1)
    assert np.isfinite(loaded(entry, patches)(patches[:1])).all()
