"""Planning: the measured power, and the numbers of pictures that are read off it."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from leakage.analysis import planning
from leakage.errors import LeakageError
from snake import REPOSITORY
from test_calibration import run
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

    return CliRunner().invoke(cli.app, ["plan", *map(str, arguments)]).output


def test_the_number_of_pictures_is_interpolated_between_measured_ones():
    table = made({10: 0.5, 20: 0.9, 40: 1.0})
    assert planning.pictures_for(table, 0.1, 1, power=0.9).pictures == 20
    assert planning.pictures_for(table, 0.1, 1, power=0.7).pictures == 15
    assert planning.pictures_for(table, 0.1, 1, power=0.4).pictures == 10


def test_a_power_that_falls_by_chance_does_not_need_more_pictures():
    table = made({10: 0.85, 20: 0.75, 40: 1.0})
    assert planning.pictures_for(table, 0.1, 1, power=0.8).pictures == 10


def test_no_plan_is_below_the_fewest_pictures_with_enough_orders():
    table = made({2: 1.0, 40: 1.0})
    assert planning.pictures_for(table, 0.1, 1).pictures == 4
    holm = planning.pictures_for(table, 0.1, 1, levels=9)
    assert (holm.pictures, holm.fewest, holm.alpha) == (6, 6, 0.005)


def test_leaks_and_patches_are_rounded_down_to_measured_ones():
    table = pd.concat([made({10: 1.0}, 0.5), made({50: 1.0}, 0.1), made({5: 1.0}, 0.1, 4)])
    assert planning.pictures_for(table, 0.4, 1).pictures == 50
    assert planning.pictures_for(table, 0.5, 3).pictures == 10
    assert planning.pictures_for(table, 0.2, 9).pictures == 5


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"nats": 0.01}, "nats: found 0.01, expected at least 0.1"),
        ({"patches": 0}, "patches: found 0, expected at least 1"),
        ({"power": 0.99}, "is not reached with 20 pictures"),
        ({"confidence": 0.999}, "measured down to 0.005"),
    ],
)
def test_a_question_outside_the_measurement_is_refused_in_one_line(asked, expected):
    given = {"nats": 0.1, "patches": 1} | asked
    with pytest.raises(LeakageError, match=re.escape(expected)) as caught:
        planning.pictures_for(made({10: 0.5, 20: 0.9}), **given)
    assert "\n" not in str(caught.value)


def test_a_larger_leak_and_more_patches_never_need_more_pictures():
    def needed(nats: float, patches: int) -> float:
        try:
            return planning.pictures_for(TABLE, nats, patches).pictures
        except planning.NotReached as found:
            return found.pictures + 1

    for patches in planning.PATCHES:
        counts = [needed(nats, patches) for nats in planning.LEAKS]
        assert counts == sorted(counts, reverse=True)
    for nats in planning.LEAKS:
        counts = np.array([needed(nats, patches) for patches in planning.PATCHES])
        assert (np.diff(counts) <= np.maximum(1, 0.15 * counts[:-1])).all()


@pytest.mark.parametrize(("nats", "patches"), [(0.5, 1), (0.2, 4)])
def test_the_planned_pictures_find_the_leak(nats, patches):
    families = 60
    pictures = planning.pictures_for(TABLE, nats, patches).pictures
    p = planning.simulate(pictures, patches, nats, families, seed=99, draws=99)
    # 99.9 % of Binomial(60, 0.8) lies at or above 38, and the table has an error as well.
    assert (p <= 0.05).sum() >= 36
    few = planning.simulate(max(3, pictures // 3), patches, nats, families, seed=99, draws=99)
    assert (few <= 0.05).mean() < 0.7


def test_without_a_leak_the_power_is_the_level_of_the_test():
    p = planning.simulate(8, 2, 0.0, 200, draws=99)
    assert (p <= 0.05).mean() <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 200)


def test_a_pilot_gives_the_power_of_every_level_and_number_of_pictures(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(40, 8))
    y = np.stack([x, generator.normal(size=x.shape)])
    for name, values in {"x": x, "y": y, "groups": np.repeat(np.arange(20), 2)}.items():
        np.save(tmp_path / f"{name}.npy", values)
    given = [
        part for name in ("x", "y", "groups") for part in (f"--{name}", tmp_path / f"{name}.npy")
    ]
    found = pd.read_csv(io.StringIO(said(*given, "--families", 20)))
    assert found["pictures"].max() == 10 and set(found["level"]) == {0, 1}
    power = found[found["pictures"] == 10].set_index("level")["power_0.05"]
    assert power[0] == 1 and power[1] <= 0.25
    with pytest.raises(LeakageError, match="expected --x, --y and --groups"):
        run("plan", "--x", tmp_path / "x.npy")


def test_a_subset_has_at_most_all_pictures():
    x = np.zeros((6, 1))
    with pytest.raises(LeakageError, match="expected at most 3"):
        planning.subsets(x, x[None], np.repeat(np.arange(3), 2), 4, 1)


def test_the_command_prints_the_needed_and_the_fewest_pictures():
    words = said("--nats", 0.5, "--patches", 2)
    expected = planning.pictures_for(TABLE, 0.5, 2).pictures
    assert words.startswith(f"{expected} pictures find a leak of 0.5 nats")
    assert "below 4 none" in words
    assert "below 6 none" in said("--nats", 0.5, "--patches", 2, "--levels", 9)


def test_the_page_follows_from_the_measured_power():
    assert (REPOSITORY / "docs" / "planning.md").read_text() == said("--page")
