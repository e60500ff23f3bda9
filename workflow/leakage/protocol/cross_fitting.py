"""Held-out estimates: the base class of all estimators that read a critic.

The pictures are split into folds (cross-fitting). Each fold is the test set once. The next fold
validates, and the others train. A critic is a base (see `bases`) plus a network. For each level,
validation pictures choose the base, its shrinkage and temperature, and the noise and the step of
the training. They choose by the reported bound. The floor is the same estimate on mismatched
pictures: every picture gets the view of another one of its fold.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage import devices, progress
from leakage.config.settings import shown
from leakage.estimators.trained import Trained
from leakage.protocol import byte_features, folds
from leakage.protocol.problem import MATCHED, MISMATCHED, Problem

if TYPE_CHECKING:
    import pandas as pd

    from leakage.protocol.bounds import Bound
    from leakage.storage.checkpoints import Checkpoint

# Networks trained as one stack, at most.
STACK = 96
# For `pca: auto`: training pairs per principal component, and the largest number of components.
PAIRS_PER_COMPONENT, MOST_COMPONENTS = 32, 64
# Limits of `rescale`, with which float32 views keep four digits.
LARGEST_FACTOR, LARGEST_SHIFT = 1e6, 1e3


class CrossFitted(Trained):
    """A held-out estimator: its folds, its null, and the bases of its critics."""

    tests = True
    inherits = ("device", "confidence")
    estimand: ClassVar[str]
    """what the value is, in words"""

    folds: int = pydantic.Field(default=5, ge=3, le=1000)
    """parts of the pictures; each is tested once by critics that never saw it"""
    seeds: int = pydantic.Field(default=1, ge=1, le=1000)
    """repetitions with different random numbers"""
    bases: tuple[Literal["gaussian", "similarity", "whitened"], ...] = (
        "gaussian",
        "similarity",
        "whitened",
    )
    """bases among which validation chooses; T = 0 is always a candidate"""
    pca: Annotated[int, pydantic.Field(ge=1)] | Literal["auto"] | None = "auto"
    """principal components of each side for networks and the Gaussian base; auto: one per 32
    training pairs, at most 64; null: all coordinates, without a rotation"""
    marginals: Literal["normal", "standard"] = "normal"
    """how a coordinate is scaled: made normal by its ranks, or to mean 0 and variance 1"""
    rescale: tuple[float, float] = (1.0, 0.0)
    """(a, b): replace the views y by a y + b, a check that must not change an estimate; a is not 0,
    and b at most 1000 times as large"""
    floor: bool = True
    """whether to estimate a second time on mismatched pictures, where nothing leaks"""
    permutations: int = pydantic.Field(default=1999, ge=0, le=1_000_000)
    """permutations of the held-out pictures, for the null and the p-value; 0: neither"""
    bootstraps: int = pydantic.Field(default=500, ge=0, le=1_000_000)
    """bootstrap samples of the pictures, for the interval; 0: no interval"""
    confidence: float = pydantic.Field(default=0.95, gt=0, lt=1)
    """confidence of the interval and of the null's quantile; default: `verdict.confidence`"""
    scored_pairs: int = pydantic.Field(default=4_000, ge=4)
    """most test pairs per fold; the ceiling of the value is the ln of their number"""

    @pydantic.field_validator("rescale")
    @classmethod
    def _refuse_constant_views(cls, rescale: tuple[float, float]) -> tuple[float, float]:
        scale, shift = map(abs, rescale)
        if not 1 / LARGEST_FACTOR <= scale <= LARGEST_FACTOR or shift > LARGEST_SHIFT * scale:
            raise ValueError(
                f"found {shown([*rescale])}; expected (a, b), a from {1 / LARGEST_FACTOR:g} to "
                f"{LARGEST_FACTOR:g} or the negative of it, and b at most {LARGEST_SHIFT:g} times "
                "as large as a: otherwise different views become equal"
            )
        return rescale

    def bound(self) -> "Bound":
        """Return how the critics are read: by default as Donsker and Varadhan's bound."""
        from leakage.protocol.bounds import Bound

        return Bound()

    def estimate(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        groups: NDArray[Any] | None,
        levels: list[int],
        seed: int,
        checkpoint: "Checkpoint | None" = None,
    ) -> "pd.DataFrame":
        """Return the held-out value per level, seed and fold, with interval, floor and null.

        Pairs of a group are held out together. uint8 are pixel values; `pixels.input` says how
        critics read them. `seed` is the first of `seeds` seeds, and draws the folds. The checkpoint
        keeps finished parts, so that an interrupted run can resume.

        Returns:
            The tidy table. Chosen rows hold the test value per level, seed and fold: `nats`, cut at
            the ceiling, and `value`, not cut. They also hold what validation chose: `base`,
            `temperature`, `noise` and `step` (0 is the base alone). Values of the whole level are
            repeated in these rows: `mean`, `low`, `high`, `floor`, `null_high`, `p_value`,
            `pictures`, `chance`. Rows that are not chosen hold the validation value per epoch and
            the test values of the mismatched variant.

        Raises:
            LeakageError: fewer than six groups, or the device does not exist.
        """
        from leakage.protocol import evaluation, inference, neural_critics, selection
        from leakage.protocol.evaluation import FoldResult

        bound, problem = self.bound(), prepare(x, y, groups, seed, self)
        kept = checkpoint.load() if checkpoint else None
        finished = [FoldResult(**each) for each in kept["units"]] if kept else []
        # Units that are trained together.
        count = max(1, STACK // len(problem.networks))
        parts = [problem.units[at : at + count] for at in range(0, len(problem.units), count)]
        done = -(-len(finished) // count)
        if done < len(parts):
            device = devices.resolve(self.device)
            bases = selection.choose_bases(bound, problem, self)
            for units in progress.over(parts[done:], "stacks of networks", done=done):
                trained = []
                if isinstance(self, CrossFittedNetworks) and self.epochs:
                    trained = neural_critics.train_all(bound, problem, units, bases, self, device)
                read = bases, trained, self
                finished.extend(evaluation.evaluate(bound, problem, unit, *read) for unit in units)
                if checkpoint:
                    checkpoint.keep(lambda: {"units": [each.plain() for each in finished]})
        table = inference.table(finished, problem, levels, self, self.estimand + problem.note)
        return self.completed_table(table, problem, levels)

    def completed_table(
        self, table: "pd.DataFrame", problem: Problem, levels: list[int]
    ) -> "pd.DataFrame":
        """Return the table with what an estimator adds to it; by default nothing."""
        return table


class CrossFittedNetworks(CrossFitted):
    """A held-out estimator with networks: their form and their training."""

    loss: Literal["infonce", "donsker_varadhan", "jensen_shannon"] = "infonce"
    """training objective; the estimator decides which bound is reported"""
    epochs: int = pydantic.Field(default=100, ge=0, le=1_000_000)
    """most passes over the training pairs"""
    steps: int = pydantic.Field(default=2_000, ge=1)
    """most gradient steps, rounded up to whole epochs"""
    batch: int = pydantic.Field(default=256, ge=2)
    """pairs per step; fewer where the training pairs make less than eight such batches"""
    hidden: int = pydantic.Field(default=64, ge=1, le=65_536)
    """width of the critic's hidden layers"""
    layers: int = pydantic.Field(default=2, ge=1, le=100)
    """number of the critic's hidden layers"""
    learning_rate: float = pydantic.Field(default=2e-3, gt=0)
    """AdamW's highest learning rate, with a one-cycle schedule"""
    noise: tuple[Annotated[float, pydantic.Field(ge=0)], ...] = pydantic.Field(
        default=(0.1, 0.3), min_length=1
    )
    """standard deviations of the noise on the training inputs; one network is trained for each"""
    fourier: int = pydantic.Field(default=32, ge=0, le=65_536)
    """random Fourier features per side, for one more network if both sides have at most 4
    coordinates; 0: no such network"""
    averaging: float = pydantic.Field(default=0.98, ge=0, lt=1)
    """decay per step of the moving average of the parameters; estimates use the average"""
    validated_pairs: int = pydantic.Field(default=500, ge=2)
    """most validation pairs per fold for choosing the noise and the step"""


def prepare(
    x: NDArray[Any], y: NDArray[Any], groups: NDArray[Any] | None, seed: int, settings: CrossFitted
) -> Problem:
    """Return the pairs and their folds. See `CrossFitted.estimate` for arguments and errors."""
    how = byte_features.choose(x, y, settings)
    if groups is None or (how is not None and settings.pixels.split == "pairs"):
        groups = np.arange(len(x))
    groups = np.unique(groups, return_inverse=True)[1]
    if how is not None:
        x, y = (byte_features.encode(values, how) for values in (x, y))
    generator = np.random.default_rng([seed, 5])
    fold_of = folds.assign_folds(groups, settings.folds, generator)
    partner: dict[str, NDArray[np.integer[Any]]] = {MATCHED: np.arange(len(x))}
    if settings.floor:
        partner[MISMATCHED] = folds.mismatch(groups, fold_of, generator)
    splits = folds.cross_fit(fold_of)
    # This must not change an estimate; the figure `consistency` checks it.
    scale, shift = settings.rescale
    y = y * np.float32(scale) + np.float32(shift) if settings.rescale != (1, 0) else y
    # Use the same number of components in all folds: what the smallest one allows.
    auto = min(len(split.train) for split in splits) // PAIRS_PER_COMPONENT
    auto = min(MOST_COMPONENTS, max(1, auto))
    pca = auto if settings.pca == "auto" else settings.pca
    seeds = [seed + index for index in range(settings.seeds)]
    return Problem(x, y, groups, fold_of, partner, splits, seeds, pca, byte_features.note(how))
