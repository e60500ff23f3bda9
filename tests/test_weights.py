"""Weights: found once by the step find_weights, through the libraries' caches, then loaded."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hub_server
import numpy as np
import pytest
import small_views
import torch
from leakage import patches
from leakage.encoders import weights
from leakage.errors import LeakageError
from leakage.steps import embed, find_weights
from leakage.storage import embeddings, files
from safetensors.torch import save_file

CLIP = {"kind": "open_clip", "model": "ViT-B-32-quickgelu", "weights": "openai"}
CLIP_REPOSITORY = "timm/vit_base_patch32_clip_224.openai"
RESNET = {"kind": "torchvision", "model": "resnet50", "weights": "IMAGENET1K_V2"}
TIMM = {"kind": "timm", "model": "resnet10t", "weights": "c3_in1k"}
TIMM_REPOSITORY = "timm/resnet10t.c3_in1k"
WAYS_OUT = [
    *("snakemake download", "weights: path/to/file.safetensors", "weights: package"),
    "weights: random",
]
NOBODY = "http://127.0.0.1:9"
SLOW = pytest.mark.slow


class Run:
    """A small run: the photographs at level 0 with their places, and the steps on them."""

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.view = small_views.write_view(folder / "view.parquet", 0)
        self.places = small_views.write_places(folder / "places.csv", small_views.places(size))
        self.record = folder / "weights" / "mine.safetensors"
        self.output = folder / "embeddings.parquet"

    def find(self, entry, seed=0):
        """Run the step find_weights in this process and return the weights record."""
        find_weights.main(
            self.record, json.dumps(entry), seed, self.size, self.view, self.places, "cpu"
        )
        return weights.read(self.record)

    def embed(self, entry):
        """Run the step embed in this process and return the patches' embeddings and metadata."""
        given = (self.view, self.places, self.output, "mine", json.dumps(entry), self.size, "code")
        embed.main(*given, self.record, "cpu")
        return embeddings.read(self.output, "patches")[1:]

    def steps(self, entry, **environment):
        """Run both steps as a job does, and return the embeddings and metadata."""
        options = ["--settings", json.dumps(entry), "--size", self.size]
        done = step("find_weights", self.record, *options, "--seed", 0, **environment)
        assert done.returncode == 0, done.stderr
        options += ["--encoder", "mine", "--weights", self.record, "--code", "", "--device", "cpu"]
        # Embedding needs no network.
        nobody = {"HF_ENDPOINT": NOBODY, "HTTPS_PROXY": NOBODY}
        given = (self.view, self.places, self.output)
        done = step("embed", *given, *options, **environment | nobody)
        assert done.returncode == 0, done.stderr
        return embeddings.read(self.output, "patches")[1:]

    def input(self, mean, std):
        """Return the patches that the steps embed, in their order, as a network's input."""
        places = small_views.places(self.size)
        pixels = [
            np.broadcast_to(patch, (self.size, self.size, 3))
            for image_id, picture in small_views.photographs().items()
            for patch in patches.crop(picture, places[places.image_id == image_id], self.size)
        ]
        mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (mean, std))
        return (torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 255 - mean) / std


def step(*arguments, **environment):
    """Run a step in its own process, as Snakemake does."""
    return subprocess.run(
        [sys.executable, "-m", "leakage", *map(str, arguments)],
        env=os.environ | {"NO_PROXY": "127.0.0.1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path, 96)


def test_the_record_of_a_random_network_holds_its_seed_and_is_copied_to_its_embedding(run):
    entry = {"kind": "torchvision", "model": "resnet18", "weights": "random", "batch_size": 4}
    chosen = find_weights.plain_patches(run.view, run.places, run.size)
    assert [patch.shape[2] for patch in chosen] == [3] * 8 + [1] * 4
    record = run.find(entry, seed=5).record
    label = "ResNet-18, untrained (BatchNorm statistics from plain patches)"
    assert (record.label, record.untrained, record.sha256) == (label, True, None)
    assert (record.source, record.seed, record.batch_norm_patches) == ("random", 5, 12)
    found, metadata = run.embed(entry)
    assert metadata["weights"] == record.model_dump()
    assert (metadata["label"], metadata["untrained"]) == (record.label, True)
    assert metadata["versions"].keys() == {"python", "numpy", "torch", "torchvision"}
    assert np.array_equal(found, run.embed(entry)[0])


def test_the_record_of_a_file_holds_its_path_and_checksum(run):
    from torchvision import models

    path = run.folder / "mine.safetensors"
    save_file(models.squeezenet1_1().state_dict(), path)
    entry = {"kind": "torchvision", "model": "squeezenet1_1", "weights": str(path)}
    record = run.find(entry).record
    assert (record.source, record.file, record.sha256) == ("file", str(path), files.sha256(path))
    run.record.write_bytes(run.record.read_bytes() + b" ")
    with pytest.raises(LeakageError, match="damaged"):
        weights.read(run.record)
    with pytest.raises(LeakageError, match=r"encoders\.mine: .*statistics has no weights"):
        run.find({"kind": "statistics"})


@pytest.mark.parametrize(
    ("entry", "origin", "cache", "environment"),
    [
        (RESNET, "https://download.pytorch.org/models/resnet50-", "TORCH_HOME", {}),
        (CLIP, CLIP_REPOSITORY, "HF_HOME", {"HF_HUB_OFFLINE": "1"}),
        pytest.param(TIMM, TIMM_REPOSITORY, "HF_HOME", {"HF_ENDPOINT": NOBODY}, marks=SLOW),
    ],
)
def test_weights_that_cannot_be_found_give_one_message_with_the_ways_out(
    run, entry, origin, cache, environment
):
    options = ["--settings", json.dumps(entry), "--seed", "0", "--size", "224"]
    environment |= {cache: str(run.folder / "empty"), "https_proxy": NOBODY}
    done = step("find_weights", run.record, *options, **environment)
    assert done.returncode == 1 and done.stdout == ""
    what = f"the weights '{entry['weights']}' of {entry['model']} cannot be found"
    assert done.stderr.startswith(f"error: encoders.mine: {what}")
    assert cache in done.stderr and origin in done.stderr
    assert all(way in done.stderr for way in WAYS_OUT) and "Traceback" not in done.stderr
    assert not run.record.exists()


# The real download paths, with seeded networks of the true architecture and tensor names. The true
# weights have hundreds of megabytes, on hosts that a test does not ask.


@pytest.fixture
def large():
    """A folder that is removed when the test ends; pytest keeps its own for three runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def found_on_the_hub(folder, size, entry, repository, state, file):
    """Return the embeddings with weights from a hub, after checking all that is recorded."""
    stored = folder / "hub" / repository
    stored.mkdir(parents=True)
    save_file(state, stored / file)
    (stored / "pytorch_model.bin").write_bytes(b"a pickle that nobody opens")
    run = Run(folder, size)
    environment = {"HF_HOME": str(folder / "hf")}
    with hub_server.serving(folder / "hub") as hub:
        found, metadata = run.steps(entry, HF_ENDPOINT=hub.url, **environment)
        asked = {path for _, path in hub.requests if repository in path}
    assert asked == {f"/{repository}/resolve/main/{file}"}
    record = metadata["weights"]
    assert record["sha256"] == files.sha256(stored / file)
    assert Path(record["file"]).is_relative_to(folder / "hf")
    offline, again = run.steps(entry, HF_HUB_OFFLINE="1", **environment)
    assert np.array_equal(offline, found) and again["weights"] == record
    return found, metadata["label"], run


@SLOW
def test_clip_by_its_tag_comes_from_the_hub_and_then_from_the_offline_cache(large):
    import open_clip

    torch.manual_seed(0)
    network = open_clip.create_model(CLIP["model"]).half().float().eval()
    state = {name: value.half() for name, value in network.state_dict().items()}
    file = "open_clip_model.safetensors"
    found, label, run = found_on_the_hub(large, 224, CLIP, CLIP_REPOSITORY, state, file)
    pixels = run.input(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    with torch.inference_mode():
        assert found == pytest.approx(network.encode_image(pixels).numpy(), abs=1e-5)
    assert label == "CLIP ViT-B/32 (openai)"


@pytest.mark.slow
def test_timm_by_its_tag_comes_from_the_hub_as_safetensors_and_then_from_the_offline_cache(large):
    import timm

    torch.manual_seed(0)
    network = timm.create_model("resnet10t.c3_in1k").eval()
    state, file = network.state_dict(), "model.safetensors"
    found, label, run = found_on_the_hub(large, 96, TIMM, TIMM_REPOSITORY, state, file)
    network.reset_classifier(0)
    pixels = run.input(*(network.pretrained_cfg[key] for key in ("mean", "std")))
    with torch.inference_mode():
        assert found == pytest.approx(network(pixels).numpy(), abs=1e-5)
    assert label == "ResNet-10t (c3_in1k)"


@SLOW
def test_resnet_50_by_its_enum_comes_from_torch_hub_s_cache(large):
    from torchvision import models

    torch.manual_seed(0)
    network = models.resnet50().eval()
    checkpoints = large / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(network.state_dict(), checkpoints / "resnet50-11ad3fa6.pth")
    run = Run(large, 224)
    found, metadata = run.steps(RESNET, TORCH_HOME=str(large / "torch"))
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        expected = network(run.input((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert metadata["label"] == "ResNet-50 (IMAGENET1K_V2)" and not metadata["untrained"]
    assert metadata["weights"]["file"] == str(checkpoints / "resnet50-11ad3fa6.pth")
