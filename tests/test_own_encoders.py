"""The examples of docs/encoders.md, word for word, through the real workflow on tiny pictures."""

from pathlib import Path

import documented
import numpy as np
import pytest
import yaml
from documented import run
from leakage.storage import embeddings, files
from snake import REPOSITORY, TINY, copy_checkout
from test_weights import NOBODY

PAGE = "encoders.md"


def entry_of(example: str) -> tuple[str, dict[str, str]]:
    """Return the encoder that an example draws, and its entry."""
    configuration = yaml.safe_load(documented.files(PAGE)[example])
    (key,) = configuration["representations"]
    return key, configuration["encoders"][key]


def command_of(example: str) -> list[str]:
    """Return the page's command with a configuration file."""
    (words,) = [words for words in documented.commands(PAGE) if example in words]
    return words


def source(example: str) -> str:
    """Return where the weights of an example come from."""
    weights = entry_of(example)[1]["weights"]
    return "file" if weights.endswith(".safetensors") else weights


# The configuration files of the page.
EXAMPLES = [name for name in documented.files(PAGE) if name.endswith(".yaml")]


def examples(wanted: str, fast: str) -> list[object]:
    """Return the examples with weights from one source as parameters; all but `fast` are slow."""
    found = [each for each in EXAMPLES if source(each) == wanted]
    return [pytest.param(each, marks=[pytest.mark.slow] * (each != fast)) for each in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the files of the page in it."""
    folder = copy_checkout(tmp_path_factory.mktemp("mine"))
    documented.write(PAGE, folder)
    # A small demo.yaml, with patches that a transformer takes.
    tiny = (REPOSITORY / TINY).read_text()
    assert "size: 48" in tiny
    (folder / "demo.yaml").write_text(tiny.replace("size: 48", "size: 224"))
    return folder


def save_as_pth(path: Path, kind: str, model: str) -> None:
    """Write a checkpoint of a distributed training of a seeded network."""
    import open_clip
    import timm
    import torch
    from torchvision import models

    torch.manual_seed(0)
    build = {
        "timm": lambda: timm.create_model(model, num_classes=7),
        "torchvision": lambda: models.get_model(model),
        "open_clip": lambda: open_clip.create_model(model),
    }
    state = build[kind]().state_dict()
    stored = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save(stored, path)


@pytest.mark.parametrize("example", examples("file", fast=""))
def test_a_checkpoint_converted_as_the_page_says_is_an_encoder(folder: Path, example: str) -> None:
    key, entry = entry_of(example)
    weights = folder / entry["weights"]
    save_as_pth(weights.with_suffix(".pth"), entry["kind"], entry["model"])
    (convert,) = [words for words in documented.commands(PAGE) if words[0] == "python"]
    convert = [*convert[:2], weights.with_suffix(".pth").name, weights.name]
    words = command_of(example)
    for command in (convert, words):
        done = run(folder, command)
        assert done.status == 0, done.output
    assert (folder / words[-1]).read_bytes().startswith(b"\x89PNG")
    results = folder / yaml.safe_load((folder / example).read_text())["results"]
    path = results / "embeddings" / key / "msb_xor" / "4.parquet"
    _, found, metadata = embeddings.read(path, "patches")
    assert metadata["label"].endswith(f"({weights.name})") and not metadata["untrained"]
    assert metadata["weights"]["sha256"] == files.sha256(weights)
    assert found.shape == (12, metadata["dim"]) and np.isfinite(found).all()


@pytest.mark.parametrize("example", examples("package", fast="timm-package.yaml"))
def test_the_weights_of_an_installed_package_need_no_network(
    folder: Path, tmp_path: Path, example: str
) -> None:
    nobody = {"HF_HUB_OFFLINE": "1", "https_proxy": NOBODY, "HF_HOME": str(tmp_path)}
    words = command_of(example)
    done = run(folder, words, **nobody)
    assert done.status == 0, done.output
    assert (folder / words[-1]).read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.iterdir())
