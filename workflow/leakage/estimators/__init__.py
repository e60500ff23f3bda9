"""Estimators of leakage: one class per module, derived from `Estimator`.

An entry of `estimators` in the configuration is an object of such a class. Its fields are the
estimator's settings. `estimate` is the same from Python, by name and with arrays.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from leakage import modes, plugins, progress
from leakage.config.settings import Settings, shown, validate
from leakage.errors import LeakageError
from leakage.estimators import arguments
from leakage.estimators.tables import Array

if TYPE_CHECKING:
    import pandas as pd

    from leakage.storage.checkpoints import Checkpoint

# Modules of this folder that define no estimator.
SHARED = {"arguments", "noisy", "frequencies", "tables", "trained"}
# Methods that an estimator overrides (one of them), and the arguments of each.
METHODS = {
    "estimate": ("x", "y", "groups", "levels", "seed"),
    "estimate_pictures": ("pictures", "levels", "seed"),
}
# Columns that the table of every estimator has.
NEEDED = ("level", "split", "seed", "step", "chosen", "nats")
PIXEL_PAIRS = 60_000


class Estimator(Settings):
    """An estimator with its settings: the base of every estimator. See `leakage.interfaces`."""

    reads: ClassVar[frozenset[Literal["pixels", "embeddings"]]] = frozenset({"embeddings"})
    """which representations it accepts"""
    reads_whole_pictures: ClassVar[bool] = False
    """whether it reads all pixels, through `estimate_pictures`, and not drawn pairs"""
    trains: ClassVar[bool] = False
    """whether it trains networks, and so profits from several threads"""
    uses_gpu: ClassVar[bool] = False
    """whether it can run on a GPU; `runs_on` says on which device it does"""
    resumes: ClassVar[bool] = False
    """whether `estimate` accepts a checkpoint and resumes after an interruption"""
    tests: ClassVar[bool] = False
    """whether a verdict can rest on it: its table has a held-out p-value per level"""
    comparable: ClassVar[bool] = True
    """whether it estimates held-out mutual information, as the figure `estimators` shows it"""
    counts: ClassVar[bool] = False
    """whether it only counts equal numbers, which may then have any magnitude"""
    inherits: ClassVar[tuple[str, ...]] = ()
    """settings that default to the top-level ones of the configuration: `device`, `confidence`"""

    method: str
    """the estimator: a module of `leakage.estimators`, or the path of a Python file"""

    @property
    def pixel_pairs(self) -> int:
        """Number of pairs of pixel values to draw from the pictures."""
        return PIXEL_PAIRS

    @property
    def reads_bytes(self) -> bool:
        """Whether it is configured for pixels, so that the calibration gives it pairs of bytes."""
        return self.reads_whole_pictures

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""
        return "cpu"

    def completed(self, **top_level: Any) -> Self:
        """Return the estimator with those top-level settings that it inherits and does not set."""
        missing = set(self.inherits) - self.model_fields_set
        found = self.model_copy(update={name: top_level[name] for name in missing})
        found.__pydantic_fields_set__ = self.model_fields_set
        return found

    def estimate(
        self, x: Array, y: Array, groups: Array | None, levels: list[int], seed: int
    ) -> "pd.DataFrame | Array":
        """Return the tidy table (`tables.tidy`), or one value in nats per level.

        Args:
            x: plain items, shape (pairs, dim_x).
            y: views, shape (levels, pairs, dim_y).
            groups: picture ids, shape (pairs,); None: each pair is its own picture.
            levels: the levels' names.
            seed: random seed.
        """
        raise NotImplementedError

    def estimate_pictures(
        self, pictures: Iterable[tuple[Array, Array]], levels: list[int], seed: int
    ) -> "pd.DataFrame | Array":
        """Return the same from pictures, read one after the other.

        A picture is uint8 x of shape (pixels, channels) and y of shape (levels, pixels, channels).
        """
        raise NotImplementedError


def names() -> list[str]:
    """Return the names of the estimators of this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def estimator_class(method: str) -> type[Estimator]:
    """Return the class of an estimator, by the name of its module or the path of a Python file.

    Raises:
        LeakageError: the estimator does not exist; the message names the nearest one.
    """
    package = sys.modules[__name__]
    return plugins.find_class(package, method, Estimator, SHARED, "estimator", METHODS)


def entry(method: str, settings: dict[str, Any]) -> Estimator:
    """Return an estimator with its settings.

    Raises:
        LeakageError: an unknown estimator or setting, or a wrong value.
    """
    found: Estimator = validate(estimator_class(method), {"method": method, **settings}, method)
    return found


def run(
    estimator: Estimator,
    x: Array,
    y: Array,
    groups: Array | None,
    levels: list[int],
    seed: int,
    checkpoint: "Checkpoint | None" = None,
) -> "pd.DataFrame":
    """Return the tidy table of `estimator.estimate`. The table of a plug-in is checked.

    Raises:
        LeakageError: a plug-in raised an error, or returned an invalid answer.
    """
    resume = {} if checkpoint is None else {"checkpoint": checkpoint}
    return _call(estimator, estimator.estimate, levels, x, y, groups, levels, seed, **resume)


def run_on_pictures(
    estimator: Estimator,
    pictures: Iterable[tuple[Array, Array]],
    levels: list[int],
    seed: int,
) -> "pd.DataFrame":
    """Return the tidy table of `estimator.estimate_pictures`; see `run`."""
    return _call(estimator, estimator.estimate_pictures, levels, pictures, levels, seed)


@modes.own()
def _call(
    estimator: Estimator,
    function: Callable[..., "pd.DataFrame | Array"],
    levels: list[int],
    *args: Any,
    **options: Any,
) -> "pd.DataFrame":
    """Return the tidy table that a method of an estimator returns; check that of a plug-in."""
    # Imported here because the Snakefile imports every estimator whenever it is parsed.
    import pandas as pd

    from leakage.estimators import tables

    if not plugins.is_file(estimator.method):
        return cast(pd.DataFrame, function(*args, **options))
    where = f"estimator {estimator.method}"
    # A plug-in must not change the caller's arrays.
    found = plugins.call(where, function, *map(_read_only, args), **options)
    numbers = isinstance(found, np.ndarray) and found.dtype.kind in "fiu"
    if numbers and found.shape == (len(levels),):
        found = tables.tidy({"level": levels, "nats": found, "estimand": "as the plug-in says"})
    if not isinstance(found, pd.DataFrame):
        raise LeakageError(
            f"{where}: returned {plugins.describe(found)}; expected an array with one number per "
            f"level, in nats, shape ({len(levels)},), or the table of "
            "leakage.estimators.tables.tidy"
        )
    if missing := [name for name in NEEDED if name not in found]:
        raise LeakageError(
            f"{where}: returned a table without the column {missing[0]}; make it with "
            "leakage.estimators.tables.tidy"
        )
    if others := [each for each in found["chosen"] if not isinstance(each, bool | np.bool_)]:
        raise LeakageError(
            f"{where}: returned {shown(others[0])} ({type(others[0]).__name__}) in the column "
            "chosen; expected True or False"
        )
    answers = found[found["chosen"].astype(bool)]
    if set(answers["level"]) != set(levels):
        raise LeakageError(
            f"{where}: returned answers for the levels {sorted(set(answers['level']))}; expected "
            f"{sorted(levels)}, each on a chosen row"
        )
    given = answers["value" if "value" in found else "nats"]
    values = pd.to_numeric(given, errors="coerce").to_numpy(float, na_value=np.nan)
    if not np.isfinite(values).all():
        level = answers["level"][~np.isfinite(values)].iloc[0]
        raise LeakageError(
            f"{where}: returned a value at level {level} that is not finite; expected nats"
        )
    return found


def _read_only(value: Any) -> Any:
    """Return a read-only view of an array, and any other value unchanged."""
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def estimate(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    seed: int = 0,
    *,
    levels: Sequence[int] | Array | None = None,
    **settings: Any,
) -> "pd.DataFrame":
    """Estimate how much the views `y` leak of the plain items `x`.

    Args:
        name: `histogram`, `rounded_histogram`, `cosine`, `mine`, …: a module of this package, or
            the path of a plug-in.
        x: plain items, shape (pairs, dim_x) or (pairs,), finite numbers of any real dtype.
        y: views, shape (levels, pairs, dim_y), (pairs, dim_y) or (pairs,).
        groups: picture ids, shape (pairs,). Pairs of a group are held out together. With None each
            pair is a group (estimators that count pool all pairs).
        seed: random seed, a whole number from 0.
        levels: names of the levels, distinct whole numbers; 0 to levels - 1 by default.
        settings: the estimator's settings, as in the configuration.

    On a terminal, a bar shows the progress after two seconds; TQDM_DISABLE=1 in the environment
    turns it off. torch's global modes do not change the result.

    Returns:
        The tidy table, with at least the columns `level`, `split`, `seed`, `step`, `chosen` (True
        on the rows of the answer) and `nats`.

    Raises:
        LeakageError: an unknown estimator or setting, or an argument that `arguments.checked`
            refuses: shapes that do not match, numbers that are not finite or whose squares leave
            float64's range, groups or levels that are missing, mixed or repeated, a seed that is
            not a whole number.
    """
    chosen = entry(name, settings)
    checked = arguments.checked(x, y, groups, levels, seed, counts=chosen.counts)
    with progress.of_library(name):
        return run(chosen, *checked)
