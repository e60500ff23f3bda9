"""The paper's figures, drawn from small tables; a figure of one's own; the search for cut texts."""

from types import SimpleNamespace

import figure_texts
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn
from leakage import captions, figures
from leakage.errors import LeakageError
from leakage.estimators import estimate, tables
from leakage.figures import fig2, style, training
from leakage.schemes import msb_xor
from leakage.storage import views
from matplotlib.figure import Figure

LEVELS = [0, 4, 8]
PAPER = SimpleNamespace(
    clip="clip",
    resnet="resnet50",
    histogram="histogram",
    cosine="cosine",
    rounded_histogram="rounded_histogram",
    training="mine_training",
)
CONFIG = SimpleNamespace(paper=PAPER)
LABEL = "CLIP ViT-B/32, untrained"


def mine_rows(seeds: int = 2, steps: int = 3) -> pd.DataFrame:
    """Return a made-up table of MINE: (8 - level + seed) * step / 10, half of it when held out."""
    rows = [
        {"level": level, "seed": seed, "split": split, "step": step}
        | {"chosen": split == "test" and step == steps, "estimand": "made up"}
        | {"nats": share * (8 - level + seed) * step / 10}
        for split, share in (("train", 1.0), ("validation", 0.5), ("test", 0.5))
        for level in LEVELS
        for seed in range(seeds)
        for step in range(1, steps + 1)
    ]
    return tables.tidy(rows)


def histogram_rows() -> pd.DataFrame:
    """Return the histogram's table for two pictures of noise."""
    x = np.random.default_rng(0).integers(0, 256, (600, 1), dtype=np.uint8)
    seen = np.stack([msb_xor.scaled(x, level) for level in LEVELS])
    table = estimate("histogram", x, seen, np.arange(600) % 2, levels=LEVELS)
    return table.assign(bound=(8 - table["level"]) * np.log(2))


def read_table(estimator: str, representation: str) -> style.Table:
    """Return a small table as a figure reads it."""
    embeddings = np.random.default_rng(0).normal(size=(len(LEVELS), 5, 8))
    source = {} if representation == "pixels" else {"label": LABEL, "untrained": True, "dim": 8}
    if estimator == "mine_training":
        rows, settings = mine_rows(), {"pixels": {"input": "scalar"}}
    elif estimator == "histogram":
        rows, settings = histogram_rows(), {}
    else:
        rows, settings = estimate(estimator, embeddings[0], embeddings, levels=LEVELS), {}
    return style.Table(rows, {"source": source, "settings": {"decimals": 2} | settings})


def small_views(folder) -> list[views.View]:
    """Return a view per level of one small picture."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    found = []
    for level in LEVELS:
        seen = msb_xor.scaled(pixels, level)
        metadata = {"level": level, "scheme": "msb_xor", "definition": {"view": "scaled"}}
        views.write(folder / f"{level}.parquet", [("ramp", seen)], metadata)
        found.append(views.View(folder / f"{level}.parquet"))
    return found


def drawn(name: str, folder):
    """Return the figure and the table of a module, drawn from small tables."""
    module = figures.named(name)
    if module.reads_views:
        return module.draw(small_views(folder))
    roles = module.tables(CONFIG, "statistics")
    return module.draw({role: read_table(*which[:2]) for role, which in roles.items()})


def titles(figure) -> str:
    """Return the titles of a figure and its axes."""
    return "\n".join([figure.get_suptitle(), *(axis.get_title() for axis in figure.axes)])


PAPERS = ["fig1", "fig2", "fig3a", "fig3b", "fig4", "fig5", "fig6a", "fig6b", "fig7", "fig8"]
PAPERS += ["epochs", "distance"]
UNITS = ("(bits per", "(nats)", "cosine similarity", "relative distance")


@pytest.mark.parametrize("name", PAPERS)
def test_a_figure_has_units_its_encoder_and_all_levels_in_its_table(name, tmp_path):
    figure, table = drawn(name, tmp_path)
    assert set(table["level"]) == set(LEVELS)
    if name == "fig1":
        return
    assert {axis.get_xlabel() for axis in figure.axes} <= {style.LEVEL, "epoch"}
    assert all(any(unit in axis.get_ylabel() for unit in UNITS) for axis in figure.axes)
    of_pixels = name in ("fig2", "fig4", "fig6a")
    assert ("pixels" if of_pixels else LABEL) in titles(figure)


def test_a_figure_is_written_as_png_pdf_and_csv_and_the_same_each_time(tmp_path):
    written = []
    for run in ("first", "second"):
        style.save(*drawn("fig2", tmp_path), tmp_path / run / "fig2")
        written.append({f.suffix: f.read_bytes() for f in (tmp_path / run).iterdir()})
    assert written[0] == written[1] and set(written[0]) == {".png", ".pdf", ".csv"}


def settings_file(folder):
    """Read a matplotlibrc as matplotlib does at its import."""
    path = folder / "matplotlibrc"
    lines = ["text.usetex: True", "savefig.bbox: tight", "savefig.dpi: 30", "pdf.fonttype: 42"]
    lines += ["font.family: no such font", "figure.constrained_layout.use: True", "figure.dpi: 7"]
    lines += ["axes.formatter.use_locale: True", "path.sketch: 3, 9, 2", "interactive: True"]
    path.write_text("\n".join([*lines, "no.such.key: 3"]))
    matplotlib.rcParams.update(matplotlib.rc_params_from_file(path, use_default_template=False))


def colours_of_letters(folder):
    seaborn.set_theme(style="dark", palette="pastel", color_codes=True)


SETTINGS = {
    "matplotlibrc": settings_file,
    "style sheet": lambda *_: plt.style.use("dark_background"),
    "sketches": lambda *_: plt.xkcd(),
    "seaborn's theme": colours_of_letters,
    "cycle": lambda *_: plt.rc("axes", prop_cycle=plt.cycler(linestyle=["-", ":"])),
    "backend": lambda *_: plt.switch_backend("svg"),
}


@pytest.mark.parametrize("which", SETTINGS)
def test_a_figure_does_not_depend_on_the_caller_s_settings_and_keeps_them(which, tmp_path):
    def written(run):
        figure, table = drawn("fig3a", tmp_path)
        style.save(figure, table, tmp_path / run / "fig3a")
        return {f.suffix: f.read_bytes() for f in (tmp_path / run).iterdir()}

    backend, letters = matplotlib.get_backend(), dict(matplotlib.colors.colorConverter.colors)
    expected = written("plain")
    with matplotlib.rc_context():
        try:
            SETTINGS[which](tmp_path)
            before = dict(matplotlib.rcParams), matplotlib.colors.to_rgb("b")
            assert written("set") == expected
            assert (dict(matplotlib.rcParams), matplotlib.colors.to_rgb("b")) == before
            assert plt.get_fignums() == []
        finally:
            plt.switch_backend(backend)
            matplotlib.colors.colorConverter.colors.update(letters)
            matplotlib.colors.colorConverter.cache.clear()


def test_the_fit_of_figure_2_is_the_line_of_least_squares():
    rows = histogram_rows().assign(nats=np.array([8.0, 4.0, 0.0]) * np.log(2))
    table = fig2.behind(rows)
    assert table["bound_bits"].to_numpy() == pytest.approx([8, 4, 0])
    assert table["slope"].to_numpy() == pytest.approx(-1)
    assert table["fit_bits"].to_numpy() == pytest.approx([8, 4, 0], abs=1e-9)
    table = fig2.behind(rows.assign(nats=[5.0, 4.0, 0.5]))
    assert table["r_squared"].to_numpy() == pytest.approx(
        np.corrcoef(LEVELS, [5, 4, 0.5])[0, 1] ** 2
    )
    assert fig2.behind(rows.iloc[:1])[["slope", "r_squared"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("mine", "pass", "has no method draw or tables or numbers"),
        ("mine", "def draw(self): pass", "is called with"),
        ("fig2", "def draw(self, tables): pass", "which no other figure has"),
    ],
)
def test_a_file_that_is_no_figure_or_has_the_name_of_one_is_refused(name, body, said, tmp_path):
    path = tmp_path / f"{name}.py"
    path.write_text(f"from leakage.figures import Figure\nclass Mine(Figure):\n    {body}\n")
    with pytest.raises(LeakageError, match=said):
        figures.named(str(path))


@pytest.mark.parametrize("name", ["fig3a", "fig5", "fig8"])
def test_a_stand_in_is_named_with_the_network_it_replaces(name, tmp_path):
    module, label = figures.named(name), "EfficientNet-Lite0 (ImageNet)"
    roles = module.tables(CONFIG, "")
    read = {role: read_table(*which[:2]) for role, which in roles.items()}
    record = {"model": "tf_efficientnet_lite0", "untrained": False}
    for table in read.values():
        table.metadata["source"].update(label=label, untrained=False, weights=record)
    figure, table = module.draw(read)
    original = "ResNet-50" if name in ("fig7", "fig8") else "CLIP ViT-B/32"
    said = f"{label}, in place of {original}"
    assert said in titles(figure) and set(table["encoder"]) == {said}
    assert said in captions.fill(module.template, module.numbers(table), name)


def test_a_curve_has_a_band_over_the_seeds_and_in_figure_4_the_exact_values(tmp_path):
    table = training.values_by_epoch(mine_rows()).set_index(["split", "level", "epoch"])
    # Mean, low and high of (4, 5) * 3 / 10.
    assert table.loc["train", 4, 3].tolist() == pytest.approx([1.35, 1.2, 1.5])
    assert set(table.index.get_level_values("split")) == {"train", "test"}
    exact = dict(zip(LEVELS, histogram_rows()["pooled"], strict=True))
    table = drawn("fig4", tmp_path)[1]
    assert table["exact_nats"].tolist() == table["level"].map(exact).tolist()
    assert drawn("fig5", tmp_path)[1]["exact_nats"].isna().all()


def test_the_distance_is_1_minus_the_share_of_the_largest_value_per_seed():
    mine = style.Table(mine_rows(), {"source": {}})
    table = training.distances(mine, {0: 4.0, 4: 1.0, 8: 0.0}).set_index(["series", "level"])
    # Seed 0 has 8, 4, 0 and seed 1 has 9, 5, 1 at levels 0, 4, 8.
    for series in ("train", "test"):
        expected = [0, (4 / 8 + 4 / 9) / 2, (1 + 8 / 9) / 2]
        assert table.loc[series, "distance"].tolist() == pytest.approx(expected)
        assert table.loc[(series, 8), ["low", "high"]].tolist() == pytest.approx([8 / 9, 1])
    assert table.loc["exact", "distance"].tolist() == pytest.approx([0, 0.75, 1])
    rows = mine_rows()
    rows.loc[rows["split"] == "test", "nats"] = -1.0
    figure, table = training.Figure6b().draw({"mine": style.Table(rows, {"source": {}})})
    assert set(table["series"]) == {"train"}
    assert "not drawn, maximum not above 0: held-out" in titles(figure)


def test_values_are_called_exact_only_if_every_view_is_a_function_of_the_pixel():
    noise = np.random.default_rng(1).integers(0, 256, (len(LEVELS), 600, 1), dtype=np.uint8)
    x = np.random.default_rng(0).integers(0, 256, (600, 1), dtype=np.uint8)
    other = estimate("histogram", x, noise, np.arange(600) % 2, levels=LEVELS).assign(bound=8.0)
    for rows, exact, relation, label in (
        (histogram_rows(), True, "equals the exact entropy", "exact"),
        (other, False, "corrected for its bias", "counted"),
    ):
        table = fig2.behind(rows)
        assert (table["is_exact"] == exact).all()
        assert relation in fig2.Figure2().numbers(table)["relation"]
        source = {"source": {}, "settings": {}}
        assert training.exact_label({"histogram": style.Table(rows, source)}) == label


@pytest.mark.parametrize(("pixels", "enough"), [(8, False), (2000, True)])
def test_figure_2_shows_the_floor_and_which_values_have_too_few_pixels(pixels, enough):
    # The whole ciphertext is seen.
    x, key = np.random.default_rng(0).integers(0, 256, (2, pixels, 1), dtype=np.uint8)
    masks = np.array([msb_xor.encrypted_bits(level) for level in LEVELS], np.uint8)
    rows = estimate("histogram", x, x ^ key & masks[:, None, None], levels=LEVELS)
    read = style.Table(rows.assign(bound=(8 - rows["level"]) * np.log(2)), {"source": {}})
    figure, table = fig2.Figure2().draw({"histogram": read})
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert fig2.FLOOR in labels and (fig2.UNKNOWN not in labels) == enough
    last = table[table["level"] == 8].iloc[0]
    assert last["estimable"] == enough and (last["mi_bits"] < 0.2) == enough


def test_cut_and_overlapping_texts_are_found_and_nothing_else():
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    axes.set(title="A title", xlabel="below", ylabel="beside")
    assert "below" in [text.get_text() for text in figure_texts.shown(figure)]
    assert figure_texts.cut(figure) == figure_texts.overlapping(figure) == []
    figure.text(0.95, 0.5, "too long for the rest")
    axes.set_xticks([0.5, 0.52, 1], ["five tenths", "a little more", "one"])
    assert figure_texts.cut(figure) == ["too long for the rest"]
    assert figure_texts.overlapping(figure) == [("five tenths", "a little more")]
    axes.set_axis_off()
    assert figure_texts.overlapping(figure) == []


def test_a_figure_keeps_no_more_pixels_of_a_picture_than_it_shows():
    _, (axis,) = style.panels(1, 2, 2)
    style.show(axis, np.full((3000, 4000, 1), 7, np.uint8))
    shown = axis.images[0].get_array()
    assert shown.shape == (240, 320) and (shown == 7).all()
