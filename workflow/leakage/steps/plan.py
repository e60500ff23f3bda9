"""Say how many pictures a verdict needs to find a leak of a given size.

leakage plan --nats 0.1 --patches 4
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from leakage import progress
from leakage.analysis import planning
from leakage.errors import LeakageError
from leakage.storage import files


def main(
    nats: Annotated[float | None, typer.Option(help="size of the leak, per patch")] = None,
    patches: Annotated[int, typer.Option(min=1, help="patches per picture")] = 1,
    power: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="the chance that the leak is found")
    ] = 0.8,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="1 minus the chance of a false leak")
    ] = 0.95,
    levels: Annotated[
        int, typer.Option(min=1, help="levels tested together by Holm's rule; 1: in fixed sequence")
    ] = 1,
    x: Annotated[Path | None, typer.Option(help="plain items of a pilot, .npy")] = None,
    y: Annotated[Path | None, typer.Option(help="views of the pilot, .npy")] = None,
    groups: Annotated[Path | None, typer.Option(help="picture ids of the pilot, .npy")] = None,
    families: Annotated[int, typer.Option(min=1, help="data sets per measured power")] = 200,
    measure: Annotated[
        Path | None, typer.Option(help="measure the simulated power into a .csv: half an hour")
    ] = None,
    page: Annotated[bool, typer.Option(help="print docs/planning.md")] = False,
) -> None:
    """Say how many pictures a verdict needs to find a leak of a given size."""
    pilot = x is not None or y is not None or groups is not None
    ways = {"--nats": nats is not None, "--x": pilot, "--measure": measure is not None}
    asked = [option for option, given in (ways | {"--page": page}).items() if given]
    if len(asked) > 1:
        raise LeakageError(f"{asked[1]}: does nothing beside {asked[0]}; leave one of them out")
    if patches > 1 and nats is None:
        raise LeakageError("--patches: does nothing without --nats; leave it out, or give --nats")
    files.refuse_output(measure, (".csv",), [], "--measure")
    if measure is not None:
        _measure(measure, families)
    elif pilot:
        print(_pilot(x, y, groups, families).to_csv(index=False), end="")
    elif page:
        print("\n".join(_page()))
    elif nats is None:
        sequence = "Pictures for a power of {:g}, levels in fixed sequence, simulated pairs:"
        print("\n".join([sequence.format(power), "", *_simulated(1, confidence, power), ""]))
        print("\n".join(["The same for photographs of COCO, two patches each:", "", *_real(power)]))
    else:
        table = planning.read()
        found = planning.pictures_for(table, nats, patches, power, confidence, levels)
        print(
            f"{found.pictures} pictures find a leak of {nats:g} nats with a chance of {power:g} "
            f"({patches} patches of each, p at most {found.alpha:g}); "
            f"below {found.fewest} none can be found"
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
    plain, views, members = (files.read_array(each) for each in (x, y, groups))
    views = views[None] if views.ndim == 2 else views
    most = len(np.unique(members)) // 2
    data = plain, views, members
    # The leak of a pilot is not known, so the level's number takes its column.
    numbers = {level: float(level) for level in range(len(views))}
    found = planning.measure_on("pilot", data, numbers, families, most)
    return found.rename(columns={"nats": "level"}).drop(columns="source").astype({"level": int})


def _simulated(levels: int, confidence: float, power: float) -> Iterator[str]:
    """Yield a Markdown table of the needed pictures, one row per leak."""
    yield "| leak, nats | " + " | ".join(f"{n} per picture" for n in planning.PATCHES) + " |"
    yield "|---|" + "---|" * len(planning.PATCHES)
    for nats in planning.LEAKS:
        cells = [_pictures(nats, n, power, confidence, levels) for n in planning.PATCHES]
        yield f"| {nats:g} | " + " | ".join(cells) + " |"


def _real(power: float) -> Iterator[str]:
    """Yield the table for photographs, for a single test and for nine levels by Holm's rule."""
    table = planning.read()
    rows = table[table["source"] == planning.COCO]
    patches = int(rows["patches"].iloc[0])
    yield "| leak, nats | in fixed sequence | nine levels by Holm's rule |"
    yield "|---|---|---|"
    for nats in sorted(rows["nats"].unique()):
        cells = [_pictures(nats, patches, power, 0.95, n, planning.COCO) for n in (1, 9)]
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
        sequence="\n".join(_simulated(1, 0.95, 0.8)),
        holm="\n".join(_simulated(9, 0.95, 0.8)),
        real="\n".join(_real(0.8)),
    ).rstrip()


PAGE = """# How many pictures a verdict needs

```sh
leakage plan --nats 0.1 --patches 4
```

prints how many pictures find a leak of 0.1 nats per patch in four runs of five. Change the question
with `--power`, `--confidence` and `--levels`. `--levels 9` is for nine levels corrected by Holm's
rule, which applies to views that are not [nested](method.md#the-verdict).

From your own pilot:

```sh
leakage plan --x x.npy --y y.npy --groups groups.npy
```

prints the power at every level for random subsets of up to half of the pilot's pictures. `x.npy`
holds the plain items (pairs, dim), `y.npy` the views (levels, pairs, dim), `groups.npy` the picture
of each pair.

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
