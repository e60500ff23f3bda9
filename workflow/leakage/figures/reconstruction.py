"""Figure `reconstruction`: what an adversary gets back of a picture, at every level."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis.tables import Table, grouped, records
from leakage.attacks.scores import MEAN, VIEW, scores
from leakage.captions import number
from leakage.config.paths import ATTACKS
from leakage.figures import Figure, style
from leakage.interfaces import Axes, Bytes, Canvas, Configuration, Frame, Wanted

if TYPE_CHECKING:
    from leakage.storage.views import View

ROWS = ("plain", "view", "best attack")
NO_ATTACK, GAVE_UP = "no attack\napplies", "gave up"
NOT_HERE = "not of this picture"
COLUMNS = ["level", "attack", "best", "ssim", "exact", "mean_ssim", "mean_exact", "pictures"]
COLUMNS += ["recovered"]
# The title needs the width of some columns.
FEWEST_COLUMNS = 3
MINUS = "\u2212"
Place = tuple[slice, slice]
WHOLE: Place = slice(None), slice(None)


class Reconstruction(Figure):
    """The first picture at every level: plain, its view, and what the best attack gives back."""

    title = "What an attack gets back"
    caption = """
        Picture {picture} at {levels} encrypted levels of {scheme}: plain, its view, and what the
        attack with the highest mean SSIM over the attacked pictures makes of it. {result} What
        these attacks do not get back, a better one may.
    """
    per_compared = True
    adds_views = True

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the table of every attack; those that do not apply to the scheme are left out."""
        return {name: Wanted(ATTACKS, name) for name in config.attacks}

    def draw(self, tables: Mapping[str, Any]) -> tuple[Canvas, Frame]:
        """Return a column per level with three pictures, and a row per level and attack."""
        import pandas as pd

        views: list[View] = [each for each in tables["views"] if each.metadata["level"] > 0]
        attacks = [each for role, each in tables.items() if role != "views"]
        image_id, plain = _first(tables["views"][0])
        shown = _shown(attacks, image_id)
        columns = max(len(views), FEWEST_COLUMNS)
        figure, axes = style.panels(3 * columns, 1.5, 1.75, rows=3)
        for axis in axes:
            _show(axis, None, "")
        parts = []
        for column, view in enumerate(views):
            level = view.metadata["level"]
            rows = _compared(attacks, level, image_id)
            best = rows.loc[rows["best"], "attack"].sum()
            guess, place = shown.get((best, level), (None, WHOLE))
            seen = _first(view)[1][place]
            over, middle, under = axes[column::columns]
            _show(over, plain[place], "")
            over.set_title(f"n = {level}")
            _show(middle, seen, _ssim(scores(plain[place], seen)["ssim"]))
            _show(under, guess, _said(rows, best))
            parts.append(rows.assign(scheme=view.metadata["scheme"], image_id=image_id))
        for axis, text in zip(axes[::columns], ROWS, strict=True):
            axis.set_ylabel(text)
        about = views[-1].metadata
        style.set_title(
            figure,
            f"What an attack gets back of picture {image_id}\n"
            f"{about['scheme']}: {about['level_label']}",
        )
        return figure, pd.concat(parts, ignore_index=True)

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the picture, and in words the level where most is got back."""
        return {
            "picture": table["image_id"].iloc[0],
            "scheme": table["scheme"].iloc[0],
            "levels": table["level"].nunique(),
            "result": _result(table),
        }


def _result(table: Frame) -> str:
    """Return in a sentence or two where the best attack is at its best."""
    attacked = table[~table["attack"].isin([VIEW, MEAN, ""]) & table["attack"].notna()]
    if attacked.empty:
        return "No attack of this run applies to the scheme."
    tried = ", ".join(attacked["attack"].unique())
    if attacked["mean_ssim"].isna().all():
        return f"Attacks tried: {tried}. All gave up."
    row = attacked.sort_values("mean_ssim", na_position="first").iloc[-1]
    beside = table[table["level"] == row["level"]].set_index("attack")["mean_ssim"]
    view, mean = (number(beside.get(name, np.nan), ".2f") for name in (VIEW, MEAN))
    return (
        f"Attacks tried: {tried}. Most is got back at n = {row['level']:.0f} by {row['attack']}: a "
        f"mean SSIM of {number(row['mean_ssim'], '.2f')} (the view {view}, the mean of other "
        f"pictures {mean}), {row['recovered']:.0f} of {row['pictures']:.0f} pictures bit for bit."
    )


def _compared(tables: list[Table], level: int, image_id: str) -> Frame:
    """Return a row per baseline and attack at a level; one without a name if there is none."""
    import pandas as pd

    parts = [each.rows[each.rows["level"] == level] for each in tables]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame([{"level": level, "attack": "", "best": False}], columns=COLUMNS)
    rows = pd.concat(parts).drop_duplicates(["image_id", "attack"])
    found = []
    for attack, part in grouped(rows, "attack"):
        own = part[part["image_id"] == image_id]
        found.append(
            {
                "level": level,
                "attack": attack,
                "ssim": own["ssim"].iloc[0] if len(own) else np.nan,
                "exact": own["exact"].iloc[0] if len(own) else np.nan,
                "mean_ssim": part["ssim"].mean(),
                "mean_exact": part["exact"].mean(),
                "pictures": len(part),
                "recovered": int(part["recovered"].sum()),
            }
        )
    table = pd.DataFrame(found, columns=COLUMNS)
    tried = table["mean_ssim"].where(~table["attack"].isin([VIEW, MEAN]))
    return table.assign(best=tried.notna() & (tried == tried.max()) & ~tried.duplicated())


def _shown(tables: list[Table], image_id: str) -> dict[tuple[str, int], tuple[Bytes, Place]]:
    """Return what each attack gave back of a picture at each level, and the place in it."""
    from PIL import Image

    found = {}
    for table in tables:
        rows = table.rows
        for row in records(rows[rows["png"].notna() & (rows["image_id"] == image_id)]):
            place = slice(row.top, row.top + row.height), slice(row.left, row.left + row.width)
            guess = np.asarray(Image.open(io.BytesIO(row.png)))
            found[row.attack, row.level] = guess, place
    return found


def _first(view: "View") -> tuple[str, Bytes]:
    return next(iter(view))


def _show(axis: Axes, picture: Bytes | None, text: str) -> None:
    """Show a picture with a text below it; without a picture the text in its place."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    for side in axis.spines.values():
        side.set_visible(False)
    if picture is None:
        axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes)
        return
    style.show(axis, picture)
    axis.set_xlabel(text)


def _said(rows: Frame, best: str) -> str:
    """Return the words below what the best attack gave back."""
    if not best:
        tried = rows.loc[~rows["attack"].isin([VIEW, MEAN, ""]), "attack"]
        return ",\n".join(tried) + f"\n{GAVE_UP}" if len(tried) else NO_ATTACK
    row = rows[rows["best"]].iloc[0]
    if np.isnan(row["ssim"]):
        return f"{best}\n{NOT_HERE}"
    return f"{best}\n{'bit for bit' if row['exact'] == 1 else _ssim(row['ssim'])}"


def _ssim(value: float) -> str:
    return f"SSIM {value:.2f}".replace("-", MINUS)
