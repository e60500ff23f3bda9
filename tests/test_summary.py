"""The summary of a run: verdicts, claims, calibration and warnings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import test_figures_beyond as beyond
from leakage import files
from leakage.analysis import verdicts
from leakage.figures import style
from leakage.schemes import keystream
from leakage.steps import summary
from leakage.steps.calibrate_verdict import RULES
from snake import REPOSITORY

TEST_KEY = REPOSITORY / "workflow" / "keys" / "test.key"
LEAK, NONE, FEW = verdicts.LEAK, verdicts.NO_EVIDENCE, verdicts.TOO_FEW_PICTURES


def verdict_rows(said: dict[int, str], scheme: str = "msb_xor") -> pd.DataFrame:
    """Return the table of the figure `verdict` for one representation of one scheme."""
    quiet = verdicts.quiet_from(list(said), list(said.values()))
    last = {"quiet_from": quiet.level if quiet else np.nan}
    last["quiet_for_good"] = quiet.for_good if quiet else np.nan
    rows = {"level": list(said), "verdict": list(said.values()), "nats": 1.25, "corrected_p": 0.004}
    few = {"pictures": 6 if FEW in said.values() else 60, "needed_pictures": 15}
    return pd.DataFrame(rows | few | last).assign(
        scheme=scheme, representation="clip", label="CLIP, untrained"
    )


def claim_rows() -> pd.DataFrame:
    return pd.DataFrame({"claim": ["a. one", "a. one"], "verdict": ["holds", "holds"]})


def calibration_rows() -> pd.DataFrame:
    rows = {"task": "spiral", "level": [0, 1, 0], "truth": [1.0, 2.0, 1.0]}
    return pd.DataFrame(rows | {"estimator": ["mine", "mine", "cca"], "bias": [0.1, -0.3, -0.2]})


def null_rows() -> pd.DataFrame:
    """Return 20 families of two levels where nothing leaks, of which one was called a leak."""
    rows = {"strength": 0.0, "family": np.arange(40) // 2, "p_value": 0.5, "nats": 0.0}
    rows |= {"p_exact": 0.5, "p_critics": 0.5, "pictures": 60, "patches": "equal"}
    said = [LEAK] + [NONE] * 39
    return pd.DataFrame(rows | dict.fromkeys(RULES, said) | {"confidence": 0.95})


@pytest.fixture
def run(tmp_path: Path):
    """Write a summary of tables given as keywords; return its Markdown."""
    (tmp_path / "manifest.csv").write_text("image_id\na\nb\n")
    (tmp_path / "manifest.csv.sha256").write_text(files.sha256(tmp_path / "manifest.csv"))

    def write(**tables: pd.DataFrame) -> str:
        given = {}
        for name, table in tables.items():
            given[name] = tmp_path / f"{name}.{'csv' if name in CSV else 'parquet'}"
            if name in CSV:
                table.to_csv(given[name], index=False)
            else:
                files.write_table(given[name], pa.Table.from_pandas(table), {})
        fingerprint = keystream.fingerprint(keystream.read_key(TEST_KEY))
        summary.main(
            tmp_path / "summary",
            tmp_path / "manifest.csv",
            "mine",
            table=None,
            **{name: None for name in NAMES} | given,
            calibrate="snakemake calibration",
            key=fingerprint,
            test_key=TEST_KEY,
        )
        assert (tmp_path / "summary.html").read_text().startswith("<!doctype html>")
        return (tmp_path / "summary.md").read_text()

    return write


CSV = ("scorecard",)
NAMES = (*CSV, "verdict", "calibrated", "errors")


def test_a_level_s_verdict_stands_in_its_column_with_its_value(run):
    text = run(verdict=verdict_rows({0: LEAK, 4: LEAK, 8: NONE}))
    assert "| representation | n = 0 | n = 4 | n = 8 | conclusion |" in text
    leak = "**leak**, 1.2 nats (p = 0.004)"
    row = f"| CLIP, untrained | {leak} | {leak} | {NONE} | nothing found from n = 8 |"
    assert row in text and "### msb_xor" in text


def test_every_scheme_has_a_table_of_its_own_levels(run):
    one, other = verdict_rows({0: LEAK, 8: NONE}), verdict_rows({0: LEAK, 10: LEAK}, "permutation")
    text = run(verdict=pd.concat([one, other]))
    assert "| n = 0 | n = 8 | conclusion |" in text and "| n = 0 | n = 10 | conclusion |" in text
    assert "### permutation" in text


def test_too_few_pictures_are_warned_of_with_how_many_it_takes(run):
    text = run(verdict=verdict_rows({0: FEW, 8: FEW}))
    assert "**Too few pictures** for a verdict: msb_xor, CLIP, untrained: 6 pictures" in text
    assert "at least 15" in text
    assert "Too few" not in run(verdict=verdict_rows({0: LEAK, 8: NONE}))


def test_a_run_without_verdict_scorecard_and_calibration_says_so(run):
    text = run()
    assert "no figure of the configuration shows a verdict" in text
    assert "`scorecard` is not among the `figures`" in text
    assert "`snakemake calibration`" in text and "**Not calibrated in this run**" in text


def test_claims_stand_once_each(run):
    assert run(scorecard=claim_rows()).count("| a. one | holds |") == 1


def test_calibration_is_the_largest_error_and_the_verdict_s_false_alarms(run):
    text = run(calibrated=calibration_rows(), errors=null_rows())
    assert "| spiral | 1.00 to 2.00 | -0.30 | -0.20 (`cca`) |" in text
    assert "found a leak in 5.0 % of 20 families of levels (allowed: 5 %)" in text
    assert "Not calibrated" not in text


def test_the_test_key_is_warned_of_and_another_is_not(run):
    assert "**Test key**" in run()
    assert list(summary.key_warnings("0" * 16, TEST_KEY)) == []
    assert list(summary.key_warnings("0" * 16, Path("none.key"))) == []
    assert TEST_KEY.read_text().strip() not in run()


def test_an_untrained_encoder_and_a_value_at_its_ceiling_are_warned_of():
    source = {"label": "CLIP, untrained", "untrained": True, "scheme": "msb_xor"}
    metadata = {"source": source, "estimator": "mine-held-out"}
    tables = [
        style.Table(beyond.held_out_rows(), metadata),
        style.Table(beyond.curve_rows(), metadata),
    ]
    first, *others = summary.estimate_warnings(tables)
    assert first == "**Untrained encoders**: CLIP, untrained."
    (ceiling,) = others
    assert "`mine-held-out` on CLIP, untrained under msb_xor at n = 0." in ceiling
    low = style.Table(beyond.held_out_rows(ceiling=99.0), {"source": {}, "estimator": "x"})
    assert list(summary.estimate_warnings([low])) == []
