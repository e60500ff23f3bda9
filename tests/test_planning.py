"""Planning: the measured power, and the numbers of pictures that are read off it."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leakage.analysis import planning
from leakage.errors import LeakageError
from leakage.steps import plan
from snake import REPOSITORY
from typer.testing import CliRunner

TABLE = planning.read()


def made(power: dict[int, float], nats: float = 0.1, patches: int = 1) -> pd.DataFrame:
    """Return a table with the same made-up power at every level of the test."""
    rows = {"source": planning.SIMULATED, "patches": patches, "nats": nats, "families": 200}
    columns = {f"power_{alpha:g}": list(power.values()) for alpha in planning.ALPHAS}
    return pd.DataFrame(rows | {"pictures": list(power)} | columns)


def said(*arguments: object) -> str:
    """Return what the command prints."""
    from leakage import cli

    arguments = ["plan", *map(str, arguments)]
    return CliRunner().invoke(cli.app, arguments, catch_exceptions=False).output


@pytest.mark.parametrize(
    ("measured", "power", "pictures"),
    [
        ({10: 0.5, 20: 0.9, 40: 1.0}, 0.9, 20),
        ({10: 0.5, 20: 0.9, 40: 1.0}, 0.7, 15),  # between measured ones
        ({10: 0.85, 20: 0.75, 40: 1.0}, 0.8, 10),  # a power that falls by chance
        ({2: 1.0, 40: 1.0}, 0.8, 4),  # fewer have too few orders
    ],
)
def test_the_number_of_pictures_is_read_off_the_measured_power(measured, power, pictures):
    assert planning.pictures_for(made(measured), 0.1, 1, power=power).pictures == pictures


def test_more_levels_need_more_pictures():
    holm = planning.pictures_for(made({2: 1.0, 40: 1.0}), 0.1, 1, levels=9)
    assert (holm.pictures, holm.fewest, holm.alpha) == (6, 6, 0.005)


def test_leaks_and_patches_are_rounded_down_to_measured_ones():
    table = pd.concat([made({10: 1.0}, 0.5), made({50: 1.0}, 0.1), made({5: 1.0}, 0.1, 4)])
    for nats, patches, pictures in ((0.4, 1, 50), (0.5, 3, 10), (0.2, 9, 5)):
        assert planning.pictures_for(table, nats, patches).pictures == pictures


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"nats": 0.01}, "nats: found 0.01, expected at least 0.1"),
        ({"power": 0.99}, "is not reached with 20 pictures"),
        ({"confidence": 0.999}, "measured down to 0.005; lower the confidence"),
        ({"confidence": 0.99, "levels": 9}, "the confidence, or test fewer levels together"),
    ],
)
def test_a_question_outside_the_measurement_is_refused(asked, expected):
    with pytest.raises(LeakageError, match=re.escape(expected)):
        planning.pictures_for(made({10: 0.5, 20: 0.9}), **{"nats": 0.1, "patches": 1} | asked)


def test_a_single_level_is_not_told_to_test_fewer():
    with pytest.raises(LeakageError, match=r"lower the confidence$"):
        planning.pictures_for(TABLE, 0.1, 1, confidence=0.999)


def test_a_larger_leak_never_needs_more_pictures():
    def needed(nats: float, patches: int) -> float:
        try:
            return planning.pictures_for(TABLE, nats, patches).pictures
        except planning.NotReached as found:
            return found.pictures + 1

    for patches in planning.PATCHES:
        counts = [needed(nats, patches) for nats in planning.LEAKS]
        assert counts == sorted(counts, reverse=True)


def test_the_planned_pictures_find_the_leak_and_a_third_of_them_do_not():
    pictures = planning.pictures_for(TABLE, 0.2, 4).pictures
    enough, few = (
        (planning.simulate(count, 4, 0.2, 60, seed=99, draws=99) <= 0.05).sum()
        for count in (pictures, max(3, pictures // 3))
    )
    # 99.9 % of Binomial(60, 0.8) lies at or above 38, and the table has an error as well.
    assert enough >= 36 and few < 42


def test_without_a_leak_the_power_is_the_level_of_the_test():
    p = planning.simulate(8, 2, 0.0, 200, draws=99)
    assert (p <= 0.05).mean() <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 200)


@pytest.fixture
def pilot() -> dict[str, np.ndarray]:
    """A pilot of 20 pictures with two pairs each; level 0 leaks and level 1 does not."""
    x, noise = np.random.default_rng(0).normal(size=(2, 40, 8))
    return {"x": x, "y": np.stack([x, noise]), "groups": np.repeat(np.arange(20), 2)}


def saved(folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, Path]:
    """Save arrays; return the path of each by its name."""
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return {name: folder / f"{name}.npy" for name in arrays}


def test_a_pilot_gives_the_power_of_every_level_and_number_of_pictures(pilot, tmp_path):
    given = [part for name, path in saved(tmp_path, pilot).items() for part in (f"--{name}", path)]
    found = pd.read_csv(io.StringIO(said(*given, "--families", 20)))
    assert found["pictures"].max() == 10 and set(found["level"]) == {0, 1}
    power = found[found["pictures"] == 10].set_index("level")["power_0.05"]
    assert power[0] == 1 and power[1] <= 0.25
    with pytest.raises(LeakageError, match="expected --x, --y and --groups"):
        said(*given[:2])


def test_a_pilot_of_one_number_per_item_counts_as_one_dimension(pilot, tmp_path, capsys):
    first = {"x": pilot["x"][:, 0], "y": pilot["y"][0, :, 0]}
    flat, columns = (first, {name: each[:, None] for name, each in first.items()})
    tables = []
    for arrays in (flat, columns):
        plan.main(**saved(tmp_path, pilot | arrays), families=2)
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] and "pictures" in tables[0]


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("groups", lambda groups: np.where(groups == 3, np.nan, groups), "groups[6] = nan"),
        ("groups", lambda groups: groups[:-1], "groups: shape (39,); expected (40,)"),
        ("x", lambda x: x[:0], "one of them is empty"),
        ("x", lambda x: x[:-1], "x has 39 pairs and y 40"),
        ("x", lambda x: np.where(x == x[3, 1], np.nan, x), "x[3, 1] = nan"),
        ("y", lambda y: np.where(y == y[1, 3, 1], np.inf, y), "y[1, 3, 1] = inf"),
        ("groups", lambda groups: 0 * groups, "found 1 pictures; expected at least 8"),
        ("groups", lambda groups: groups // 4, "found 5 pictures; expected at least 8"),
        ("groups", lambda groups: groups % 7, "found 7 pictures; expected at least 8"),
    ],
)
def test_a_pilot_that_gives_no_power_is_refused(pilot, tmp_path, name, change, expected):
    changed = pilot | {name: change(pilot[name])}
    with pytest.raises(LeakageError, match=re.escape(expected)):
        plan.main(**saved(tmp_path, changed), families=1)


def test_eight_pictures_are_enough_for_a_pilot(pilot, tmp_path, capsys):
    plan.main(**saved(tmp_path, pilot | {"groups": pilot["groups"] % 8}), families=2)
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["pictures"].tolist() == [4, 4]


def test_the_command_prints_the_needed_and_the_fewest_pictures():
    words = said("--nats", 0.5, "--patches", 2, "--levels", 9)
    expected = planning.pictures_for(TABLE, 0.5, 2, levels=9).pictures
    assert words.startswith(f"{expected} pictures find a leak of 0.5 nats")
    assert "below 6 none" in words


@pytest.mark.parametrize(
    ("options", "measured"),
    [
        (("--patches", 1000000), "0.1 nats, 9 patches per picture, p at most 0.05"),
        (("--confidence", 0.5), "0.1 nats, 1 patch per picture, p at most 0.05"),
        (("--confidence", 0.98, "--nats", 0.3), "0.2 nats, 1 patch per picture, p at most 0.01"),
    ],
)
def test_the_answer_names_what_was_measured(options, measured):
    nats = () if "--nats" in options else ("--nats", 0.1)
    assert f"(measured: {measured})" in said(*nats, *options)


@pytest.mark.parametrize(
    ("options", "alpha"),
    [
        ({}, 0.05),
        ({"power": 0.5}, 0.05),
        ({"confidence": 0.98}, 0.01),
        ({"levels": 9}, 0.005),
    ],
)
def test_every_option_of_the_table_of_all_leaks_reaches_both_kinds_of_data(options, alpha, capsys):
    plan.main(**options)
    words = capsys.readouterr().out
    rule = "9 levels by Holm's rule" if "levels" in options else "levels in fixed sequence"
    assert words.startswith(f"Pictures for a power of {options.get('power', 0.8)}, {rule}, p at")
    assert f"p at most {alpha:g}." in words
    for source, patches, nats in ((planning.SIMULATED, 1, 0.2), (planning.COCO, 2, 0.14)):
        found = planning.pictures_for(TABLE, nats, patches, source=source, **options).pictures
        assert f"| {nats:g} | {found} |" in words


def test_the_page_follows_from_the_measured_power():
    assert (REPOSITORY / "docs" / "planning.md").read_text() == said("--page")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"nats": 0.1, "page": True}, "--page: does nothing beside --nats"),
        ({"x": Path("x.npy"), "nats": 0.1}, "--x: does nothing beside --nats"),
        ({"patches": 3}, "--patches: does nothing without --nats"),
        ({"patches": 1}, "--patches: does nothing without --nats"),
        ({"families": 200}, "--families: does nothing without --x or --measure"),
        ({"nats": 0.1, "families": 9}, "--families: does nothing beside --nats"),
        ({"x": Path("x.npy"), "power": 0.8}, "--power: does nothing beside --x"),
        ({"x": Path("x.npy"), "confidence": 0.9}, "--confidence: does nothing beside --x"),
        ({"x": Path("x.npy"), "levels": 1}, "--levels: does nothing beside --x"),
        ({"page": True, "power": 0.9}, "--power: does nothing beside --page"),
        # With a name that --measure refuses, nothing is measured if --levels is not refused first.
        ({"measure": Path("p.txt"), "levels": 9}, "--levels: does nothing beside --measure"),
    ],
)
def test_options_of_the_plan_that_do_nothing_are_refused(options, found):
    with pytest.raises(LeakageError, match=found):
        plan.main(**options)
