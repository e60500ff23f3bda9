"""Draw the strip of README.md from the demo's results: a picture, the verdict, re-identification.

python docs/strip.py results/demo docs/demo-strip.png
"""

import sys
from pathlib import Path

import pandas as pd
from leakage.analysis import tables
from leakage.analysis.verdicts import NO_EVIDENCE
from leakage.config.paths import Paths
from leakage.figures import style, verdict
from leakage.report import answers
from leakage.storage import files, views
from PIL import Image

SCHEME, REPRESENTATION, PICTURE = "msb_xor", "lite0", "coffee"
SIDE = 180  # pixels of a picture


@style.theme()
def main(results: Path, output: Path) -> None:
    """Draw the strip of one picture of a run."""
    verdicts = tables.read(results / "analysis" / "verdicts.parquet").rows
    found = answers.combined(verdicts[verdicts["scheme"] == SCHEME])
    rows = pd.read_csv(results / "figures" / "reidentification.csv")
    rows = rows[(rows["statistic"] == "top 1") & (rows["representation"] == REPRESENTATION)]
    levels = rows["level"].tolist()
    figure, axes = style.panels(2 * len(levels), 1.35, 1.7, rows=2)
    for axis, level in zip(axes, levels, strict=False):
        axis.imshow(thumbnail(Paths(results).view(SCHEME, level)))
        axis.set_title("plain" if level == 0 else f"n = {level}", fontsize=10)
        axis.axis("off")
        said = "" if level == 0 else found[level]
        box = {"facecolor": verdict.COLOURS.get(said, "none"), "edgecolor": "none", "pad": 3}
        words = "nothing found" if said == NO_EVIDENCE else verdict.SHORT.get(said, "")
        axis.text(0.5, -0.14, words, transform=axis.transAxes, ha="center", va="center", bbox=box)
    figure.get_layout_engine().set(hspace=0.12)
    grid = axes[len(levels)].get_gridspec()
    for axis in axes[len(levels) :]:
        axis.remove()
    curve(figure.add_subplot(grid[1, :]), rows, rows["label"].iloc[0])
    with files.whole_file(output) as temporary:
        figure.savefig(
            temporary, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None}
        )


def curve(axis, rows: pd.DataFrame, label: str) -> None:
    """Draw the share of views whose own patch is found first, and the share of guessing."""
    places = range(len(rows))  # below the pictures
    style.band(axis, rows.assign(place=places), "C0", "", x="place", marker="o")
    axis.plot(places, rows["chance"], color="0.3", ls=":")
    last = rows.iloc[-1]
    axis.text(0, last["chance"] + 0.03, f"guessing: {100 * last['chance']:.0f} %", color="0.3")
    axis.set(xlim=(-0.5, len(rows) - 0.5), ylim=(0, 1.05), xlabel="most significant bits encrypted")
    axis.set_xticks(places, rows["level"])
    axis.set_ylabel("re-identified")
    axis.set_title(f"Share of held-out views whose own patch is found first, by {label}", size=10)


def thumbnail(path: Path) -> Image.Image:
    """Return one picture of a view, small."""
    pixels = next(pixels for name, pixels in views.View(path) if name == PICTURE)
    side = min(pixels.shape[:2])
    return Image.fromarray(pixels[:side, :side]).resize((SIDE, SIDE), Image.Resampling.BOX)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
