"""Verdicts in words, for the figure and the report."""

from typing import Any

import numpy as np

from leakage import captions
from leakage.analysis import verdicts
from leakage.interfaces import Frame


def finding(part: Frame) -> str:
    """Return the finding on one representation of one scheme, at the encrypted levels."""
    part = part[part["level"] > 0]
    leaks = part.loc[part["verdict"] == verdicts.LEAK, "level"]
    if len(leaks):
        return f"a leak at n = {captions.listed(leaks)}"
    if not len(part):
        return "only the plain picture was tested"
    unable = part[part["verdict"] != verdicts.NO_EVIDENCE]
    if not len(unable):
        return f"{verdicts.NO_EVIDENCE} at {len(part)} levels"
    return f"{unable['verdict'].iloc[0]} ({unable['pictures'].iloc[0]:.0f})"


def headline(table: Frame) -> str:
    """Return the number of encrypted levels with a leak, in words."""
    encrypted = table[table["level"] > 0]
    leaks = int((encrypted["verdict"] == verdicts.LEAK).sum())
    said = f"A leak is found in {leaks} of {len(encrypted)} cells with encryption (n > 0)"
    return said if leaks else "No leak is found above the plain picture"


def left_out(table: Frame) -> str:
    """Return a line on leaks that have no size, or nothing."""
    leaks = table[table["verdict"] == verdicts.LEAK]
    few = leaks[~verdicts.sized(leaks)]
    if not len(few):
        return ""
    counts, needed = sorted(set(few["pictures"].astype(int))), int(few["needed_for_nats"].max())
    return (
        f"\nno sizes of leaks from {' or '.join(map(str, counts))} pictures: an estimate in nats "
        f"needs at least {needed}"
    )


def quiet(part: Frame) -> str:
    """Return the level from which on nothing is found, in words."""
    first, for_good = part["quiet_from"].iloc[0], part["quiet_for_good"].iloc[0]
    units = "pixel pairs" if "pixel pairs" in part["label"].iloc[0] else "pictures"
    pictures, needed = part["pictures"].iloc[0], part["needed_pictures"].iloc[0]
    if (part["verdict"] == verdicts.TOO_FEW_PERMUTATIONS).all():
        return "too few permutations\nto find anything"
    if (part["verdict"] == verdicts.TOO_FEW_PICTURES).all():
        return f"{pictures:.0f} {units}; the test\nneeds at least {needed:.0f}"
    if np.isnan(first):
        return "a leak is found\nat every level"
    if first == for_good:
        return f"nothing found\nfrom n = {first:.0f}"
    end = "" if np.isnan(for_good) else f"\nnothing from n = {for_good:.0f} on"
    return f"nothing found at n = {first:.0f},\na leak higher up{'; ' if end else ''}{end}"


def size(found: Any) -> str:
    """Return the size of a leak, or nothing if the estimate carries no weight."""
    few = getattr(found, "needed_for_nats", np.nan) > found.pictures
    if few or np.isnan(found.nats):
        return ""
    # A test can find a leak although the estimate is not above 0.
    if round(found.nats, 3) <= 0:
        return "size unknown"
    return f"{found.nats:.2g} nats" if found.nats < 10 else f"{found.nats:.0f} nats"


def p_text(p: float) -> str:
    """Return `p = 0.0045`, `p < 0.001` or `no p-value`."""
    if np.isnan(p):
        return "no p-value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
