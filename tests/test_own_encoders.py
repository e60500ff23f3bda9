"""The examples of docs/encoders.md, word for word, through the real workflow on tiny pictures."""

from pathlib import Path

import documented
import numpy as np
import pytest
import yaml
from documented import run
from leakage.storage import embeddings, files
from snake import REPOSITORY, TINY, copy_checkout

PAGE = "encoders.md"
# The configuration files of the page, by their first line's name.
EXAMPLES = [name for name in documented.files(PAGE) if name.endswith(".yaml")]
WAYS_OUT = [
    *("snakemake download", "weights: path/to/file.safetensors", "weights: package"),
    "weights: random",
]


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
    return (
        "file" if weights.endswith(".safetensors") else {"package": "package"}.get(weights, "tag")
    )


def from_a(wanted: str) -> list[str]:
    """Return the examples with weights from one source."""
    return [example for example in EXAMPLES if source(example) == wanted]


def slow_but(example: str, examples: list[str]) -> list[object]:
    """Return parameters of which one is tested always, the others with the slow tests."""
    assert example in examples
    return [
        pytest.param(each, marks=[] if each == example else [pytest.mark.slow]) for each in examples
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the files of the page in it, as a user has it."""
    folder = copy_checkout(tmp_path_factory.mktemp("mine"))
    documented.write(PAGE, folder)
    # What the page calls demo.yaml, with fewer pictures, but patches that a transformer takes.
    tiny = (REPOSITORY / TINY).read_text()
    assert "size: 48" in tiny
    (folder / "demo.yaml").write_text(tiny.replace("size: 48", "size: 224"))
    return folder


def trained_network(kind: str, model: str):
    """Return a seeded network as a user's training leaves it, a classifier of theirs in it."""
    import torch

    torch.manual_seed(0)
    if kind == "timm":
        import timm

        return timm.create_model(model, num_classes=7)
    if kind == "torchvision":
        from torchvision import models

        return models.get_model(model)
    import open_clip

    return open_clip.create_model(model)


def save_as_pth(path: Path, kind: str, model: str) -> None:
    """Write a checkpoint of a distributed training."""
    import torch

    state = trained_network(kind, model).state_dict()
    stored = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save(stored, path)


def test_the_page_has_each_library_by_tag_and_by_file_and_a_command_for_each() -> None:
    shown = {(entry_of(each)[1]["kind"], source(each)) for each in EXAMPLES}
    kinds = ["open_clip", "timm", "torchvision"]
    expected = {(kind, source) for kind in kinds for source in ("tag", "file")}
    assert shown == expected | {("timm", "package")}
    for example in EXAMPLES:
        key, _ = entry_of(example)
        assert command_of(example)[-1].endswith(f"/figures/estimators-{key}.png")


@pytest.mark.parametrize("example", slow_but("timm-file.yaml", from_a("file")))
def test_a_checkpoint_converted_as_the_page_says_is_an_encoder(folder: Path, example: str) -> None:
    key, entry = entry_of(example)
    weights = folder / entry["weights"]
    save_as_pth(weights.with_suffix(".pth"), entry["kind"], entry["model"])
    (convert,) = [words for words in documented.commands(PAGE) if words[0] == "python"]
    convert = [*convert[:2], weights.with_suffix(".pth").name, weights.name]
    converted = run(folder, convert)
    assert converted.status == 0, converted.output
    words = command_of(example)
    done = run(folder, words)
    assert done.status == 0, done.output
    assert (folder / words[-1]).read_bytes().startswith(b"\x89PNG")
    results = folder / yaml.safe_load((folder / example).read_text())["results"]
    path = results / "embeddings" / key / "msb_xor" / "4.parquet"
    _, found, metadata = embeddings.read(path, "patches")
    assert metadata["label"].endswith(f"({weights.name})") and not metadata["untrained"]
    assert metadata["weights"]["sha256"] == files.sha256(weights)
    assert found.shape == (12, metadata["dim"]) and np.isfinite(found).all()


@pytest.mark.parametrize("example", from_a("package"))
def test_the_weights_of_an_installed_package_need_no_file_and_no_host(
    folder: Path, tmp_path: Path, example: str
) -> None:
    nobody = {"HF_HUB_OFFLINE": "1", "https_proxy": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    words = command_of(example)
    done = run(folder, words, **nobody)
    assert done.status == 0, done.output
    assert (folder / words[-1]).read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("example", slow_but("timm.yaml", from_a("tag")))
def test_a_tag_that_cannot_be_had_stops_the_run_with_the_ways_out(
    folder: Path, tmp_path: Path, example: str
) -> None:
    key, entry = entry_of(example)
    nobody = {"HF_HUB_OFFLINE": "1", "https_proxy": "http://127.0.0.1:9"}
    caches = {"HF_HOME": str(tmp_path / "hf"), "TORCH_HOME": str(tmp_path / "torch")}
    done = run(folder, command_of(example), **nobody, **caches)
    assert done.status != 0
    what = f"the weights '{entry['weights']}' of {entry['model']} cannot be found"
    assert done.lines_with(f"error: encoders.{key}: {what}"), done.output
    assert all(done.lines_with(way) for way in WAYS_OUT)
    assert "Traceback" not in done.output
