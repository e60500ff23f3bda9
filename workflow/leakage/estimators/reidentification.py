"""Re-identification: given the view, is the right picture found?

This is leakage as an attacker would use it. The candidates are all held-out plain items of a fold.
The base or network that finds best on validation pictures ranks them (networks are trained by
InfoNCE, van den Oord et al., arXiv 1807.03748). For comparison, the nearest neighbour learns
nothing. It ranks by the cosine of standardised items, among the items of the fold and among those
of all pictures. Guessing finds the right item once in as many tries as there are candidates. Ties
count as a guess among the tied items.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.protocol.cross_fitting import CrossFittedNetworks
from leakage.protocol.problem import MATCHED, Problem, scored

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from leakage.protocol.bounds import Bound

TOP_1, TOP_5, RECIPROCAL = "top 1", "top 5", "mean reciprocal rank"
NEAREST = "nearest neighbour"
ALL = "nearest neighbour of all"
# Weight of InfoNCE (in nats) beside the mean reciprocal rank in the choice of a critic.
TIE = 1e-3
# Number of views compared with the items of all pictures at a time.
BLOCK = 1024


class Reidentification(CrossFittedNetworks):
    """Re-identification of held-out pictures."""

    comparable = False
    estimand = "share of held-out views with the right item ranked first (top 1) or among five"

    method: Literal["reidentification"] = "reidentification"

    def bound(self) -> "Bound":
        """Return a bound that chooses critics and reads them by ranks."""
        import torch

        from leakage.protocol.bounds import Bound, Scores, Statistic

        class Ranks(Bound):
            per_view = True
            in_nats = False

            def criterion(self, joint: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
                """Return the mean reciprocal rank; InfoNCE decides between equal ranks."""
                own = joint[..., None]
                rank = 1 + (others > own).sum(-1) + (others == own).sum(-1) / 2
                return (1 / rank).mean(-1) + TIE * super().criterion(joint, others)

            def statistics(self, scores: Scores, weights: torch.Tensor) -> list[Statistic]:
                """Return the share of views per statistic; see `Bound.read`."""
                drawn = weights[:, scores.groups].T
                count = len(scores.values)
                found = []
                for name, each in placed(scores.values).items():
                    share = (drawn * each.diagonal()[:, None]).sum(0) / drawn.sum(0)
                    found.append(
                        Statistic(name, "share", share.numpy(), each, 1.0, chance(name, count))
                    )
                return found

        return Ranks()

    def completed_table(
        self, table: "pd.DataFrame", problem: Problem, levels: list[int]
    ) -> "pd.DataFrame":
        """Return the table with exact intervals, and with the nearest neighbour.

        The statistics are `top 1`, `top 5` and `mean reciprocal rank` of the critic among the
        held-out items of a fold. If both sides have equally many coordinates, the same follows for
        the `nearest neighbour` and for the `nearest neighbour of all`, which searches the items of
        all pictures. `low` and `high` of a share are exact (Clopper and Pearson, Biometrika 26,
        1934) with the pictures as trials.
        """
        import pandas as pd

        from leakage.estimators import tables

        if problem.x.shape[1] == problem.y.shape[2]:
            nearest = _nearest(problem, levels, self)
            table = pd.concat([table, nearest], ignore_index=True)
        shares = table["statistic"].str.contains("top") & table["mean"].notna()
        table.loc[shares, ["low", "high"]] = [
            exact_interval(mean, int(pictures), self.confidence)
            for mean, pictures in table.loc[shares, ["mean", "pictures"]].to_numpy()
        ]
        return tables.tidy(table)


def _nearest(problem: Problem, levels: list[int], settings: Reidentification) -> "pd.DataFrame":
    """Return rows for the nearest neighbour among the items of the fold and among all items."""
    import pandas as pd

    parts = []
    for position, level in enumerate(levels):
        folds = [
            _nearest_in_fold(problem, position, fold, settings)
            for fold in range(len(problem.splits))
        ]
        for statistic in folds[0]:
            shares, guesses = zip(*(each[statistic] for each in folds), strict=True)
            row = {"level": level, "fold": range(len(folds)), "statistic": statistic}
            row |= {"value": shares, "chance": guesses, "mean": np.mean(shares)}
            parts.append(pd.DataFrame(row))
    return pd.concat(parts).assign(
        seed=problem.seeds[0],
        split="test",
        step=0,
        unit="share",
        estimand="share of views whose nearest item is the right one; untrained",
        nats=np.nan,
        ceiling=1.0,
        pictures=len(np.unique(problem.groups)),
        variant=MATCHED,
        chosen=False,
    )


def _nearest_in_fold(
    problem: Problem, position: int, fold: int, settings: Reidentification
) -> dict[str, tuple[float, float]]:
    """Return the share found, and that of guessing, per statistic of the nearest neighbour."""
    import torch

    from leakage.protocol.preprocessing import Variable, unit

    split, first = problem.splits[fold], problem.seeds[0]
    train = np.concatenate([split.train, split.validation])
    plain, view = (
        Variable(values, train, problem.pca, settings.marginals)
        for values in (problem.x, problem.y[position])
    )
    test = scored(problem, split.test, settings.scored_pairs, [first, fold, 7])
    every = scored(problem, np.arange(len(problem.x)), settings.scored_pairs, [first, 13])
    views = torch.from_numpy(unit(view.standardised(test)).astype(np.float32))
    candidates = {NEAREST: test, ALL: np.concatenate([test, np.setdiff1d(every, test)])}
    found = {}
    for name, index in candidates.items():
        items = torch.from_numpy(unit(plain.standardised(index)).astype(np.float32))
        places: dict[str, list[torch.Tensor]] = {}
        for start in range(0, len(test), BLOCK):
            scores = views[start : start + BLOCK] @ items.T
            for rank, each in placed(scores).items():
                places.setdefault(rank, []).append(each.diagonal(start)[: len(scores)])
        for rank, parts in places.items():
            share = float(torch.cat(parts).mean())
            found[f"{name}, {rank}"] = share, chance(rank, len(index))
    return found


def exact_interval(share: float, trials: int, confidence: float) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson for a share of independent trials, 0 to 1.

    The share times the trials need not be a whole number. Use pictures as trials, because patches
    of a picture are not independent. `confidence` is the smallest coverage for any true share.
    """
    from scipy.special import betaincinv

    tail, found = (1 - confidence) / 2, share * trials
    low = 0.0 if found <= 0 else float(betaincinv(found, trials - found + 1, tail))
    high = 1.0 if found >= trials else float(betaincinv(found + 1, trials - found, 1 - tail))
    return low, high


def chance(statistic: str, candidates: int) -> float:
    """Return the expected value of a statistic for guessing among `candidates` items."""
    if statistic == RECIPROCAL:
        return float(np.mean(1 / np.arange(1, candidates + 1)))
    return min(1.0, (1 if statistic == TOP_1 else 5) / candidates)


def placed(scores: "torch.Tensor") -> "dict[str, torch.Tensor]":
    """Return each statistic's value for every item as the right one, float64 (views, items).

    Tied items share their places equally.
    """
    import torch

    ordered = scores.sort(dim=1).values
    not_above = torch.searchsorted(ordered, scores.contiguous(), right=True)
    below = torch.searchsorted(ordered, scores.contiguous())
    above, tied = (scores.shape[1] - not_above).double(), (not_above - below).double()
    found = {name: ((first - above) / tied).clamp(0, 1) for name, first in ((TOP_1, 1), (TOP_5, 5))}
    # The mean of 1 / rank over the tied places is a difference of harmonic numbers.
    harmonic = torch.digamma(above + tied + 1) - torch.digamma(above + 1)
    return found | {RECIPROCAL: harmonic / tied}
