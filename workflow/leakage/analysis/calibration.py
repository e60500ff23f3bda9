"""Calibration: how far estimators are from known truths, and how often the verdict errs."""

import numpy as np
import pandas as pd

from leakage.analysis import verdicts

# The rules of the verdict that are compared; columns of the table of `calibrate_verdict`.
EXACT_SEQUENCE, EXACT_HOLM = "exact tests, fixed sequence", "exact tests, Holm"
BOTH_SEQUENCE, BOTH_HOLM = "with critics, fixed sequence", "with critics, Holm"
CRITICS_ALONE = "critics alone, Holm, in folds"
# The column with the p-values of each rule.
RULES = {
    EXACT_SEQUENCE: "p_exact",
    EXACT_HOLM: "p_exact",
    BOTH_SEQUENCE: "p_value",
    BOTH_HOLM: "p_value",
    CRITICS_ALONE: "p_critics",
}


def summary(draws: pd.DataFrame) -> pd.DataFrame:
    """Return mean, bias, standard deviation and range over the draws, in nats.

    The bias is the mean minus the truth. If the truth is a range, `lower` to `upper`, the bias is
    the mean minus the nearer end, and 0 inside the range. Rows keep the order of the draws.
    """
    keys = ["task", "level", "estimator", "pairs"]
    rows = (
        draws.groupby(keys, sort=False)
        .agg(
            truth=("truth", "mean"),
            lower=("lower", "mean"),
            upper=("upper", "mean"),
            mean=("nats", "mean"),
            standard_deviation=("nats", "std"),
            low=("nats", "min"),
            high=("nats", "max"),
            draws=("nats", "size"),
        )
        .reset_index()
    )
    rows.insert(8, "bias", rows["mean"] - rows["mean"].clip(rows["lower"], rows["upper"]))
    return rows


def worst(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each estimator's row with the largest absolute bias, in the estimators' order.

    Estimators without any value are left out.
    """
    known = rows.dropna(subset="bias")
    largest = known["bias"].abs().groupby(known["estimator"], sort=False).idxmax()
    return known.loc[largest]


def errors(judged: pd.DataFrame) -> pd.DataFrame:
    """Return how often families and levels were called a leak.

    There is one row per rule, number of pictures, patches and strength. Columns: `families` (their
    number), the shares `families_with_a_leak` (with its `standard_error`) and `levels_with_a_leak`,
    and `p_below_0.05`, the share of levels with a p-value of at most 0.05 by that rule.

    Args:
        judged: the table of `calibrate_verdict`.
    """
    keys = ["pictures", "patches", "strength"]
    parts = []
    for rule, column in RULES.items():
        known = judged[judged[rule].notna()]
        leak = known.assign(leak=known[rule] == verdicts.LEAK, p_low=known[column] <= 0.05)
        families = leak.groupby([*keys, "family"])["leak"].any().groupby(keys)
        levels = leak.groupby(keys)
        rows = pd.DataFrame(
            {
                "nats": levels["nats"].first() + 0.0,  # no -0.0
                "families": families.size(),
                "families_with_a_leak": families.mean(),
                "levels_with_a_leak": levels["leak"].mean(),
                "p_below_0.05": levels["p_low"].mean(),
            }
        )
        parts.append(rows.reset_index().assign(rule=rule))
    rows = pd.concat(parts, ignore_index=True)
    share = rows["families_with_a_leak"]
    rows["standard_error"] = np.sqrt(share * (1 - share) / rows["families"])
    return rows.assign(confidence=judged["confidence"].iloc[0])
