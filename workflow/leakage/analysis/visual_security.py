"""The classic measures of visual security beside the verdicts: where do they disagree?

A measure says `hidden` if, averaged over the pictures, the view scores no better than uniform noise
would: its mean is within the 95 % range of the noise's values over the pictures, or beyond it on
the far side from the plain picture. Otherwise it says `visible`. It disagrees with the verdict if
it calls a leak hidden, or calls a level visible that has no evidence of a leak.
`Measure.higher_is_visible` says which side is the plain picture's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from leakage.analysis import Analysis, compared
from leakage.analysis.tables import Table, by_level
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, sized
from leakage.config.paths import NOISE, PART_SEPARATOR
from leakage.errors import LeakageError
from leakage.interfaces import Configuration, Frame, Series, Wanted

MEASURED, PIXELS, VERDICTS = "measures", "pixels", "verdicts"
HIDDEN, VISIBLE = "hidden", "visible"
# This share of the pictures is left out on each side of a 95 % range.
TAIL = 0.025
COLUMNS = [
    *("scheme", "level", "representation", "label", "measure", "unit", "visible_side", "pictures"),
    *("mean", "low", "high", "reference", "reference_low", "reference_high"),
    *("nats", "nats_low", "nats_high", "verdict", "says", "agrees", "tau", "carries_weight"),
]


@dataclass(frozen=True)
class Measure:
    """A classic measure.

    Attributes:
        title: its name in figures.
        unit: the unit of its values; empty for a ratio.
        columns: columns of the table; the value of a picture is the mean of those known.
        higher_is_visible: whether a higher value is nearer to the plain picture, or a lower one.
    """

    title: str
    unit: str
    columns: tuple[str, ...]
    higher_is_visible: bool


DIRECTIONS = ("horizontal", "vertical", "diagonal")
MEASURES = {
    "psnr": Measure("PSNR", "dB", ("psnr",), True),
    "ssim": Measure("SSIM", "", ("ssim",), True),
    "edge_similarity": Measure("edge similarity", "", ("edge_similarity",), True),
    "luminance_similarity": Measure("luminance similarity", "", ("luminance_similarity",), True),
    "visual_information": Measure("VIF", "", ("visual_information",), True),
    "correlation": Measure(
        "correlation of neighbours", "", tuple(f"correlation_{each}" for each in DIRECTIONS), True
    ),
    "entropy": Measure("entropy", "bits", ("entropy",), False),
    "npcr": Measure("NPCR", "%", ("npcr",), False),
    "uaci": Measure("UACI", "%", ("uaci",), False),
}


class VisualSecurity(Analysis):
    """One row per scheme, representation, measure and level.

    Columns:
        `mean`, `low`, `high`: of the measure over the pictures with a finite value, and the 95 %
            range over those with a known value; infinite if every PSNR is.
        `visible_side`: the plain picture's, `above` or `below` the reference.
        `reference`, `reference_low`, `reference_high`: the same of the noise.
        `nats`, `nats_low`, `nats_high`, `verdict`: as in the table of verdicts; counted pixels have
            no verdict.
        `says`, `agrees`: see the module; missing if the measure is not known (the correlation in a
            black view) or the verdict is neither a leak nor no evidence of one.
        `tau`: Kendall's tau-b between the measure's mean and nats over all schemes and levels;
            negative if they agree and the visible side is below.
    """

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return the verdicts, and of every scheme the counted pixels and the measures."""
        asked = {VERDICTS: Wanted("analysis", VERDICTS, "")}
        for scheme in compared(config):
            asked[role(scheme, MEASURED)] = Wanted(MEASURED, PIXELS, scheme)
            regional = config.encryption.schemes[scheme].region is not None
            if regional or PIXELS not in config.representations:
                asked[role(scheme, PIXELS)] = Wanted(config.paper.histogram, PIXELS, scheme)
        return asked

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the table."""
        import pandas as pd

        parts = []
        for scheme, what, found in _information(tables):
            if (beside := role(scheme, MEASURED)) not in tables:
                raise LeakageError(f"visual_security: no table {beside!r}; give it as well")
            found = found.assign(scheme=scheme, representation=what)
            parts.append(found.merge(_measured(tables[beside].rows), on="level"))
        if not parts:
            raise LeakageError("visual_security: no representation; name one in `representations`")
        rows = pd.concat(parts, ignore_index=True)
        rows["agrees"] = [
            _agrees(*pair) for pair in zip(rows["says"], rows["verdict"], strict=True)
        ]
        taus = {key: tau(part) for key, part in rows.groupby(["representation", "measure"])}
        keys = zip(rows["representation"], rows["measure"], strict=True)
        return rows.assign(tau=[taus.get(key, np.nan) for key in keys])[COLUMNS]


def role(scheme: str, what: str) -> str:
    """Return the role of a table: of pixels, or of the measures."""
    return f"{scheme}/{what}"


def tau(rows: Frame) -> float:
    """Return Kendall's tau-b between `mean` and `nats`; NaN if either has fewer than two values."""
    from scipy.stats import kendalltau

    known = rows[rows["mean"].notna() & rows["nats"].notna()]
    if min(known["mean"].nunique(), known["nats"].nunique()) < 2:
        return np.nan
    return float(kendalltau(known["mean"], known["nats"]).statistic)


def says(mean: float, low: float, high: float, higher_is_visible: bool) -> str | None:
    """Return whether a level is `hidden` or `visible` by a measure; None if it is not known."""
    if np.isnan([mean, low, high]).any():
        return None
    return VISIBLE if (mean > high if higher_is_visible else mean < low) else HIDDEN


def _agrees(said: str | None, found: str | None) -> bool | None:
    if said not in (HIDDEN, VISIBLE) or found not in (LEAK, NO_EVIDENCE):
        return None
    return (said == VISIBLE) == (found == LEAK)


def _information(tables: Mapping[str, Table]) -> Iterator[tuple[str, str, Frame]]:
    """Yield scheme, representation and rows with level, label, nats, interval and verdict.

    The measures are of whole pictures, so the parts of a scheme with a region are left out.
    """
    columns = {"low": "nats_low", "high": "nats_high"}
    kept = ["level", "label", "nats", "nats_low", "nats_high", "verdict", "carries_weight"]
    if VERDICTS not in tables:
        raise LeakageError("visual_security: no table 'verdicts'; give it as well")
    judged = tables[VERDICTS].rows.rename(columns=columns)
    judged = judged.assign(carries_weight=sized(judged))
    for (scheme, what), rows in judged.groupby(["scheme", "representation"], sort=False):
        if PART_SEPARATOR in str(scheme):
            continue
        if role(str(scheme), str(what)) not in tables:
            yield str(scheme), str(what), rows[kept]
    for name, table in tables.items():
        scheme, _, what = name.partition("/")
        if what == PIXELS:
            rows = by_level(table).rename(columns={"mean": "nats", **columns})
            yield (
                scheme,
                what,
                rows.assign(label=table.label, verdict=None, carries_weight=True)[kept],
            )


def _measured(rows: Frame) -> Frame:
    """Return one row per measure and level, with the values of noise and whether it is hidden."""
    import pandas as pd

    found = []
    for name, measure in MEASURES.items():
        values = rows[list(measure.columns)].mean(axis=1)
        noise = _range(values[rows["scheme"] == NOISE])
        reference = dict(zip(("reference", "reference_low", "reference_high"), noise, strict=True))
        side = "above" if measure.higher_is_visible else "below"
        kept = {"measure": name, "unit": measure.unit, "visible_side": side, **reference}
        for level, part in values[rows["scheme"] != NOISE].groupby(rows["level"]):
            mean, low, high = _range(part)
            said = says(mean, *noise[1:], measure.higher_is_visible)
            one = {"level": level, "pictures": len(part), "mean": mean, "low": low, "high": high}
            found.append({**kept, **one, "says": said})
    return pd.DataFrame(found)


def _range(values: Series) -> tuple[float, float, float]:
    """Return the mean and the 95 % range of the known values; NaN without any."""
    known = np.sort(values.dropna().to_numpy())
    if not len(known):
        return np.nan, np.nan, np.nan
    # By counting, because infinite values cannot be interpolated.
    cut = int(TAIL * len(known))
    # A picture that a cipher does not change has an infinite PSNR.
    finite = known[np.isfinite(known)]
    mean = float(finite.mean()) if len(finite) else np.inf
    return mean, float(known[cut]), float(known[-1 - cut])
