"""Held-out estimates: the protocol of every estimator that reads a critic.

Cross-fitting: the pictures are dealt into folds; each fold is read once, the next one chooses, the
rest trains. A critic is a base (T = 0, Gaussian, similarity, whitened similarity: `bases`) plus a
learned part. Bases, their shrinkage and temperature, the noise and the step of the training are
chosen per level on validation pictures, by the bound that is reported. Beside each level its
mismatched double (every picture's view exchanged with another's, within its fold) goes through the
same: the floor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic

from leakage import devices, progress
from leakage.protocol import byte_reading, folds, inputs
from leakage.settings import Settings as Branch

if TYPE_CHECKING:
    import pandas as pd

    from leakage.checkpoints import Checkpoint
    from leakage.protocol.bounds import Bound
    from leakage.protocol.critic import Based
    from leakage.protocol.reading import Unit

# Networks that train as one stack.
STACK = 96
# With `pca: auto`, training pairs per principal component, and components at most.
PAIRS_PER_COMPONENT, MOST_COMPONENTS = 32, 64
MATCHED, MISMATCHED = "matched", "mismatched"


class Pixels(Branch):
    """How pairs of pixel values (bytes) are drawn, read by the critic, and held out."""

    pairs: int = pydantic.Field(default=60_000, ge=10, le=1_000_000_000)
    """pairs of pixel values that are drawn over the whole set"""
    input: Literal["scalar", "bits", "fourier"] = "bits"
    """how critics read a byte: as a number, as its 8 bits, or as sines and cosines of 8 octaves"""
    split: Literal["pictures", "pairs"] = "pictures"
    """unit that is held out: all pixels of a picture, or a single pair"""


class Protocol(Branch):
    """Settings of every held-out estimate, trained or not."""

    folds: int = pydantic.Field(default=5, ge=3, le=1000)
    """parts that the pictures are dealt into; each is read once by critics that never saw it"""
    seeds: int = pydantic.Field(default=1, ge=1, le=1000)
    """repetitions, each with critics and draws of its own"""
    bases: tuple[Literal["gaussian", "similarity", "whitened"], ...] = (
        "gaussian",
        "similarity",
        "whitened",
    )
    """fixed parts of a critic that validation may choose; T = 0 is always a candidate"""
    pca: Annotated[int, pydantic.Field(ge=1)] | Literal["auto"] | None = "auto"
    """principal components of each side that networks and the Gaussian base read; auto: one per 32
    training pairs, at most 64; null: all coordinates, not turned"""
    marginals: Literal["normal", "standard"] = "normal"
    """how a coordinate is scaled: made normal by its ranks, or to mean 0 and variance 1"""
    rescale: tuple[float, float] = (1.0, 0.0)
    """(a, b): the views' items y are read as a y + b, which must change no estimate"""
    floor: bool = True
    """whether to estimate a second time on mismatched pictures, where nothing leaks"""
    permutations: int = pydantic.Field(default=1999, ge=0, le=1_000_000)
    """mismatches of the held-out pictures, for the null and the p-value; 0: neither"""
    bootstraps: int = pydantic.Field(default=500, ge=0, le=1_000_000)
    """resamplings of the pictures, for the interval; 0: none"""
    confidence: float = pydantic.Field(default=0.95, gt=0, lt=1)
    """of the interval and of the null's quantile; `verdict.confidence` unless given here"""
    scored_pairs: int = pydantic.Field(default=4_000, ge=4)
    """held-out pairs of a fold that the value is read on, at most; ln of them is its ceiling"""
    pixels: Pixels = Pixels()
    """settings for pairs of pixel values, in place of embeddings"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where the critics run; the `device` of the whole configuration unless given here"""


class Settings(Protocol):
    """The learned part of the critics, and its training."""

    loss: Literal["infonce", "donsker_varadhan", "jensen_shannon"] = "infonce"
    """objective of the training; the bound that is read is the estimator's own"""
    epochs: int = pydantic.Field(default=100, ge=0, le=1_000_000)
    """passes over the training pairs, at most"""
    steps: int = pydantic.Field(default=2_000, ge=1)
    """gradient steps, at most, except for the rest of the epoch in which they are reached"""
    patience: int = pydantic.Field(default=12, ge=1)
    """epochs without a better validation value, after which a network stops"""
    batch: int = pydantic.Field(default=256, ge=2)
    """pairs per step; fewer where the training pairs make less than eight such batches"""
    hidden: int = pydantic.Field(default=64, ge=1, le=65_536)
    """width of the critic's hidden layers"""
    layers: int = pydantic.Field(default=2, ge=1, le=100)
    """number of the critic's hidden layers"""
    features: int = pydantic.Field(default=32, ge=1, le=65_536)
    """length of the vectors whose product is the learned part"""
    learning_rate: float = pydantic.Field(default=2e-3, gt=0)
    """the highest of AdamW's one-cycle schedule"""
    weight_decay: float = pydantic.Field(default=0.1, ge=0)
    """AdamW's"""
    noise: tuple[Annotated[float, pydantic.Field(ge=0)], ...] = pydantic.Field(
        default=(0.1, 0.3), min_length=1
    )
    """standard deviations of the noise on the inputs in training; a network is trained with each"""
    fourier: int = pydantic.Field(default=32, ge=0, le=65_536)
    """random Fourier features of each side for one more network, where both sides have at most 4
    coordinates; 0: none"""
    averaging: float = pydantic.Field(default=0.98, ge=0, lt=1)
    """share that a step keeps of the moving average of the parameters, which is read"""
    validated_pairs: int = pydantic.Field(default=500, ge=2)
    """validation pairs of a fold on which base, noise and step are chosen, at most"""


@dataclass(frozen=True, eq=False)
class Problem:
    """The pairs, and who is held out.

    Attributes:
        x: plain items, (pairs, dim_x), numbers of any type.
        y: views, (levels, pairs, dim_y).
        groups: the picture of each pair as a number from 0, int64 (pairs,).
        parts: the fold of each pair, int64 (pairs,).
        partner: per variant (matched, mismatched), the view that each pair is given, (pairs,).
        splits: per fold, who trains, validates and is read.
        seeds: of everything random, one per repetition.
        pca: components of the critics' inputs; None keeps all coordinates.
        note: how bytes were read, in words that follow the estimand.
    """

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    parts: np.ndarray
    partner: dict[str, np.ndarray]
    splits: list[folds.Split]
    seeds: list[int]
    pca: int | None
    note: str

    @property
    def units(self) -> list[tuple[int, int]]:
        """Every (seed, fold)."""
        return [(seed, fold) for fold in range(len(self.splits)) for seed in self.seeds]

    @property
    def networks(self) -> list[tuple[str, int]]:
        """Every (variant, level) of a unit."""
        return [(variant, level) for variant in self.partner for level in range(len(self.y))]

    def own(self, variant: str, index: np.ndarray) -> np.ndarray:
        """Return which pairs are not negatives of each other, bool (views, plain items).

        Those of one picture; of mismatched pairs also a view and its true plain item.

        Args:
            variant: matched or mismatched.
            index: of the pairs.
        """
        plain, true = self.groups[index], self.groups[self.partner[variant][index]]
        return (plain[:, None] == plain) | (true[:, None] == plain)


def estimate(
    bound: "Bound",
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Protocol,
    estimand: str,
    checkpoint: "Checkpoint | None" = None,
) -> "pd.DataFrame":
    """Return the held-out value per level, seed and fold, with interval, floor and null.

    Args:
        bound: how the critics are read.
        x: shape (pairs, dim_x). uint8 are pixel values, read as `settings.pixels.input` says.
        y: shape (levels, pairs, dim_y).
        groups: shape (pairs,): pairs of one group (a picture) are held out together.
        levels: the levels' names.
        seed: the first of `settings.seeds` seeds; the folds are drawn with it.
        settings: the protocol, and the training if there is one.
        estimand: what the value is, in words.
        checkpoint: where finished parts are kept, and taken up if the run was interrupted.

    Returns:
        The tidy table. Chosen rows: the test value per level, seed and fold, at most its ceiling
        (`nats`; `value` is uncut), with the `base`, `temperature`, `noise` and `step` that
        validation chose (step 0 is the base alone). Of the level as a whole, repeated in those
        rows: `mean`, `low`, `high`, `floor`, `null_high`, `p_value`, `pictures`, `chance`. Not
        chosen: the validation value per epoch, and the floor's test values (variant mismatched).

    Raises:
        LeakageError: fewer than six groups, or a device that is not there.
    """
    from leakage.protocol import critic, inference
    from leakage.protocol.reading import Unit

    problem = prepare(x, y, groups, seed, settings)
    kept: list[dict[str, Any]] = (checkpoint and checkpoint.load()) or []
    finished = [Unit(**each) for each in kept]
    parts = _parts(problem)
    done = sum(len(finished) >= end for end in np.cumsum(list(map(len, parts))))
    if done < len(parts):
        based = critic.bases(bound, problem, settings)
        for units in progress.over(parts[done:], "stacks of networks", done=done):
            finished += _fit(bound, problem, units, based, settings)
            if checkpoint:
                checkpoint.keep(partial(_plain, finished))
    return inference.table(finished, problem, levels, settings, estimand + problem.note)


def _plain(units: "list[Unit]") -> list[dict[str, Any]]:
    """Return what a checkpoint keeps."""
    return [each.plain() for each in units]


def estimator(bound: "Callable[[Any], Bound]", estimand: str) -> "Callable[..., pd.DataFrame]":
    """Return the function `estimate` of a module whose settings make this bound.

    Args:
        bound: makes the bound from the settings.
        estimand: what the value is, in words.
    """

    def of_module(
        x: np.ndarray,
        y: np.ndarray,
        groups: np.ndarray | None,
        levels: list[int],
        seed: int,
        settings: Protocol,
        checkpoint: "Checkpoint | None" = None,
    ) -> "pd.DataFrame":
        """Return the held-out value; arguments, table and errors as of `held_out.estimate`."""
        args = x, y, groups, levels, seed, settings, estimand, checkpoint
        return estimate(bound(settings), *args)

    return of_module


def prepare(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int, settings: Protocol
) -> Problem:
    """Return the pairs as they are held out; arguments and errors as of `estimate`."""
    how = byte_reading.reading(x, y, settings)
    if groups is None or (how is not None and settings.pixels.split == "pairs"):
        groups = np.arange(len(x))
    groups = np.unique(groups, return_inverse=True)[1]
    if how is not None:
        x, y = (inputs.read_bytes(values, how) for values in (x, y))
    generator = np.random.default_rng([seed, 5])
    parts = folds.parts_by_group(groups, settings.folds, generator)
    partner = {MATCHED: np.arange(len(x))}
    if settings.floor:
        partner[MISMATCHED] = folds.mismatch(groups, parts, generator)
    splits = folds.cross_fit(parts)
    # A right estimator does not notice this; the figure `consistency` asks whether it does.
    scale, shift = settings.rescale
    y = y * np.float32(scale) + np.float32(shift) if settings.rescale != (1, 0) else y
    # Use the same number of components in all folds: what the smallest one allows.
    auto = min(len(split.train) for split in splits) // PAIRS_PER_COMPONENT
    auto = min(MOST_COMPONENTS, max(1, auto))
    pca = auto if settings.pca == "auto" else settings.pca
    seeds = [seed + index for index in range(settings.seeds)]
    return Problem(x, y, groups, parts, partner, splits, seeds, pca, byte_reading.note(how))


def _parts(problem: Problem) -> list[list[tuple[int, int]]]:
    """Return the units in the parts that train together."""
    count = max(1, STACK // len(problem.networks))
    return [problem.units[start : start + count] for start in range(0, len(problem.units), count)]


def _fit(
    bound: "Bound",
    problem: Problem,
    units: list[tuple[int, int]],
    based: "dict[tuple[int, str, int], Based]",
    settings: Protocol,
) -> "list[Unit]":
    """Train the networks of some units, choose, and read the test folds."""
    from leakage.protocol import critic, reading

    device = devices.resolve(settings.device)
    trained = []
    if isinstance(settings, Settings) and settings.epochs:
        trained = critic.train_all(bound, problem, units, based, settings, device)
    return reading.read(bound, problem, units, based, trained, settings)


def validated(problem: Problem, fold: int, seed: int, limit: int) -> np.ndarray:
    """Return the validation pairs of a fold that choose, at most `limit`, int64 (pairs,)."""
    side = problem.splits[fold].validation
    return np.random.default_rng([seed, fold, 6]).permutation(side)[:limit]


def scored(problem: Problem, index: np.ndarray, limit: int, seed: list[int]) -> np.ndarray:
    """Return at most `limit` of some pairs, sorted: as many of each picture as fit.

    Where there are more pictures than may be read, a pair each of some of them.

    Args:
        problem: the pairs.
        index: of those to choose from.
        limit: how many, at most.
        seed: of the draw.
    """
    if len(index) <= limit:
        return index
    groups = problem.groups[index]
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    turn = np.empty(len(index), np.int64)
    turn[order] = np.arange(len(index)) - np.repeat(first, counts)
    drawn = np.random.default_rng(seed).permutation(groups.max() + 1)
    alike = max(1, limit // len(counts)) * len(counts) if limit >= len(counts) else limit
    return np.sort(index[np.lexsort((drawn[groups], turn))[:alike]])
