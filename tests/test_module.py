"""Another workflow uses this one as a Snakemake module, from a folder of its own."""

import secrets
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snake import REPOSITORY, surroundings
from snakemake.utils import update_config

SNAKEFILE = f"""
configfile: "config.yaml"

module leakage:
    snakefile: "{REPOSITORY / "Snakefile"}"
    config: config

use rule * from leakage

rule count:
    input: "results/manifest.csv"
    output: "count.txt"
    shell: "wc -l < {{input}} > {{output}}"
"""
CONFIG = {
    "results": "results",
    "dataset": {"name": "photographs", "photographs": {"names": ["chelsea", "coins"]}},
    "encryption": {"key_file": "my.key"},
}


@pytest.fixture
def importing(tmp_path: Path) -> Path:
    """A folder with a workflow that imports this one, its configuration and its key."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    update_config(config, CONFIG)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "my.key").write_text(secrets.token_hex(32))
    return tmp_path


def run(folder: Path, *options: str) -> str:
    """Run Snakemake in a folder, without PYTHONPATH, and return its output."""
    environment = {key: value for key, value in surroundings().items() if key != "PYTHONPATH"}
    line = [sys.executable, "-m", "snakemake", "--cores", "2", *options]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_default_target_of_the_module_is_planned(importing: Path) -> None:
    planned = run(importing, "-n")
    assert "results/figures/fig8.pdf" in planned and "rule calibrate_estimator" not in planned


def test_a_rule_of_the_importing_workflow_reads_a_result(importing: Path) -> None:
    run(importing, "count.txt")
    assert (importing / "count.txt").read_text().strip() == "3"
    manifest = pd.read_csv(importing / "results" / "manifest.csv")
    assert set(manifest["image_id"]) == {"chelsea", "coins"}
