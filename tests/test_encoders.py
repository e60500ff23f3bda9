"""Encoders: the statistics, the networks of the libraries, and what they refuse."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_views
import torch
from leakage import encoders
from leakage.config.settings import validate
from leakage.encoders.open_clip import OpenClip
from leakage.encoders.statistics import Statistics, statistics
from leakage.encoders.timm import Timm
from leakage.encoders.torchvision import Torchvision
from leakage.encoders.weights import Weights
from leakage.errors import LeakageError
from leakage.storage import files
from safetensors.torch import save_file

SQUEEZENET = Path(__file__).parents[2] / "shared" / "weights" / "squeezenet1_0.safetensors"
SIZE = 96


def patch_of(value, size=32, channels=3):
    return np.full((size, size, channels), value, np.uint8)


def weights_of(entry, plain=(), seed=0):
    """Return the weights of an entry, as the step `find_weights` finds them."""
    size = entry.architecture().image_size or SIZE
    return entry.find_weights(size, seed, "cpu", lambda: list(plain), "encoders.mine")


def ready(entry, plain=(), seed=0):
    """Return the loaded encoder of an entry."""
    return entry.load(weights_of(entry, plain, seed), "cpu")


def untrained(model, batch_size=4):
    return Torchvision(model=model, weights="random", batch_size=batch_size)


def mean_cosine(embeddings):
    """Return the mean cosine between different rows."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (unit @ unit.T)[~np.eye(len(unit), dtype=bool)].mean()


# The statistics


def test_a_constant_patch_has_its_value_as_mean_and_no_deviation_nor_energy():
    cells = statistics(patch_of(51), grid=4).reshape(16, 3, 3)
    assert cells[:, 0] == pytest.approx(0.2)
    assert cells[:, 1:] == pytest.approx(0, abs=1e-6)


def test_a_ramp_has_the_square_of_its_slope_as_energy():
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None], (32, 32))[..., None]
    cells = statistics(ramp, grid=2).reshape(4, 3, 3)
    assert cells[:, 2] == pytest.approx(1 / 255**2, rel=1e-4)
    assert cells[:, 1] == pytest.approx(np.std(np.arange(16)) / 255, rel=1e-4)


def test_a_grey_patch_has_the_statistics_of_three_equal_channels():
    grey = small_views.photographs()["camera"][:64, :64]
    found = statistics(grey, grid=4)
    assert found.shape == (4 * 4 * 9,)
    assert np.array_equal(found, statistics(grey.repeat(3, axis=2), grid=4))


# Every kind


def means(batch_size):
    """Return an encoder that gives the mean of a patch, and the batches that it was given."""
    batches = []

    def encode(patches):
        batches.append(patches)
        return np.array([[patch.mean()] for patch in patches], np.float32)

    return encoders.LoadedEncoder(encode, "mean", batch_size=batch_size), batches


def test_equal_patches_are_embedded_once_and_every_row_has_its_own():
    encoder, batches = means(batch_size=2)
    values = [7, 0, 0, 7, 0, 9, 0, 0, 1, 1]
    parts = list(encoders.embed(encoder, ((i, patch_of(v)) for i, v in enumerate(values))))
    assert [row for rows, _ in parts for row in rows] == list(range(len(values)))
    assert np.concatenate([found for _, found in parts])[:, 0].tolist() == values
    assert [len(batch) for batch in batches] == [2, 2]


def test_patches_are_embedded_as_they_come_and_few_are_remembered(monkeypatch):
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


def test_patches_of_equal_bytes_and_different_shape_are_different():
    encoder, batches = means(batch_size=2)
    patches = [np.zeros((3, 4, 1), np.uint8), np.zeros((2, 2, 3), np.uint8)]
    list(encoders.embed(encoder, enumerate(patches)))
    assert len(batches[0]) == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_whole_picture_is_squashed_to_the_size_and_not_cropped(channels):
    picture = np.zeros((50, 200, channels), np.uint8)
    picture[:, :2], picture[:, -2:] = 255, 255
    resized = encoders.resize_whole(picture, 100)
    assert resized.shape == (100, 100, channels) and resized.dtype == np.uint8
    assert resized[:, 0].min() > 200 and resized[:, -1].min() > 200 and resized[:, 50].max() == 0


def test_checking_the_settings_of_every_kind_imports_neither_torch_nor_pillow():
    code = (
        "import sys; from leakage import encoders; [encoders.encoder_class(k)() for k in "
        "encoders.kinds()]; slow = {'torch', 'PIL', 'open_clip', 'timm'}; "
        "print(sorted(sys.modules.keys() & slow))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_kind_is_answered_with_the_nearest():
    nearest = "'torchvison' is not known; the nearest is 'torchvision'"
    with pytest.raises(LeakageError, match=nearest):
        encoders.encoder_class("torchvison")


def test_an_unknown_key_of_an_entry_is_answered_with_the_nearest():
    with pytest.raises(LeakageError, match=r"encoders\.clip\.wieghts: .*encoders\.clip\.weights"):
        encoders.parse('{"kind": "open_clip", "wieghts": "random"}', "encoders.clip")


def test_only_networks_need_weights_and_only_untrained_ones_plain_patches():
    entries = [Statistics(), OpenClip(), untrained("resnet18")]
    assert [entry.needs_weights for entry in entries] == [False, True, True]
    assert [entry.needs_plain_patches for entry in entries] == [False, False, True]


# Untrained networks


def test_a_random_network_is_decided_by_its_seed_alone_and_leaves_torch_s_generator_as_it_was():
    entry, patches = untrained("squeezenet1_1"), small_views.some_patches(SIZE)[:2]
    before = torch.random.get_rng_state()
    first = ready(entry, seed=1)(patches)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(7)
    assert np.array_equal(first, ready(entry, seed=1)(patches))
    assert not np.allclose(first, ready(entry, seed=2)(patches))


def test_calibrated_batch_norm_tells_patches_apart_that_the_initial_one_does_not():
    entry, patches = untrained("resnet18"), small_views.some_patches(SIZE)
    weights = weights_of(entry, patches)
    initial = Weights(weights.record, {})
    calibrated = entry.load(weights, "cpu")
    degenerate = mean_cosine(entry.load(initial, "cpu")(patches))
    assert mean_cosine(calibrated(patches)) < degenerate - 0.02
    assert weights.record.batch_norm_patches == len(patches)
    assert calibrated.untrained
    assert calibrated.label == "ResNet-18, untrained (BatchNorm statistics from plain patches)"


def test_calibration_changes_no_weight_but_batch_norm_s_statistics():
    entry, patches = untrained("resnet18"), small_views.some_patches(SIZE)[:3]
    weights = weights_of(entry, patches)
    kinds = {name.rpartition(".")[2] for name in weights.statistics}
    assert kinds == {"running_mean", "running_var", "num_batches_tracked"}


def test_an_untrained_network_with_batch_norm_asks_for_plain_patches():
    with pytest.raises(LeakageError, match="needs plain patches, and none were given"):
        ready(untrained("resnet18"))


def test_embeddings_do_not_depend_on_the_batch_size():
    patches = small_views.some_patches(SIZE)
    entry = untrained("resnet18")
    weights = weights_of(entry, patches)
    encoder = entry.load(weights, "cpu")
    one_by_one = np.concatenate([encoder([patch]) for patch in patches])
    assert np.abs(encoder(patches) - one_by_one).max() <= 1e-5 * np.abs(one_by_one).max()


def test_an_untrained_clip_says_so_and_gives_its_embedding_size():
    entry = OpenClip(weights="random")
    encoder = ready(entry)
    found = encoder([patch_of(0, 224), patch_of(255, 224, channels=1)])
    assert found.shape == (2, 512) and found.dtype == np.float32
    assert (encoder.label, encoder.untrained) == ("CLIP ViT-B/32, untrained", True)


FAMILIES = {
    "alexnet": 256,
    "convnext_tiny": 768,
    "densenet121": 1024,
    "efficientnet_b0": 1280,
    "maxvit_t": 512,
    "mnasnet0_5": 1280,
    "mobilenet_v3_small": 576,
    "resnet50": 2048,
    "shufflenet_v2_x0_5": 1024,
    "squeezenet1_0": 512,
    "swin_t": 768,
    "vgg11": 512,
    "vit_b_32": 768,
}


@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_gives_the_features_that_its_classifier_reads(model):
    # On torch's meta device a network has shapes and no numbers: no time and no memory.
    architecture = untrained(model).architecture()
    with torch.device("meta"):
        features = architecture.features(architecture.build()).eval()
        assert features(torch.zeros(2, 3, 224, 224)).shape == (2, FAMILIES[model])


# Weights from a file


@pytest.mark.skipif(not SQUEEZENET.is_file(), reason=f"{SQUEEZENET} is not there")
def test_the_real_squeezenet_gives_the_channels_before_its_classifier_averaged_over_the_map():
    from safetensors.torch import load_file
    from torchvision import models
    from torchvision.transforms import functional

    entry = Torchvision(model="squeezenet1_0", weights=str(SQUEEZENET))
    patches = small_views.some_patches(224)
    reference = models.squeezenet1_0()
    reference.load_state_dict(load_file(SQUEEZENET))
    pixels = torch.stack([functional.to_tensor(patch.copy()) for patch in patches])
    pixels = functional.normalize(pixels, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.inference_mode():
        expected = reference.eval().features(pixels).mean((2, 3)).numpy()
    encoder = ready(entry)
    found = encoder(patches)
    assert found.shape == (8, 512) and found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-4)
    assert encoder.label == "SqueezeNet 1.0 (squeezenet1_0.safetensors)"
    assert not encoder.untrained


@pytest.fixture(scope="module")
def squeezenet_file(tmp_path_factory):
    """A seeded squeezenet1_1, float16, as a file."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    state = untrained("squeezenet1_1").architecture().build().state_dict()
    save_file({name: value.half() for name, value in state.items()}, path)
    return path


def from_file(path, model="squeezenet1_1"):
    return Torchvision(model=model, weights=str(path))


def test_a_file_of_another_network_is_refused_with_the_keys_that_do_not_fit(squeezenet_file):
    with pytest.raises(LeakageError) as caught:
        ready(from_file(squeezenet_file, "resnet18"))
    message = str(caught.value)
    assert message.startswith(f"{squeezenet_file}: these are not the weights of ResNet-18")
    assert "102 missing (conv1.weight, " in message and "52 unexpected (classifier.1." in message


def test_a_file_whose_shapes_do_not_fit_is_refused_with_both_shapes(squeezenet_file):
    with pytest.raises(LeakageError, match=r"features\.0\.weight \(64, 3, 3, 3\) instead of \(96,"):
        ready(from_file(squeezenet_file, "squeezenet1_0"))


def test_a_file_that_is_cut_short_is_refused_by_name(squeezenet_file, tmp_path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(squeezenet_file.read_bytes()[:100_000])
    with pytest.raises(LeakageError, match=f"{path}: not a readable weights file"):
        ready(from_file(path))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(LeakageError, match=r"absent\.safetensors: no such file"):
        ready(from_file(tmp_path / "absent.safetensors"))


def test_a_file_that_could_run_code_is_refused_when_the_settings_are_checked():
    entry = {"kind": "open_clip", "weights": "downloads/ViT-B-32.pt"}
    with pytest.raises(LeakageError, match=r"encoders\.clip\.weights: .*expected a .safetensors"):
        validate(OpenClip, entry, "encoders.clip")


def test_weights_that_change_after_they_were_resolved_are_refused(squeezenet_file, tmp_path):
    path = tmp_path / squeezenet_file.name
    path.write_bytes(squeezenet_file.read_bytes())
    entry = from_file(path)
    weights = weights_of(entry)
    assert weights.record.sha256 == files.sha256(squeezenet_file)
    path.write_bytes(squeezenet_file.read_bytes() + b" ")
    with pytest.raises(LeakageError, match="have changed"):
        entry.load(weights, "cpu")
    path.unlink()
    with pytest.raises(LeakageError, match="is missing"):
        entry.load(weights, "cpu")


def test_weights_resolved_for_another_entry_are_refused(squeezenet_file):
    entry = from_file(squeezenet_file)
    weights = weights_of(entry)
    with pytest.raises(LeakageError, match=r"expected squeezenet1_1 \(random\)"):
        untrained("squeezenet1_1").load(weights, "cpu")


# timm


def of_timm(model, weights="random", **keys):
    return Timm(model=model, weights=str(weights), batch_size=4, **keys)


def test_an_untrained_transformer_of_timm_says_so_and_tells_patches_apart():
    encoder = ready(of_timm("vit_tiny_patch16_224"))
    found = encoder(small_views.some_patches(224)[:3])
    assert found.shape == (3, 192) and found.dtype == np.float32
    assert np.isfinite(found).all() and not np.allclose(found[0], found[1])
    assert (encoder.label, encoder.untrained) == ("ViT tiny/16 224, untrained", True)


def test_batch_norm_of_timm_s_networks_is_calibrated_too():
    entry, patches = of_timm("resnet10t"), small_views.some_patches(SIZE)
    weights = weights_of(entry, patches)
    calibrated = entry.load(weights, "cpu")
    initial = entry.load(Weights(weights.record, {}), "cpu")
    assert weights.record.batch_norm_patches == len(patches)
    assert calibrated(patches).shape == (len(patches), 512)
    assert mean_cosine(calibrated(patches)) < mean_cosine(initial(patches)) - 0.02
    assert calibrated.label == "ResNet-10t, untrained (BatchNorm statistics from plain patches)"


def file_of_timm(path, model, classes, tag="c3_in1k"):
    """Write a seeded network of timm, and return what it does to the input of its classifier."""
    import timm as library

    torch.manual_seed(0)
    whole = library.create_model(f"{model}.{tag}", num_classes=classes).eval()
    save_file(whole.state_dict(), path)
    mean, std = (torch.tensor(whole.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))

    def pooled(patches):
        pixels = torch.stack([torch.from_numpy(p.copy()).permute(2, 0, 1) / 255 for p in patches])
        with torch.inference_mode():
            features = whole.forward_features((pixels - mean) / std)
            return whole.forward_head(features, pre_logits=True).numpy()

    return pooled


@pytest.mark.parametrize("classes", [0, 7, 1000])
def test_a_file_of_timm_gives_what_the_classifier_reads_whether_it_holds_one_or_not(
    tmp_path, classes
):
    path, patches = tmp_path / "mine.safetensors", small_views.some_patches(SIZE)[:4]
    pooled = file_of_timm(path, "resnet10t", classes)
    encoder = ready(of_timm("resnet10t", path))
    assert encoder(patches) == pytest.approx(pooled(patches), abs=1e-5)
    assert encoder.label == "ResNet-10t (mine.safetensors)" and not encoder.untrained


@pytest.mark.parametrize("model", ["levit_128s", "caformer_s18", "vit_tiny_patch16_224"])
def test_a_classifier_of_timm_goes_with_its_norms_and_hidden_layers_and_nothing_else_does(model):
    import timm as library

    with torch.device("meta"):
        whole = library.create_model(model, num_classes=7).state_dict()
        headless = of_timm(model).architecture().build().state_dict()
    key = of_timm(model).architecture().key
    assert {key(name) for name in whole} - {None} == headless.keys() < whole.keys()


def test_a_file_of_timm_with_another_tensor_or_without_one_is_refused(tmp_path):
    from safetensors.torch import load_file

    path = tmp_path / "mine.safetensors"
    file_of_timm(path, "resnet10t", 7)
    state = load_file(path)
    save_file(state | {"layer5.weight": torch.zeros(1)}, path)
    with pytest.raises(LeakageError, match=r"ResNet-10t: tensors 1 unexpected \(layer5\.weight\)"):
        ready(of_timm("resnet10t", path))
    del state["bn1.weight"]
    save_file(state, path)
    with pytest.raises(LeakageError, match=r"tensors 1 missing \(bn1\.weight\)"):
        ready(of_timm("resnet10t", path))


def test_a_first_layer_of_one_channel_is_refused_and_not_adapted(tmp_path):
    from safetensors.torch import load_file

    path = tmp_path / "mine.safetensors"
    file_of_timm(path, "resnet10t", 7)
    state = load_file(path)
    save_file(state | {"conv1.0.weight": state["conv1.0.weight"][:, :1].contiguous()}, path)
    with pytest.raises(
        LeakageError, match=r"1 of another shape \(conv1\.0\.weight \(24, 1, 3, 3\)"
    ):
        ready(of_timm("resnet10t", path))


def test_a_transformer_trained_at_another_size_is_refused_and_not_interpolated(tmp_path):
    path = tmp_path / "mine.safetensors"
    file_of_timm(path, "vit_tiny_patch16_384", 7, "augreg_in21k_ft_in1k")
    with pytest.raises(LeakageError, match=r"pos_embed \(1, 577, 192\) instead of \(1, 197, 192\)"):
        ready(of_timm("vit_tiny_patch16_224", path))


def test_a_fine_tuned_resnet_of_torchvision_is_a_file_of_timm_too(tmp_path):
    from torchvision import models

    path, patches = tmp_path / "mine.safetensors", small_views.some_patches(SIZE)[:2]
    torch.manual_seed(0)
    whole = models.resnet18().eval()
    save_file(whole.state_dict(), path)
    expected = ready(from_file(path, "resnet18"))(patches)
    whole.fc = torch.nn.Linear(512, 7)
    save_file(whole.state_dict(), path)
    found = ready(of_timm("resnet18", path, pixels="tv_in1k"))(patches)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_pixels_are_those_of_the_tag_and_for_a_file_of_the_tag_that_pixels_names():
    model = "vit_small_patch16_224"
    entries = [
        of_timm(model, "augreg_in1k"),
        of_timm(model, "dino"),
        of_timm(model, "mine.safetensors", pixels="dino"),
        of_timm(model, "random", pixels="dino"),
    ]
    means = [entry.architecture().mean for entry in entries]
    dino = (0.485, 0.456, 0.406)
    assert means == [(0.5, 0.5, 0.5), dino, dino, dino]


def test_pixels_beside_a_tag_are_refused_when_the_settings_are_checked():
    entry = {"kind": "timm", "weights": "dino", "pixels": "augreg_in1k"}
    with pytest.raises(LeakageError, match=r"^encoders\.mine: found pixels 'augreg_in1k' beside"):
        validate(Timm, entry, "encoders.mine")


def test_a_resnet_of_timm_takes_patches_of_any_size():
    architecture = of_timm("resnet10t", "c3_in1k").architecture()
    for size in (48, 176, 224):
        architecture.check_size(size)


# What the libraries do not have


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ({"kind": "torchvision", "model": "resnt50"}, "the nearest is 'resnet50'"),
        ({"kind": "torchvision", "weights": "IMAGENET_V2"}, "the nearest is 'IMAGENET1K_V2'"),
        ({"kind": "open_clip", "model": "VitB32"}, "the nearest is 'ViT-B-32'"),
        ({"kind": "open_clip", "weights": "opnai"}, "the nearest is 'openai'"),
        ({"kind": "open_clip", "model": "ViT-B-32"}, "set model: ViT-B-32-quickgelu"),
        ({"kind": "open_clip", "weights": "laion2b_e16"}, "set model: ViT-B-32"),
        ({"kind": "timm", "model": "vit_smal_patch16_224"}, "nearest is 'vit_small_patch16_224'"),
        ({"kind": "timm", "model": "vit_tiny_patch16_224_in21k"}, "timm has no 'vit_tiny_patch16"),
        ({"kind": "timm", "model": "resnet50.a1_in1k"}, "set model: resnet50 and weights: a1_in1k"),
        ({"kind": "timm", "weights": "augreg_in1"}, "the nearest is 'augreg_in1k'"),
        ({"kind": "timm", "model": "davit_huge"}, "davit_huge has no .* a path that ends in"),
        ({"kind": "timm", "model": "gcvit_tiny", "weights": "in1k"}, "convert it to .safetensors"),
        ({"kind": "timm", "weights": "mine.safetensors"}, "pixels: missing; .* dino: mean"),
        ({"kind": "timm", "weights": "random", "pixels": "dinno"}, "the nearest is 'dino'"),
    ],
)
def test_weights_and_models_that_do_not_go_together_are_answered_with_the_right_one(entry, answer):
    with pytest.raises(LeakageError, match=answer) as caught:
        encoders.encoder_class(entry["kind"])(**entry).architecture("encoders.mine")
    assert str(caught.value).startswith("encoders.mine.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("open_clip", "ViT-B-32-quickgelu"),
        ("timm", "vit_tiny_patch16_224"),
        ("torchvision", "vit_b_16"),
    ],
)
def test_patches_of_a_size_that_a_transformer_does_not_take_are_refused(kind, model):
    architecture = encoders.encoder_class(kind)(model=model, weights="random").architecture()
    with pytest.raises(LeakageError, match=r"patches\.size: found 192, .* 224 x 224 only"):
        architecture.check_size(192)
    architecture.check_size(224)
