"""Weights: found once by their step, through the caches of the libraries, then loaded."""

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
from leakage.encoders.weights import read
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


class Run:
    """A small run: the photographs at level 0 with their places, and the steps on them."""

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.view = small_views.write_view(folder / "view.parquet", 0)
        self.places = small_views.write_places(folder / "places.csv", small_views.places(size))
        self.weights = folder / "weights" / "mine.safetensors"
        self.output = folder / "embeddings.parquet"

    def resolve(self, entry, seed=0):
        """Run the step `find_weights` in this process and return what it wrote."""
        find_weights.main(
            self.weights, json.dumps(entry), seed, self.size, self.view, self.places, "cpu"
        )
        return read(self.weights)

    def embed(self, entry):
        """Run the step `embed` in this process and return the patches' embeddings and metadata."""
        settings = json.dumps(entry)
        embed.main(
            *(self.view, self.places, self.output, "mine", settings, self.size, "code"),
            self.weights,
            "cpu",
        )
        return embeddings.read(self.output, "patches")[1:]

    def steps(self, entry, **environment):
        """Run both steps as a user's shell does, and return the embeddings and metadata."""
        entry = json.dumps(entry)
        of_weights = ["--settings", entry, "--seed", "0", "--size", str(self.size)]
        done = step("find_weights", self.weights, *of_weights, **environment)
        assert done.returncode == 0, done.stderr
        of_embed = ["--encoder", "mine", "--settings", entry, "--size", str(self.size)]
        of_embed += ["--weights", self.weights, "--code", "code", "--device", "cpu"]
        files_in_and_out = (self.view, self.places, self.output)
        # An embedding never asks the network, so none is there.
        nobody = {"HF_ENDPOINT": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        done = step("embed", *files_in_and_out, *of_embed, **environment | nobody)
        assert done.returncode == 0, done.stderr
        return embeddings.read(self.output, "patches")[1:]

    def patches(self):
        """Return the patches that the steps embed, in their order, as float tensors in [0, 1]."""
        table, pictures = small_views.places(self.size), small_views.photographs()
        windows = [
            pictures[row.image_id][row.top : row.top + self.size, row.left : row.left + self.size]
            for row in table.itertuples()
        ]
        pixels = np.stack([np.broadcast_to(w, (*w.shape[:2], 3)) for w in windows])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255


def step(*arguments, **environment):
    """Run a step in a process of its own, as Snakemake does."""
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


def test_the_record_of_a_random_network_says_that_and_its_embedding_repeats_it(run):
    entry = {"kind": "torchvision", "model": "resnet18", "weights": "random", "batch_size": 4}
    resolved = run.resolve(entry, seed=5)
    assert resolved.record.model_dump() == {
        "kind": "torchvision",
        "model": "resnet18",
        "weights": "random",
        "source": "random",
        "file": None,
        "sha256": None,
        "label": "ResNet-18, untrained (BatchNorm statistics from plain patches)",
        "untrained": True,
        "seed": 5,
        "batch_norm_patches": 12,
    }
    found, metadata = run.embed(entry)
    assert metadata["weights"] == resolved.record.model_dump()
    assert (metadata["label"], metadata["untrained"]) == (resolved.record.label, True)
    assert metadata["versions"].keys() == {"python", "numpy", "torch", "torchvision"}
    assert np.array_equal(found, run.embed(entry)[0])


def test_the_record_of_a_file_holds_its_path_and_checksum(run):
    from torchvision import models

    path = run.folder / "mine.safetensors"
    save_file(models.squeezenet1_1().state_dict(), path)
    entry = {"kind": "torchvision", "model": "squeezenet1_1", "weights": str(path)}
    record = run.resolve(entry).record
    assert (record.source, record.file, record.sha256) == ("file", str(path), files.sha256(path))
    assert record.label == "SqueezeNet 1.1 (mine.safetensors)" and not record.untrained
    assert run.embed(entry)[1]["weights"]["sha256"] == files.sha256(path)


def test_plain_patches_are_spread_over_all_pictures(run, monkeypatch):
    monkeypatch.setattr(find_weights, "PLAIN_PATCHES", 3)
    chosen = find_weights.plain_patches(run.view, run.places, run.size)
    assert [patch.shape[2] for patch in chosen] == [3, 3, 1]


def test_an_encoder_without_weights_has_none_to_find(run):
    with pytest.raises(LeakageError, match=r"encoders\.mine: .*statistics has no weights"):
        run.resolve({"kind": "statistics"})


def test_a_damaged_weights_file_is_refused(run):
    run.resolve({"kind": "torchvision", "model": "squeezenet1_1", "weights": "random"})
    run.weights.write_bytes(run.weights.read_bytes() + b" ")
    with pytest.raises(LeakageError, match="damaged"):
        read(run.weights)


def test_resnet_weights_that_cannot_be_had_give_one_message_with_the_ways_out(run, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(run.folder / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(LeakageError) as caught:
        run.resolve(RESNET)
    message = str(caught.value)
    assert message.startswith("encoders.mine: the weights 'IMAGENET1K_V2' of resnet50 cannot be")
    assert "TORCH_HOME" in message and "https://download.pytorch.org/models/resnet50-" in message
    assert all(way in message for way in WAYS_OUT)
    assert not run.weights.exists()


@pytest.mark.parametrize(
    ("entry", "repository", "environment"),
    [
        (CLIP, CLIP_REPOSITORY, {"HF_HUB_OFFLINE": "1"}),
        (TIMM, TIMM_REPOSITORY, {"HF_HUB_OFFLINE": "1"}),
        pytest.param(
            *(CLIP, CLIP_REPOSITORY, {"HF_ENDPOINT": "http://127.0.0.1:9"}), marks=pytest.mark.slow
        ),
    ],
)
def test_weights_of_the_hub_that_cannot_be_had_give_one_message_with_the_ways_out(
    run, entry, repository, environment
):
    arguments = ["--settings", json.dumps(entry), "--seed", "0", "--size", "224"]
    environment |= {"HF_HOME": str(run.folder / "empty")}
    done = step("find_weights", run.weights, *arguments, **environment)
    assert done.returncode == 1 and done.stdout == ""
    what = f"the weights '{entry['weights']}' of {entry['model']} cannot be found"
    assert done.stderr.startswith(f"error: encoders.mine: {what}")
    assert "HF_HOME" in done.stderr and repository in done.stderr
    assert all(way in done.stderr for way in WAYS_OUT) and "Traceback" not in done.stderr
    assert not run.weights.exists()


# The real paths, with seeded stand-ins of the true architecture and key names: the true weights
# are hundreds of megabytes on hosts that a test does not ask.


@pytest.fixture
def large():
    """A folder that goes when the test ends: pytest keeps its own for three runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.slow
def test_clip_by_its_tag_comes_from_the_hub_and_then_from_the_offline_cache(large):
    import open_clip

    torch.manual_seed(0)
    stand_in = open_clip.create_model(CLIP["model"]).half().float().eval()
    repository = large / "hub" / CLIP_REPOSITORY
    repository.mkdir(parents=True)
    stored = {name: value.half() for name, value in stand_in.state_dict().items()}
    save_file(stored, repository / "open_clip_model.safetensors")
    run = Run(large, 224)
    mean, std = (
        torch.tensor(values).reshape(3, 1, 1)
        for values in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    with torch.inference_mode():
        expected = stand_in.encode_image((run.patches() - mean) / std).numpy()
    environment = {"HF_HOME": str(large / "hf")}
    with hub_server.serving(large / "hub") as hub:
        found, metadata = run.steps(CLIP, HF_ENDPOINT=hub.url, **environment)
        assert ("GET", f"/{CLIP_REPOSITORY}/resolve/main/open_clip_model.safetensors") in (
            hub.requests
        )
    assert found == pytest.approx(expected, abs=1e-5)
    assert metadata["label"] == "CLIP ViT-B/32 (openai)" and not metadata["untrained"]
    record = metadata["weights"]
    assert record["sha256"] == files.sha256(repository / "open_clip_model.safetensors")
    assert Path(record["file"]).is_relative_to(large / "hf")
    offline, metadata = run.steps(CLIP, HF_HUB_OFFLINE="1", **environment)
    assert np.array_equal(offline, found) and metadata["weights"] == record


def test_timm_by_its_tag_comes_from_the_hub_as_safetensors_and_then_from_the_offline_cache(large):
    import timm

    torch.manual_seed(0)
    stand_in = timm.create_model("resnet10t.c3_in1k").eval()
    repository = large / "hub" / TIMM_REPOSITORY
    repository.mkdir(parents=True)
    save_file(stand_in.state_dict(), repository / "model.safetensors")
    (repository / "pytorch_model.bin").write_bytes(b"a pickle that nobody opens")
    run = Run(large, 96)
    mean, std = (
        torch.tensor(stand_in.pretrained_cfg[key]).reshape(3, 1, 1) for key in ("mean", "std")
    )
    stand_in.reset_classifier(0)
    with torch.inference_mode():
        expected = stand_in((run.patches() - mean) / std).numpy()
    environment = {"HF_HOME": str(large / "hf")}
    with hub_server.serving(large / "hub") as hub:
        found, metadata = run.steps(TIMM, HF_ENDPOINT=hub.url, **environment)
        asked = {path for _, path in hub.requests if TIMM_REPOSITORY in path}
    assert asked == {f"/{TIMM_REPOSITORY}/resolve/main/model.safetensors"}
    assert found.shape == (12, 512) and found == pytest.approx(expected, abs=1e-5)
    assert metadata["label"] == "ResNet-10t (c3_in1k)" and not metadata["untrained"]
    assert metadata["versions"]["timm"] == timm.__version__
    record = metadata["weights"]
    assert record["sha256"] == files.sha256(repository / "model.safetensors")
    assert Path(record["file"]).is_relative_to(large / "hf")
    offline, metadata = run.steps(TIMM, HF_HUB_OFFLINE="1", **environment)
    assert np.array_equal(offline, found) and metadata["weights"] == record


@pytest.mark.slow
def test_resnet_50_by_its_enum_comes_from_torch_hub_s_cache(large):
    from torchvision import models

    torch.manual_seed(0)
    stand_in = models.resnet50().eval()
    checkpoints = large / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(stand_in.state_dict(), checkpoints / "resnet50-11ad3fa6.pth")
    run = Run(large, 224)
    mean, std = (
        torch.tensor(values).reshape(3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    stand_in.fc = torch.nn.Identity()
    with torch.inference_mode():
        expected = stand_in((run.patches() - mean) / std).numpy()
    found, metadata = run.steps(RESNET, TORCH_HOME=str(large / "torch"))
    assert found.shape == (12, 2048)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert metadata["label"] == "ResNet-50 (IMAGENET1K_V2)" and not metadata["untrained"]
    assert metadata["weights"]["file"] == str(checkpoints / "resnet50-11ad3fa6.pth")
