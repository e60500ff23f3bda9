"""The demo's answer: a real leak where there is one, and none where nothing is left.

`make slow` runs these tests. They read the results that DEMO names, or run the demo's jobs for the
verdict and re-identification, which takes minutes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from leakage.analysis import tables
from leakage.analysis.claims import STAND_IN_FAILS, STAND_IN_HOLDS
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE
from leakage.report import answers
from PIL import Image
from snake import REPOSITORY, snakemake

pytestmark = pytest.mark.slow

TARGETS = ("analysis/verdicts.parquet", "figures/scorecard.csv", "figures/reidentification.csv")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo's results."""
    if given := os.environ.get("DEMO"):
        return REPOSITORY / given
    folder = tmp_path_factory.mktemp("demo") / "results"
    run = snakemake(folder, targets=TARGETS, configfile=REPOSITORY / "demo.yaml")
    assert run.status == 0, run.output
    return folder


@pytest.fixture(scope="module")
def verdicts(results: Path) -> pd.DataFrame:
    return tables.read(results / "analysis" / "verdicts.parquet").rows


def test_msb_xor_leaks_up_to_five_bits_and_not_at_eight(verdicts):
    for _, rows in verdicts[verdicts["scheme"] == "msb_xor"].groupby("representation"):
        found = dict(zip(rows["level"], rows["verdict"], strict=True))
        assert all(found[level] == LEAK for level in range(6)), rows["label"].iloc[0]
        assert found[8] == NO_EVIDENCE, rows["label"].iloc[0]


def test_a_permutation_leaks_and_full_encryption_does_not(verdicts):
    said = {
        scheme: answers.combined(rows)
        for scheme, rows in verdicts.groupby("scheme")
        if scheme != "msb_xor"
    }
    assert said["pixel_permutation"] == dict.fromkeys(said["pixel_permutation"], LEAK)
    assert said["full"] == {0: LEAK, 1: NO_EVIDENCE}


def test_re_identification_falls_from_certain_to_guessing(results):
    found = pd.read_csv(results / "figures" / "reidentification.csv")
    rows = found[(found["statistic"] == "top 1") & (found["representation"] == "lite0")].set_index(
        "level"
    )
    assert rows.loc[0, "mean"] == 1 and rows.loc[1, "mean"] > 0.75
    assert rows.loc[8, "low"] <= rows.loc[8, "chance"] <= rows.loc[8, "high"]


def test_claims_about_the_paper_s_networks_say_that_a_stand_in_tested_them(results):
    claims = pd.read_csv(results / "figures" / "scorecard.csv").drop_duplicates("claim")
    replaced = claims[claims["verdict"].isin([STAND_IN_HOLDS, STAND_IN_FAILS])]
    assert len(replaced) == 3
    assert replaced["networks"].str.contains("EfficientNet-Lite0").all()


def test_the_readme_s_strip_can_be_drawn_from_the_demo(results, tmp_path):
    script = REPOSITORY / "docs" / "strip.py"
    subprocess.run([sys.executable, script, results, tmp_path / "strip.png"], check=True)
    with Image.open(tmp_path / "strip.png") as strip:
        assert strip.width > 2 * strip.height
