"""Calibration: estimators beside known truths, the errors of the verdict, and what defaults reach.

The laws of the estimators are in test_cross_fitting, those of the truths in test_truths.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from leakage import truths
from leakage.analysis import calibration
from leakage.analysis.calibration import RULES
from leakage.errors import LeakageError
from leakage.estimators import estimate
from leakage.figures import named, style
from leakage.steps import calibrate_verdict, calibration_table
from leakage.storage import files
from typer.testing import CliRunner

CONFIG = Path(__file__).parents[1] / "config.yaml"
PEERS = CONFIG.parent / "benchmarks" / "peers.csv"
TASKS = ("multinormal_dense", "staircase")
BOUNDS = ("truth", "lower", "upper")
# Settings that change no mean.
FAST = {"folds": 3, "floor": False, "permutations": 0, "bootstraps": 0, "device": "cpu"}
PLAIN = {"folds": 3, "pca": None, "permutations": 0, "bootstraps": 0, "floor": False}
COUNTED = {"permutations": 199, "bootstraps": 0, "floor": False, "folds": 3}


pytestmark = pytest.mark.usefixtures("one_thread")


def run(*arguments: object) -> None:
    """Run a step as the command line does; an error is raised here."""
    from leakage import cli

    CliRunner().invoke(cli.app, list(map(str, arguments)), catch_exceptions=False)


def read(path: Path) -> pd.DataFrame:
    """Return a table of the workflow."""
    return files.read_table(path)[0].to_pandas()


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory) -> Path:
    """A folder with two calibrations, a small measurement of the verdict, and their table."""
    folder = tmp_path_factory.mktemp("calibration")
    counts = ["--pairs", 200, "--draws", 2, "--settings", json.dumps(PLAIN)]
    for task, label in zip(TASKS, ("cca", "cca-again"), strict=True):
        path = folder / f"{task}.parquet"
        run("calibrate_estimator", task, "cca", path, *counts, "--label", label)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(calibrate_verdict, "STRENGTHS", (0.0, 0.9))
        patched.setattr(calibrate_verdict, "FAMILIES", 2)
        counts = ["--draws", 4, "--trained", 2, "--pictures", 30, "--settings", json.dumps(COUNTED)]
        run("calibrate_verdict", "cca", folder / "verdict.parquet", *counts)
    given = [part for task in TASKS for part in ("--table", folder / f"{task}.parquet")]
    run("calibration_table", folder / "table", "--verdict", folder / "verdict.parquet", *given)
    return folder


# The steps


def test_every_draw_is_the_estimate_of_its_seed_beside_the_truth(calibrated):
    rows = read(calibrated / "staircase.parquet")
    assert set(rows["estimator"]) == {"cca-again"} and set(rows["pairs"]) == {200}
    assert rows[["draw", "level"]].to_numpy().tolist() == [[d, n] for d in (0, 1) for n in range(5)]
    drawn = truths.sample("staircase", 200, 1)
    assert rows["truth"].tolist() == pytest.approx(drawn.nats.tolist() * 2)
    table = estimate("cca", drawn.x, drawn.y, drawn.groups, seed=1, **PLAIN)
    values = table[table["chosen"]].groupby("level")["nats"].mean()
    assert rows.loc[rows["draw"] == 1, "nats"].tolist() == pytest.approx(values.tolist())


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("stairs", "{}", "task 'stairs' is not known; the nearest is 'stairc"),
        ("staircase", '{"fold": 3}', r"cca\.fold: unknown key"),
    ],
)
def test_an_unknown_task_or_setting_is_refused_by_name(task, settings, message, tmp_path):
    with pytest.raises(LeakageError, match=message):
        run("calibrate_estimator", task, "cca", tmp_path / "out.parquet", "--settings", settings)
    assert not list(tmp_path.iterdir())


def test_the_verdict_is_calibrated_with_an_estimator_that_has_held_out_critics(tmp_path):
    with pytest.raises(LeakageError, match="ksg: expected an estimator with held-out critics"):
        run("calibrate_verdict", "ksg", tmp_path / "out.parquet")


def test_the_table_is_written_as_parquet_csv_and_markdown(calibrated):
    rows = read(calibrated / "table.parquet")
    assert rows["bias"].to_numpy() == pytest.approx((rows["mean"] - rows["truth"]).to_numpy())
    assert rows["task"].tolist() == ["multinormal_dense"] + ["staircase"] * 5
    pd.testing.assert_frame_equal(pd.read_csv(calibrated / "table.csv"), rows)
    lines = (calibrated / "table.md").read_text().splitlines()
    spread = f"{rows['mean'][0]:.3f} ± {rows['standard_deviation'][0]:.3f}"
    assert f"| multinormal_dense | 200 | 0 | 1.292 | {spread} |  |" in lines
    assert any(line.startswith("| 30 | unequal | 6.643 | 1.000 (2) |") for line in lines)


def test_mean_spread_and_range_are_over_the_draws_and_bias_is_from_the_nearer_end():
    common = {"task": "spiral", "estimator": "ksg", "pairs": 10, "level": 0}
    bounds = {"truth": 2.0, "lower": 1.5, "upper": 2.5}
    draws = pd.DataFrame([common | bounds | {"nats": nats} for nats in (1.0, 2.0, 6.0)])
    (found,) = calibration.summary(draws).to_dict("records")
    columns = ["mean", "bias", "standard_deviation", "low", "high", "draws"]
    assert [found[name] for name in columns] == pytest.approx([3, 0.5, np.sqrt(7), 1, 6, 3])


def drawn_rows(values: dict[tuple[str, str, int], tuple[float, ...]]) -> pd.DataFrame:
    """Return draws of (estimator, task, level) as (found, truth, lower, upper)."""
    columns = ["estimator", "task", "level", "nats", *BOUNDS]
    rows = pd.DataFrame([[*key, *value] for key, value in values.items()], columns=columns)
    return rows.assign(pairs=10)


CASES = drawn_rows(
    {
        ("ksg", "spiral", 0): (1.0, 1.2, 1.2, 1.2),
        ("ksg", "spiral", 1): (2.5, 2.0, 2.0, 2.0),
        ("ksg", "class_channel", 0): (0.9, 1.0, 0.8, 1.0),
        ("cca", "spiral", 0): (0.5, 1.2, 1.2, 1.2),
        ("cca", "spiral", 1): (1.9, 2.0, 2.0, 2.0),
        ("cca", "class_channel", 0): (1.25, 1.0, 0.8, 1.0),
        ("nwj", "spiral", 0): (np.nan, 1.2, 1.2, 1.2),
    }
)
WRONG = pd.DataFrame(
    [
        {
            **{"pictures": 9, "patches": "equal", "strength": 0.0, "nats": 0.0, "families": 4},
            **{"families_with_a_leak": 0.25, "levels_with_a_leak": 0.1, "p_below_0.05": 0.1},
            **{"rule": calibration.EXACT_SEQUENCE, "standard_error": 0.2, "confidence": 0.95},
        }
    ]
)


def test_the_page_shows_worst_cases_ranges_and_values_of_other_packages():
    values = [("spiral", 1, 10, 1.7), ("spiral", 0, 20, 8.0), ("unknown_task", 0, 10, 9.0)]
    peers = pd.DataFrame(values, columns=["task", "level", "pairs", "nats"])
    peers = peers.assign(peer="bmi-MINE", version="0.1.3")
    page = calibration_table.page(calibration.summary(CASES), WRONG, peers)
    for line in (
        "| ksg | spiral | 1 | 10 | 2.0 | 2.500 | +0.500 |",
        "| cca | spiral | 0 | 10 | 1.2 | 0.500 | -0.700 |",
        "| class_channel | 10 | 0 | 0.800 to 1.000 | 0.900 | 1.250 |  |",
        "| task | pairs | level | truth | ksg | bmi-MINE |",
        "| spiral | 10 | 1 | 2.0 | 2.500 | 1.700 |",
    ):
        assert line in page.splitlines()
    assert "unknown_task" not in page


# The verdict


def test_a_family_errs_if_any_of_its_levels_is_called_a_leak():
    leaks = [[True, False], [True, True], [False, False], [False, False]]
    found = pd.DataFrame(
        [
            {"strength": 0.0, "nats": 0.0, "family": family, "level": level, "confidence": 0.95}
            | {"p_exact": p, "p_value": p, "p_critics": p, "pictures": 60, "patches": "equal"}
            | dict.fromkeys(RULES, "leak" if leak else "no evidence of a leak")
            for family, levels in enumerate(leaks)
            for level, leak in enumerate(levels)
            for p in [0.01 if leak else 0.05 if family == 2 else 0.5]
        ]
    )
    found.loc[found["family"] < 2, calibration.CRITICS_ALONE] = None
    *rows, last = calibration.errors(found).to_dict("records")
    assert [row["rule"] for row in rows] == list(RULES)[:-1]
    for row in rows:
        assert row["families"] == 4 and row["families_with_a_leak"] == 2 / 4
        assert row["levels_with_a_leak"] == 3 / 8 and row["p_below_0.05"] == 5 / 8
        assert row["standard_error"] == pytest.approx(0.25)
    assert last["families"] == 2 and last["families_with_a_leak"] == 0


def test_critics_train_on_the_first_families_and_every_rule_finds_a_strong_leak(calibrated):
    table = read(calibrated / "verdict.parquet")
    keys = ["patches", "strength", "family"]
    # Four families without a leak and two with one, for equal and for unequal pictures.
    assert table.groupby(keys)["level"].apply(list).tolist() == [[0, 1, 2, 3]] * 2 * (4 + 2)
    assert (table["p_critics"].notna() == (table["family"] < 2)).all()
    rows = calibration.errors(table).set_index(["rule", "patches", "strength"])
    for rule in list(RULES)[:4]:
        for patches in ("equal", "unequal"):
            found = rows.loc[(rule, patches, 0.9), ["families_with_a_leak", "levels_with_a_leak"]]
            assert found.tolist() == [1, 1]
    assert rows["families"].groupby("rule").max()[list(RULES)].tolist() == [4, 4, 2, 2, 2]
    assert rows["nats"].unique().tolist() == pytest.approx([0, -4 * np.log(1 - 0.81)])


def test_items_share_half_with_their_picture_and_views_their_strength_with_x():
    pictures, strength = 300, 0.5
    x, y, groups = calibrate_verdict.sample(
        calibrate_verdict.Design(pictures, "equal", strength), 0
    )
    count = calibrate_verdict.FAMILIES * calibrate_verdict.LEVELS
    assert x.shape == (1200, 8) and y.shape == (count, 1200, 8)
    assert np.bincount(groups).tolist() == [4] * pictures
    for values in (x, y[0], y[-1]):
        patches = values.reshape(pictures, 4, 8)
        assert values.var() == pytest.approx(1, abs=0.09)
        assert (patches[:, 0] * patches[:, 1]).mean() == pytest.approx(0.5, abs=0.09)
        assert (patches[1:, 0] * patches[:-1, 1]).mean() == pytest.approx(0, abs=0.09)
    means = (each.reshape(*each.shape[:-2], pictures, 4, 8).mean(-2) for each in (x, y))
    of_x, of_y = ((m - m.mean(-2, keepdims=True)) / m.std(-2, keepdims=True) for m in means)
    across = np.einsum("pi,npj->nij", of_x, of_y) / pictures
    same = np.eye(8, dtype=bool)
    assert across[:, same].mean() == pytest.approx(strength, abs=0.02)
    # Correlations of independent pictures have variance 1 / pictures.
    assert (across[:, ~same] ** 2).mean() * pictures == pytest.approx(1, abs=0.1)
    unequal = calibrate_verdict.Design(200, "unequal", 0.0).sizes(0)
    assert set(unequal) == set(range(1, 8))


# The figure


def test_the_figure_is_drawn_from_the_table(calibrated):
    table = calibrated / "table.parquet"
    run("figure", "calibration", calibrated / "figure", "--table", f"calibration={table}")
    pd.testing.assert_frame_equal(pd.read_csv(calibrated / "figure.csv"), read(table))
    figure, _ = named("calibration").draw({"calibration": style.read(table)})
    titles = [axis.get_title() for axis in figure.axes if axis.axison]
    assert titles == ["multinormal dense, 200 pairs", "staircase, 200 pairs"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["cca", "cca-again", "truth"]


# What the defaults reach


def reached(name: str, pairs: int, levels: list[int], **settings) -> tuple[np.ndarray, np.ndarray]:
    """Return the default estimator's value and the truth per level, in nats."""
    drawn = truths.sample(name, pairs, 0)
    table = estimate(
        "mine", drawn.x, drawn.y[levels], levels=levels, **FAST | {"epochs": 2} | settings
    )
    return table[table["chosen"]].groupby("level")["nats"].mean().to_numpy(), drawn.nats[levels]


def test_the_default_estimator_climbs_the_staircase():
    found, truth = reached("staircase", 1000, [1, 3], noise=[0.1])
    assert found == pytest.approx(truth, abs=0.35)


def test_the_configured_critic_of_bits_finds_the_entropy_of_the_view_of_a_pixel():
    entry = yaml.safe_load(CONFIG.read_text())["estimators"]["mine-bits"]
    assert entry.pop("method") == "mine"
    found, truth = reached("pixels", 6_000, [1, 4, 7], **entry | FAST | {"epochs": 2})
    assert (np.abs(found - truth) <= np.maximum(0.05, 0.03 * truth)).all()
