"""Run the estimates and the simple attacks per level, and print a Markdown table."""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from leakage.estimators import estimate

import coco_attack
from coco_attack import attacks, embedding

MIRROR = Path(__file__).resolve().parents[3] / "shared" / "coco-mirror"
# How far an estimate may be below the best simple attack: in nats, and in re-identified share.
BELOW = {"nats": 0.05, "top 1": 0.02}
# Largest distance from 0, in nats, of an estimate on a view that holds nothing.
NOTHING = 0.03
HEADS = (
    *("n", "`mine`", "interval", "p", "cosine", "whitened", "holds"),
    *("`reidentification`", "nearest in fold", "nearest of all", "holds"),
)


@dataclass(frozen=True)
class Ours:
    """The package's estimate at one level: nats or share, interval, p-value, and chance."""

    mean: float
    low: float
    high: float
    p_value: float
    chance: float


def main() -> None:
    """Read or make the embeddings, print the table, and exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(coco_attack.__doc__ or "").partition("\n")[0])
    parser.add_argument("embeddings", type=Path, help=".npz with x, y and groups; made if missing")
    parser.add_argument("--mirror", type=Path, default=MIRROR, help="folder with val2017/*.jpg")
    parser.add_argument("--levels", type=int, nargs="*", help="indices into y; default: all")
    parser.add_argument("--output", type=Path, help="Markdown file to write as well")
    given = parser.parse_args()
    if not given.embeddings.is_file():
        embedding.write(given.embeddings, given.mirror, range(9))
    with np.load(given.embeddings) as kept:
        x, y, groups = (kept[name] for name in ("x", "y", "groups"))
    levels = list(range(len(y))) if given.levels is None else given.levels
    text, missed = table(x, y[levels], groups, levels)
    print(text)
    if given.output:
        given.output.write_text(f"# Simple attacks on COCO\n\n{text}\n", encoding="utf-8")
    sys.exit(1 if missed else 0)


def table(x: np.ndarray, y: np.ndarray, groups: np.ndarray, levels: list[int]) -> tuple[str, int]:
    """Return the Markdown table, and the number of missed targets.

    Args:
        x: shape (pairs, dim).
        y: shape (levels, pairs, dim).
        groups: picture of each pair, shape (pairs,).
        levels: the level of each view.
    """
    start = time.perf_counter()
    mine = ours("mine", "mutual information", x, y, groups, levels)
    found = ours("reidentification", "top 1", x, y, groups, levels)
    seconds = time.perf_counter() - start
    rows, missed = [], 0
    wide, views, fold = x.astype(float), y.astype(float), attacks.folds(groups)
    for view, level in zip(views, levels, strict=True):
        cosine = attacks.similarity(wide, view, fold)
        white = attacks.whitened_similarity(wide, view, fold)
        of_all = attacks.nearest_of_all(wide, view)
        nats, share = mine[level], found[level]
        # Chance tells among how many items the package searched.
        nearest = cosine.top_1 if share.chance > 2 / len(x) else of_all
        targets = [
            nats.mean >= max(cosine.nats, white.nats) - BELOW["nats"]
            and (level < 8 or abs(nats.mean) < NOTHING),
            share.mean >= nearest - BELOW["top 1"],
        ]
        missed += targets.count(False)
        interval = f"{nats.low:.2f} to {nats.high:.2f}"
        values = (nats.mean, interval, nats.p_value, cosine.nats, white.nats, targets[0])
        shares = (share.mean, cosine.top_1, of_all, targets[1])
        rows.append("| " + " | ".join(map(_cell, (level, *values, *shares))) + " |")
    lines = ["| " + " | ".join(HEADS) + " |", "|" + " ---: |" * len(HEADS), *rows]
    about = (
        f"{len(x)} patches of {len(np.unique(groups))} pictures, {x.shape[1]} coordinates; nats, "
        "and share of views whose own patch is found first. Holds: at most "
        f"{BELOW['nats']} nat and {BELOW['top 1']} below the best simple attack. The package's two "
        f"estimates took {seconds:.0f} s."
    )
    return "\n".join([about, "", *lines]), missed


def ours(
    name: str,
    statistic: str,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    levels: list[int],
) -> dict[int, Ours]:
    """Return one estimator's results with default settings, by level."""
    rows = estimate(name, x, y, groups, levels=levels, device="cpu")
    rows = rows[(rows["split"] == "test") & (rows["statistic"] == statistic)]
    rows = rows[rows["mean"].notna()].groupby("level").first()
    columns = [rows.get(column, pd.Series(np.nan, rows.index)) for column in Ours.__annotations__]
    return {int(level): Ours(*values) for level, *values in zip(rows.index, *columns, strict=True)}


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "**no**"
    return f"{round(value, 3) + 0.0:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
