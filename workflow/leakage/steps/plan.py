"""Say how many pictures a verdict needs to find a leak of a given size.

leakage plan --nats 0.1 --patches 4
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from leakage import progress
from leakage.analysis import planning
from leakage.errors import LeakageError
from leakage.estimators import arguments
from leakage.storage import files

POWER, CONFIDENCE, FAMILIES = 0.8, 0.95, 200
# The fewest pictures of a pilot: its largest subset is half of them.
FEWEST_PICTURES = 2 * planning.PICTURES[0]
# What an option changes: the answer to --nats, to a pilot (--x), to --measure, or, without any of
# these, the table of all leaks.
ALL_LEAKS = ""
USED_BY = {
    "--patches": ("--nats",),
    "--power": ("--nats", ALL_LEAKS),
    "--confidence": ("--nats", ALL_LEAKS),
    "--levels": ("--nats", ALL_LEAKS),
    "--families": ("--x", "--measure"),
}


def main(
    nats: Annotated[float | None, typer.Option(help="size of the leak, per patch")] = None,
    patches: Annotated[
        int | None, typer.Option(min=1, help="patches per picture; default: 1")
    ] = None,
    power: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=0.999, help=f"the chance that the leak is found; default: {POWER:g}"
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            min=0.5, max=0.9999, help=f"1 minus the chance of a false leak; default: {CONFIDENCE:g}"
        ),
    ] = None,
    levels: Annotated[
        int | None,
        typer.Option(
            min=1, help="levels tested together by Holm's rule; default: 1, in fixed sequence"
        ),
    ] = None,
    x: Annotated[Path | None, typer.Option(help="plain items of a pilot, .npy")] = None,
    y: Annotated[Path | None, typer.Option(help="views of the pilot, .npy")] = None,
    groups: Annotated[Path | None, typer.Option(help="picture ids of the pilot, .npy")] = None,
    families: Annotated[
        int | None, typer.Option(min=1, help=f"data sets per measured power; default: {FAMILIES}")
    ] = None,
    measure: Annotated[
        Path | None, typer.Option(help="measure the simulated power into a .csv: half an hour")
    ] = None,
    page: Annotated[bool, typer.Option(help="print docs/planning.md")] = False,
) -> None:
    """Say how many pictures a verdict needs to find a leak of a given size."""
    pilot = x is not None or y is not None or groups is not None
    ways = {"--nats": nats is not None, "--x": pilot, "--measure": measure is not None}
    asked = [option for option, given in (ways | {"--page": page}).items() if given]
    given = {"--patches": patches, "--power": power, "--confidence": confidence}
    _refuse_options(asked, given | {"--levels": levels, "--families": families})
    files.refuse_output(measure, (".csv",), [], "--measure")
    power, confidence, levels = power or POWER, confidence or CONFIDENCE, levels or 1
    if measure is not None:
        _measure(measure, families or FAMILIES)
    elif pilot:
        print(_pilot(x, y, groups, families or FAMILIES).to_csv(index=False), end="")
    elif page:
        print("\n".join(_page()))
    elif nats is None:
        print("\n".join(_all_leaks(levels, confidence, power)))
    else:
        table = planning.read()
        found = planning.pictures_for(table, nats, patches or 1, power, confidence, levels)
        each = "1 patch" if found.patches == 1 else f"{found.patches} patches"
        print(
            f"{found.pictures} pictures find a leak of {nats:g} nats with a chance of {power:g} "
            f"(measured: {found.nats:g} nats, {each} per picture, p at most "
            f"{found.alpha:g}); below {found.fewest} none can be found"
        )


def _refuse_options(asked: list[str], given: dict[str, float | None]) -> None:
    """Raise a LeakageError for two questions at once, or for an option without effect.

    Args:
        asked: the options that ask a question; none for the table of all leaks.
        given: the other options by name; None where one is not given.
    """
    if len(asked) > 1:
        raise LeakageError(f"{asked[1]}: does nothing beside {asked[0]}; leave one of them out")
    question = asked[0] if asked else ALL_LEAKS
    for option, value in given.items():
        if value is None or question in USED_BY[option]:
            continue
        if asked:
            raise LeakageError(f"{option}: does nothing beside {question}; leave one of them out")
        needed = " or ".join(USED_BY[option])
        raise LeakageError(
            f"{option}: does nothing without {needed}; leave it out, or give {needed}"
        )


def _measure(path: Path, families: int) -> None:
    """Write the simulated power again; rows measured on real pictures are kept."""
    kept = planning.read()
    parts = [kept[kept["source"] != planning.SIMULATED]]
    cells = len(planning.PATCHES) * len(planning.LEAKS)
    for part in progress.over(planning.measure(families), "cells", cells):
        parts.append(part)
    with files.whole_file(path) as temporary:
        pd.concat(parts, ignore_index=True).to_csv(temporary, index=False)


def _pilot(x: Path | None, y: Path | None, groups: Path | None, families: int) -> pd.DataFrame:
    """Return the power on random subsets of a pilot's pictures, a row per level and size."""
    if x is None or y is None or groups is None:
        raise LeakageError("pilot: expected --x, --y and --groups; give all three")
    plain, views = arguments.items(files.read_array(x), files.read_array(y))
    members = arguments.group_names(files.read_array(groups), len(plain))
    pictures = len(np.unique(members))
    if pictures < FEWEST_PICTURES:
        raise LeakageError(
            f"--groups {groups}: found {pictures} pictures; expected at least {FEWEST_PICTURES}, "
            f"because the smallest subset has {planning.PICTURES[0]} and the largest half of the "
            "pilot; add pictures"
        )
    # The leak of a pilot is not known, so the level's number takes its column.
    numbers = {level: float(level) for level in range(len(views))}
    found = planning.measure_on("pilot", (plain, views, members), numbers, families, pictures // 2)
    return found.rename(columns={"nats": "level"}).drop(columns="source").astype({"level": int})


def _all_leaks(levels: int, confidence: float, power: float) -> Iterator[str]:
    """Yield the tables for simulated pairs and for photographs."""
    alpha = planning.alpha_for(levels, confidence)
    yield f"Pictures for a power of {power:g}, {_rule(levels)}, p at most {alpha:g}."
    yield from ("", "Simulated pairs:", "", *_simulated(levels, confidence, power), "")
    yield from ("Photographs of COCO, two patches each:", "", *_real((levels,), confidence, power))


def _rule(levels: int) -> str:
    return "levels in fixed sequence" if levels == 1 else f"{levels} levels by Holm's rule"


def _simulated(levels: int, confidence: float, power: float) -> Iterator[str]:
    """Yield a Markdown table of the needed pictures, one row per leak."""
    yield "| leak, nats | " + " | ".join(f"{n} per picture" for n in planning.PATCHES) + " |"
    yield "|---|" + "---|" * len(planning.PATCHES)
    for nats in planning.LEAKS:
        cells = [_pictures(nats, n, power, confidence, levels) for n in planning.PATCHES]
        yield f"| {nats:g} | " + " | ".join(cells) + " |"


def _real(columns: Sequence[int], confidence: float, power: float) -> Iterator[str]:
    """Yield the table for photographs, with a column for each number of levels."""
    table = planning.read()
    rows = table[table["source"] == planning.COCO]
    patches = int(rows["patches"].iloc[0])
    yield "| leak, nats | " + " | ".join(_rule(levels) for levels in columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for nats in sorted(rows["nats"].unique()):
        cells = [_pictures(nats, patches, power, confidence, n, planning.COCO) for n in columns]
        yield f"| {nats:g} | " + " | ".join(cells) + " |"


def _pictures(
    nats: float,
    patches: int,
    power: float,
    confidence: float,
    levels: int,
    source: str = planning.SIMULATED,
) -> str:
    table = planning.read()
    try:
        found = planning.pictures_for(table, nats, patches, power, confidence, levels, source)
    except planning.NotReached as error:
        return f"more than {error.pictures}"
    return str(found.pictures)


def _page() -> Iterator[str]:
    yield PAGE.format(
        sequence="\n".join(_simulated(1, CONFIDENCE, POWER)),
        holm="\n".join(_simulated(9, CONFIDENCE, POWER)),
        real="\n".join(_real((1, 9), CONFIDENCE, POWER)),
    ).rstrip()


PAGE = """# How many pictures a verdict needs

```sh
leakage plan --nats 0.1 --patches 4
```

prints how many pictures find a leak of 0.1 nats per patch in four runs of five. Change the question
with `--power`, `--confidence` and `--levels`. `--levels 9` is for nine levels corrected by Holm's
rule, which applies to views that are not [nested](method.md#the-verdict). The leak, the number of
patches and the p-value are rounded down to measured ones, which the answer names. Without `--nats`,
the command prints a table of all measured leaks.

From your own pilot:

```sh
leakage plan --x x.npy --y y.npy --groups groups.npy
```

prints the power at every level for random subsets of up to half of the pilot's pictures. The pilot
needs at least eight pictures. `x.npy` holds the plain items (pairs, dim), `y.npy` the views
(levels, pairs, dim), `groups.npy` the picture of each pair.

## Levels in fixed sequence (`msb_xor` and all nested views)

Pictures for a power of 80 % at 95 % confidence, by the number of patches per picture. The data are
simulated Gaussian pairs. Half of their variance is common to all patches of a picture.

{sequence}

Three pictures cannot give an answer. Four have 24 orders, and 1/24 is below 5 %.

## Nine levels by Holm's rule

{holm}

Six pictures have 720 orders. With fewer pictures, no answer is possible.

## Real photographs

Random subsets of 128 photographs of COCO, embedded by EfficientNet-Lite0, with two patches each,
for `msb_xor` at n = 6, 5, 4 and 3. The leak is the value of a critic with whitened similarity.

{real}

These numbers are close to those of simulated pairs with two patches.

## How the power is measured

The power is that of the [exact permutation tests](method.md#the-verdict) alone, on 200 data sets
for each number of pictures, with 199 orders each (999 for up to seven pictures). A real run draws
999 and finds a little more by Holm's rule. The numbers of pictures are good to about a tenth. In a
verdict, critics that find nothing raise the p-value by a third ([p_exact /
0.75](method.md#the-verdict)), which takes about a tenth more pictures.

`leakage plan --page > docs/planning.md` makes this page from `workflow/leakage/analysis/power.csv`.
`leakage plan --measure power.csv` measures the simulated part again, in about half an hour.
"""
