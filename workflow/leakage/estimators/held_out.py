"""Held-out estimates: every neural estimator's protocol.

Cross-fitting: the pictures are dealt into folds; each fold is read once, the next one chooses the
step of the training, the rest trains. Scalers, principal components and the Gaussian base of the
critic are fitted on the training pairs alone. All levels, and beside each its mismatched double
(every picture's view exchanged with another's, within its fold), train as one stacked network.

What is reported per level: the mean over folds and seeds; an interval by bootstrap over pictures;
the floor, which is the same estimator trained and read on the mismatched pictures; and the
permutation null, the same critics read on held-out pictures that are mismatched many times. The
p-value of a fold is exact given its critic. Folds are no independent tests (each trains on what the
others read), so they are combined by a rule that allows for dependence: the Cauchy combination
(Liu and Xie, JASA 115, 2020, equation 4).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic

from leakage import devices, progress
from leakage.estimators import canonical, inputs, splits, tables
from leakage.settings import Settings as Branch

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from leakage.checkpoints import Checkpoint
    from leakage.estimators.bounds import Bound, Reading
    from leakage.estimators.critics import GaussianBase, JointCritic, SeparableCritic

    Critic = JointCritic | SeparableCritic

# Networks that train as one stack, and the width of input from which a stack holds one seed and
# fold alone: on a CPU, stacking more gains nothing and needs the memory.
STACK = 96
WIDE = 1024
# With `pca: auto`, training pairs per principal component.
PAIRS_PER_COMPONENT = 32
MATCHED, MISMATCHED = "matched", "mismatched"


class Pixels(Branch):
    """How pairs of pixel values (bytes) are drawn, read by the critic, and held out."""

    pairs: int = pydantic.Field(default=60_000, ge=10, le=1_000_000_000)
    """pairs of pixel values that are drawn over the whole set"""
    input: Literal["scalar", "bits", "fourier"] = "bits"
    """what the critic reads of a byte: the number, its 8 bits, or sines and cosines of 8 octaves"""
    split: Literal["pictures", "pairs"] = "pictures"
    """what is held out together: the pixels of a picture, or no more than a single pair"""


class Protocol(Branch):
    """What every held-out estimate has, trained or not."""

    folds: int = pydantic.Field(default=5, ge=3, le=1000)
    """parts that the pictures are dealt into; each is read once by critics that never saw it"""
    seeds: int = pydantic.Field(default=1, ge=1, le=1000)
    """repetitions, each with critics and draws of its own"""
    base: Literal["gaussian", "none"] = "gaussian"
    """the fixed part of a critic: the log density ratio of a Gaussian fitted to the training pairs,
    or nothing"""
    pca: Annotated[int, pydantic.Field(ge=1)] | Literal["auto"] | None = "auto"
    """principal components kept of each side; auto: one per 32 training pairs; null: no turning,
    all coordinates"""
    marginals: Literal["normal", "standard"] = "normal"
    """how a coordinate is scaled: made normal by its ranks, or to mean 0 and variance 1"""
    rescale: tuple[float, float] = (1.0, 0.0)
    """(a, b): the views' items y are given as a y + b, which must change no estimate"""
    floor: bool = True
    """whether all is estimated a second time on mismatched pictures, where nothing leaks"""
    permutations: int = pydantic.Field(default=1999, ge=0, le=1_000_000)
    """mismatches of the held-out pictures, for the null and the p-value; 0: neither"""
    bootstraps: int = pydantic.Field(default=500, ge=0, le=1_000_000)
    """resamplings of the pictures, for the interval; 0: none"""
    confidence: float = pydantic.Field(default=0.95, gt=0, lt=1)
    """of the interval and of the null's quantile; `verdict.confidence` unless given here"""
    scored_pairs: int = pydantic.Field(default=4_000, ge=4)
    """held-out pairs of a fold that the value is read on, at most; ln of them is its ceiling"""
    pixels: Pixels = Pixels()
    """what holds for pairs of pixel values, in place of embeddings"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where the critics run; the `device` of the whole configuration unless given here"""


class Settings(Protocol):
    """The critics and their training."""

    epochs: int = pydantic.Field(default=40, ge=0, le=1_000_000)
    """passes over the training pairs, at most"""
    steps: int = pydantic.Field(default=800, ge=1)
    """gradient steps, at most, but for the rest of the epoch in which they are reached"""
    patience: int = pydantic.Field(default=10, ge=1)
    """epochs without a better validation value in any network of a stack, after which it stops"""
    batch: int = pydantic.Field(default=256, ge=2)
    """pairs per step; fewer where the training pairs make less than eight such batches"""
    critic: Literal["separable", "joint"] = "separable"
    """a product of a network on x and one on y; or one network on both, with `base: none` only"""
    hidden: int = pydantic.Field(default=64, ge=1, le=65_536)
    """width of the critic's hidden layers"""
    layers: int = pydantic.Field(default=2, ge=1, le=100)
    """number of the critic's hidden layers"""
    features: int = pydantic.Field(default=32, ge=1, le=65_536)
    """length of the vectors whose product a separable critic is"""
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    """the highest of AdamW's one-cycle schedule"""
    weight_decay: float = pydantic.Field(default=0.1, ge=0)
    """AdamW's"""
    noise: float = pydantic.Field(default=0.3, ge=0)
    """standard deviation of the noise on the items in training, in units of their own"""
    averaging: float = pydantic.Field(default=0.95, ge=0, lt=1)
    """what a step keeps of the moving average of the parameters, which is what is read"""
    validated_pairs: int = pydantic.Field(default=1_000, ge=2)
    """validation pairs of a fold on which the step is chosen, at most"""

    @pydantic.model_validator(mode="after")
    def _joint_critics_stand_alone(self) -> "Settings":
        if self.critic == "joint" and self.base != "none":
            raise ValueError("base: a joint critic has none; give base: none")
        if self.critic == "joint" and (self.batch > 128 or self.validated_pairs > 256):
            raise ValueError(
                "a joint critic sends all pairs of a batch through its layers: expected batch at "
                f"most 128 (found {self.batch}) and validated_pairs at most 256 (found "
                f"{self.validated_pairs})"
            )
        return self


@dataclass(frozen=True)
class Data:
    """The pairs as the critics read them.

    Attributes:
        x: per fold, float32 (pairs, dim_x).
        y: per fold, float32 (levels, pairs, dim_y).
        groups: the picture of each pair as a number from 0, shape (pairs,).
        partner: per variant (matched, mismatched), whose view each pair is given, (pairs,).
        splits: per fold.
        seeds: of everything random, one per repetition.
    """

    x: list[np.ndarray]
    y: list[np.ndarray]
    groups: np.ndarray
    partner: dict[str, np.ndarray]
    splits: list[splits.Split]
    seeds: list[int]

    @property
    def units(self) -> list[tuple[int, int]]:
        """Every (seed, fold): what trains on data of its own."""
        return [(seed, fold) for fold in range(len(self.splits)) for seed in self.seeds]

    @property
    def networks(self) -> list[tuple[str, int]]:
        """Every (variant, level) of a unit."""
        return [(variant, level) for variant in self.partner for level in range(len(self.y[0]))]


def estimate(
    bound: "Callable[[], Bound]",
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
        bound: makes what the critics climb and how they are read.
        x: shape (pairs, dim_x). uint8 are pixel values, read as `settings.pixels.input` says.
        y: shape (levels, pairs, dim_y).
        groups: shape (pairs,): pairs of one group (a picture) are held out together.
        levels: the levels' names.
        seed: the first of `settings.seeds` seeds; the folds are drawn with it.
        settings: the protocol, and the training if there is one.
        estimand: what the value is, in words.
        checkpoint: where finished parts are kept, and taken up if the run was interrupted.

    Returns:
        The tidy table. Chosen rows: the test value per level, seed and fold at the step that
        validation chose (step 0 is the untrained critic), at most its ceiling (`nats`; `value` is
        uncut). Of the level as a whole, repeated in those rows: `mean`, `low`, `high`, `floor`,
        `null_high`, `p_value`, `pictures`, `chance`. Not chosen: the validation value per epoch,
        and the floor's test values (variant mismatched).

    Raises:
        LeakageError: fewer than six groups, or a device that is not there.
    """
    data = _prepare(x, y, groups, seed, settings)
    finished: list[Any] = (checkpoint and checkpoint.load()) or []
    stacks = _stacks(data, settings)
    done = len(finished)
    for units in progress.over(stacks[done:], "stacks of networks", done=done):
        finished.append(_fit(bound(), data, units, settings))
        if checkpoint:
            checkpoint.keep(partial(list, finished))
    return _table(finished, data, levels, settings, estimand)


def estimator(bound: "Callable[[Any], Bound]", estimand: str) -> "Callable[..., pd.DataFrame]":
    """Return the function `estimate` of a module whose settings make this bound.

    Args:
        bound: makes what the critics climb and how they are read, from the settings.
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
        made = partial(bound, settings)
        return estimate(made, x, y, groups, levels, seed, settings, estimand, checkpoint)

    return of_module


def _prepare(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int, settings: Protocol
) -> Data:
    bytes_ = x.dtype == y.dtype == np.uint8
    if groups is None or (bytes_ and settings.pixels.split == "pairs"):
        groups = np.arange(len(x))
    groups = np.unique(groups, return_inverse=True)[1]
    if bytes_:
        x, y = (inputs.read_bytes(values, settings.pixels.input) for values in (x, y))
    generator = np.random.default_rng([seed, 5])
    parts = splits.parts_by_group(groups, settings.folds, generator)
    partner = {MATCHED: np.arange(len(x))}
    if settings.floor:
        partner[MISMATCHED] = splits.mismatch(groups, parts, generator)
    sides = splits.cross_fit(parts)
    # What a right estimator does not notice; the figure `consistency` asks whether it does.
    scale, shift = settings.rescale
    y = y * np.float32(scale) + np.float32(shift) if settings.rescale != (1, 0) else y
    # Folds that differ by a picture are to differ in no dimension: the smallest says how many.
    auto = max(1, min(len(side.train) for side in sides) // PAIRS_PER_COMPONENT)
    pca = auto if settings.pca == "auto" else settings.pca
    scaled = [
        (
            _scaled(x, side.train, pca, settings),
            np.stack([_scaled(v, side.train, pca, settings) for v in y]),
        )
        for side in sides
    ]
    seeds = [seed + index for index in range(settings.seeds)]
    return Data([p for p, _ in scaled], [s for _, s in scaled], groups, partner, sides, seeds)


def _scaled(
    values: np.ndarray, train: np.ndarray, pca: int | None, settings: Protocol
) -> np.ndarray:
    """Return items (pairs, dim) as the critics read them, fitted on the training pairs."""
    values = inputs.standardise(values, train, pca)
    return inputs.normal_scores(values, train) if settings.marginals == "normal" else values


def _stacks(data: Data, settings: Protocol) -> list[list[tuple[int, int]]]:
    """Return the units in the parts that train together."""
    wide = data.x[0].shape[-1] + data.y[0].shape[-1] > WIDE
    wide = wide or getattr(settings, "critic", "") == "joint"
    count = 1 if wide else max(1, STACK // len(data.networks))
    return [data.units[start : start + count] for start in range(0, len(data.units), count)]


@dataclass
class _Batches:
    """The units of one stack on the device, and how pairs are taken from them."""

    data: Data
    units: list[tuple[int, int]]
    device: "torch.device"

    def __post_init__(self):
        import torch

        folds = sorted({fold for _, fold in self.units})
        self.fold_of = torch.tensor([folds.index(fold) for _, fold in self.units])[:, None]
        self.x = torch.from_numpy(np.stack([self.data.x[fold] for fold in folds])).to(self.device)
        self.y = torch.from_numpy(np.stack([self.data.y[fold] for fold in folds])).to(self.device)
        self.groups = torch.from_numpy(self.data.groups)
        self.partner = torch.from_numpy(np.stack(list(self.data.partner.values())))

    def take(self, index: "torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
        """Return x (units, pairs, dim_x) and y (units, variants * levels, pairs, dim_y).

        Args:
            index: of the pairs, per unit, shape (units, pairs).
        """
        import torch

        _, levels, pairs, _ = self.y.shape
        views = self.partner[:, index].transpose(0, 1)  # (units, variants, pairs)
        level = self.fold_of[:, :, None] * levels + torch.arange(levels)  # (units, 1, levels)
        of_y = level[..., None] * pairs + views[:, :, None]  # (units, variants, levels, pairs)
        return _rows(self.x, self.fold_of * pairs + index), _rows(self.y, of_y).flatten(1, 2)

    def own(self, index: "torch.Tensor") -> "torch.Tensor":
        """Return which pairs of each unit are of one picture, shape (units, pairs, pairs).

        Args:
            index: of the pairs, shape (units, pairs).
        """
        groups = self.groups[index]
        return (groups[:, :, None] == groups[:, None]).to(self.device)


def _rows(values: "torch.Tensor", index: "torch.Tensor") -> "torch.Tensor":
    """Return items of values (…, pairs, dim), counted through, of any shape of index."""
    chosen = values.flatten(0, -2).index_select(0, index.flatten().to(values.device))
    return chosen.view(*index.shape, values.shape[-1])


def _fit(
    bound: "Bound", data: Data, units: list[tuple[int, int]], settings: Protocol
) -> dict[str, Any]:
    """Train the networks of some units and read them, and return plain numbers and tensors."""
    import torch

    from leakage.estimators.critics import SeparableCritic

    device = devices.resolve(settings.device)
    batches = _Batches(data, units, device)
    base = _base(data, units) if settings.base == "gaussian" else None
    dims = data.x[0].shape[-1], data.y[0].shape[-1]
    seeds, networks = [seed for seed, _ in units], len(data.networks)
    if not isinstance(settings, Settings):
        critic = SeparableCritic(seeds, networks, dims, 1, 1, 1, base).to(device)
        chosen = torch.zeros(len(units), networks, dtype=torch.int64)
        validation = torch.zeros(0, len(units), networks)
    else:
        critic, chosen, validation = _train(bound, batches, dims, base, settings)
    return {
        "chosen": chosen,
        "validation": validation,
        "read": _read(bound, critic, batches, settings),
    }


def _base(data: Data, units: list[tuple[int, int]]) -> "GaussianBase":
    """Return each network's Gaussian density ratio, fitted on its fold's training pairs."""
    import torch

    from leakage.estimators.critics import GaussianBase

    fitted: dict[tuple[int, str, int], tuple[np.ndarray, ...]] = {}
    for fold in {fold for _, fold in units}:
        side = data.splits[fold]
        for variant, level in data.networks:
            seen = data.y[fold][level][data.partner[variant]]
            found = canonical.fit(data.x[fold], seen, side.train, side.validation)
            fitted[fold, variant, level] = found
    keys = [(fold, *network) for _, fold in units for network in data.networks]
    parts = zip(*(fitted[key] for key in keys), strict=True)
    return GaussianBase(*(torch.from_numpy(np.stack(part)) for part in parts))


def _train(
    bound: "Bound",
    batches: _Batches,
    dims: tuple[int, int],
    base: "GaussianBase | None",
    settings: Settings,
) -> tuple["Critic", "torch.Tensor", "torch.Tensor"]:
    """Return the critics at their best step, that step, and the validation value per epoch.

    Returns:
        critic: every network with the parameters that had the best validation value.
        chosen: that epoch, 0 for the untrained one, shape (units, networks).
        validation: shape (epochs + 1, units, networks), in nats.
    """
    import copy

    import torch

    data, units = batches.data, batches.units
    networks, seeds = len(data.networks), [seed for seed, _ in units]
    critic = _critic(seeds, networks, dims, base, settings).to(batches.device)
    averaged, best = copy.deepcopy(critic), copy.deepcopy(critic)
    # Every fold of a seed starts alike; what it draws from then on is its own.
    generators = [torch.Generator().manual_seed(1000 * seed + fold) for seed, fold in units]
    sides = [data.splits[fold] for _, fold in units]
    # Of all folds, so that what trains beside a network changes nothing for it.
    trained = min(len(side.train) for side in data.splits)
    limit = min(settings.validated_pairs, *(len(side.validation) for side in data.splits))
    # Small sets take small batches: some steps per epoch are needed to get anywhere. One that is
    # too small may hold a single picture, whose views have no other to be told from.
    batch = min(trained, settings.batch, max(16, trained // 8))
    epochs = min(settings.epochs, -(-settings.steps // (trained // batch)))
    steps = max(1, epochs * (trained // batch))
    optimiser = torch.optim.AdamW(
        critic.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps + 1, cycle_momentum=False
    )
    asked = _index([side.validation for side in sides], limit, units)
    validation = (*batches.take(asked), batches.own(asked))
    values = [_validate(bound, critic, *validation)]
    top, chosen = values[0].clone(), torch.zeros_like(values[0], dtype=torch.int64)
    for epoch in progress.over(range(1, epochs + 1), "epochs"):
        order = torch.stack(
            [
                torch.from_numpy(side.train)[torch.randperm(len(side.train), generator=g)[:trained]]
                for side, g in zip(sides, generators, strict=True)
            ]
        )
        for start in range(0, trained - batch + 1, batch):
            index = order[:, start : start + batch]
            halves = _halves(critic, *batches.take(index), settings.noise, generators)
            crossed = critic.crossed(*halves)
            loss = bound.loss(crossed, batches.own(index)).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(averaged.parameters()), list(critic.parameters()), 1 - settings.averaging
                )
        values.append(_validate(bound, averaged, *validation))
        # Less than this is rounding: a constant view then stays at 0.
        better = values[-1] > top + 1e-6
        top, chosen = torch.where(better, values[-1], top), chosen.masked_fill(better, epoch)
        with torch.no_grad():
            for kept, new in zip(best.parameters(), averaged.parameters(), strict=True):
                kept[better.flatten().to(kept.device)] = new[better.flatten().to(new.device)]
        if epoch - int(chosen.max()) >= settings.patience:
            break
    return best, chosen, torch.stack(values)


def _critic(
    seeds: list[int],
    networks: int,
    dims: tuple[int, int],
    base: "GaussianBase | None",
    settings: Settings,
) -> "Critic":
    from leakage.estimators.critics import JointCritic, SeparableCritic

    shape = (seeds, networks, dims, settings.hidden, settings.layers)
    if settings.critic == "joint":
        return JointCritic(*shape)
    return SeparableCritic(*shape, settings.features, base)


def _halves(
    critic: "Critic",
    x: "torch.Tensor",
    y: "torch.Tensor",
    noise: float,
    generators: "list[torch.Generator]",
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return the critic's halves of a training batch, its inputs blurred by noise."""
    import torch

    if not noise:
        return critic.halves(x, y)
    drawn = []
    for shape in (x.shape[1:], (1, *y.shape[2:])):
        of_units = [torch.randn(shape, generator=generator) for generator in generators]
        drawn.append(noise * torch.stack(of_units).to(x.device))
    if hasattr(critic, "base"):
        return critic.halves(x, y, (drawn[0], drawn[1]))
    return critic.halves(x + drawn[0], y + drawn[1])


def _index(sides: list[np.ndarray], limit: int, units: list[tuple[int, int]]) -> "torch.Tensor":
    """Return `limit` pairs of each unit's side, none of which has fewer, (units, pairs)."""
    import torch

    drawn = [
        np.random.default_rng([seed, fold, 6]).permutation(side)[:limit]
        for side, (seed, fold) in zip(sides, units, strict=True)
    ]
    return torch.from_numpy(np.stack(drawn))


def _validate(
    bound: "Bound", critic: "Critic", x: "torch.Tensor", y: "torch.Tensor", own: "torch.Tensor"
) -> "torch.Tensor":
    """Return the bound on some pairs, shape (units, networks), in nats.

    Args:
        bound: how they are read.
        critic: of all units.
        x, y: the pairs, as `_Batches.take` gives them.
        own: which of them are of one picture, as `_Batches.own` says.
    """
    import torch

    units, pairs, _ = own.shape
    values = []
    with torch.inference_mode():
        halves = critic.halves(x, y)
        parts = (half.view(units, -1, *half.shape[1:]) for half in halves)
        # A unit at a time, whose scores of all pairs then stay in a processor's cache. (A joint
        # critic, which reads them by all its networks, has but one.)
        for its_own, *of_unit in zip(own, *parts, strict=True):
            values.append(bound.value(critic.crossed(*of_unit), its_own[None]))
    # Above its ceiling a value tells critics no better apart, and training can raise it for ever.
    return torch.stack(values).cpu().clamp(max=float(np.log(pairs)))


def _read(
    bound: "Bound", critic: "Critic", batches: _Batches, settings: Protocol
) -> list[list[list[dict[str, Any]]]]:
    """Return what is read on the held-out pairs, per unit, network and statistic."""
    import torch

    from leakage.estimators.bounds import Scores

    data, found = batches.data, []
    for place, (_, fold) in enumerate(batches.units):
        test = _scored(data, fold, settings.scored_pairs)
        groups = torch.from_numpy(np.unique(data.groups[test], return_inverse=True)[1])
        weights = _bootstrap(int(groups.max()) + 1, settings.bootstraps, data.seeds[0], fold)
        generator = np.random.default_rng([data.seeds[0], fold, 9])
        orders = _orders(torch.bincount(groups).numpy(), settings.permutations, generator)
        index = torch.from_numpy(test).repeat(len(batches.units), 1)
        with torch.inference_mode():
            halves = critic.halves(*batches.take(index))
            rows = []
            for position, (variant, _) in enumerate(data.networks):
                network = place * len(data.networks) + position
                one = [half[network : network + 1] for half in halves]
                values = _crossed(critic, network, one).cpu()
                readings = bound.read(Scores(values.double(), groups), weights)
                # Of the floor, nothing but its value is reported.
                rows.append(
                    [
                        _kept(each, groups, orders if variant == MATCHED else None)
                        for each in readings
                    ]
                )
        found.append(rows)
    return found


def _crossed(critic: "Critic", network: int, halves: "list[torch.Tensor]") -> "torch.Tensor":
    """Return one network's scores of all pairs, shape (pairs, pairs)."""
    import torch

    if hasattr(critic, "base"):
        return critic.crossed(*halves)[0]
    # A joint critic's hidden layers of all pairs would not fit; row by row they do.
    from_x, from_y = halves
    return torch.stack([critic.one(network, from_x[0] + row) for row in from_y[0]])


def _scored(data: Data, fold: int, limit: int) -> np.ndarray:
    """Return the pairs of a fold that are read, sorted: as many of each picture as fit.

    Where there are more pictures than may be read, a pair each of some of them.
    """
    test = data.splits[fold].test
    if len(test) <= limit:
        return test
    groups = data.groups[test]
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    turn = np.empty(len(test), np.int64)
    turn[order] = np.arange(len(test)) - np.repeat(first, counts)
    drawn = np.random.default_rng([data.seeds[0], fold, 7]).permutation(groups.max() + 1)
    alike = max(1, limit // len(counts)) * len(counts) if limit >= len(counts) else limit
    return np.sort(test[np.lexsort((drawn[groups], turn))[:alike]])


def _bootstrap(pictures: int, draws: int, seed: int, fold: int) -> "torch.Tensor":
    """Return how often each picture is drawn: once each, then at random, (1 + draws, pictures)."""
    import torch

    generator = np.random.default_rng([seed, fold, 8])
    drawn = generator.multinomial(pictures, np.full(pictures, 1 / pictures), draws)
    # A draw of one picture alone has no other to be compared with.
    drawn = drawn[(drawn > 0).sum(axis=1) > 1] if pictures > 1 else drawn
    lacking = np.ones((draws - len(drawn), pictures), drawn.dtype)
    ones = np.ones((1, pictures), drawn.dtype)
    return torch.from_numpy(np.concatenate([ones, drawn, lacking])).double()


def _kept(reading: "Reading", groups: "torch.Tensor", orders: np.ndarray | None) -> dict[str, Any]:
    """Return a reading as plain numbers, with its permutation null if orders are given.

    Returns:
        `values`: of the pairs themselves, then of each bootstrap draw. `itself` and `null`: the
        mean of what the matched pairs bring, and of each order's; an order gives the views of
        picture g the plain items of picture order[g], pair for pair.
    """
    import torch

    kept = {
        "statistic": reading.statistic,
        "unit": reading.unit,
        "values": torch.from_numpy(np.asarray(reading.values)),
        "ceiling": reading.ceiling,
        "chance": reading.chance,
    }
    if orders is not None:
        blocks = _blocks(reading.matched, groups).numpy() / len(groups)
        null = blocks[np.arange(len(blocks)), orders].sum(axis=1)
        kept |= {"itself": float(np.trace(blocks)), "null": torch.from_numpy(null)}
    return kept


def _blocks(matched: "torch.Tensor", groups: "torch.Tensor") -> "torch.Tensor":
    """Return what is brought per two pictures, shape (pictures, pictures).

    Row g, column h: what the views of picture g bring if they meet the plain items of picture h,
    pair for pair in order; where h has fewer pairs, they come again.
    """
    import torch

    sizes = torch.bincount(groups)
    if int(sizes.max()) == 1:
        order = torch.argsort(groups)
        return matched[order][:, order]
    order = torch.argsort(groups, stable=True)
    turn = torch.empty_like(order)
    first = torch.cumsum(sizes, 0) - sizes
    turn[order] = torch.arange(len(order)) - first.repeat_interleave(sizes)
    blocks = torch.zeros(len(sizes), len(sizes), dtype=torch.float64)
    for each in range(int(sizes.max())):
        rows = torch.nonzero(turn == each)[:, 0]
        columns = order[first + each % sizes]
        blocks.index_add_(0, groups[rows], matched[rows][:, columns])
    return blocks


def _table(
    finished: list[dict[str, Any]],
    data: Data,
    levels: list[int],
    settings: Protocol,
    estimand: str,
) -> "pd.DataFrame":
    """Return all that was read as the tidy table."""
    import pandas as pd
    import torch

    read = [unit for part in finished for unit in part["read"]]
    chosen = torch.cat([part["chosen"] for part in finished])
    validation = [part["validation"] for part in finished]
    rows: list[dict[str, Any]] = []
    count = len(levels)
    for position, level in enumerate(levels):
        for statistic in range(len(read[0][0])):
            matched = [unit[position][statistic] for unit in read]
            floors = [unit[count + position][statistic] for unit in read if settings.floor]
            summary = _summary(matched, floors, data, settings)
            common = {"level": level, "split": "test", "estimand": estimand, **summary}
            for variant, found, offset in (
                (MATCHED, matched, position),
                (MISMATCHED, floors, count + position),
            ):
                for unit, one in enumerate(found):
                    rows.append(
                        {**common}
                        | _row(one, *data.units[unit], int(chosen[unit, offset]))
                        | {"variant": variant, "chosen": variant == MATCHED and statistic == 0}
                    )
    table = pd.DataFrame(rows)
    curves = _curves(validation, data, levels, estimand)
    return tables.tidy(pd.concat([table, curves], ignore_index=True))


def _row(one: dict[str, Any], seed: int, fold: int, step: int) -> dict[str, Any]:
    value = float(one["values"][0])
    nats = min(value, one["ceiling"]) if one["unit"] == "nats" else np.nan
    return {
        "seed": seed,
        "fold": fold,
        "step": step,
        "statistic": one["statistic"],
        "nats": nats,
        "value": value,
        "unit": one["unit"],
        "ceiling": one["ceiling"],
        "chance": one["chance"],
    }


def _summary(
    matched: list[dict[str, Any]], floors: list[dict[str, Any]], data: Data, settings: Protocol
) -> dict[str, float]:
    """Return what is said of a level as a whole, from what each unit read.

    A cut at the ceiling is made in each unit and each bootstrap draw before the mean is taken.
    """
    cut = _stacked([one["values"].clamp(max=one["ceiling"]) for one in matched]).numpy()
    means = cut.mean(axis=0)  # (1 + draws,): over seeds and folds
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(means[1:], [tail, 1 - tail]) if len(means) > 1 else (np.nan, np.nan)
    null, p_value = _null(matched, data, settings)
    floor = [float(one["values"][0].clamp(max=one["ceiling"])) for one in floors]
    return {
        "mean": float(means[0]),
        "low": float(low),
        "high": float(high),
        "floor": float(np.mean(floor)) if floor else np.nan,
        "null_high": float(np.quantile(null, settings.confidence)) if len(null) else np.nan,
        "p_value": p_value,
        "pictures": len(np.unique(data.groups)),
    }


def _stacked(values: "list[torch.Tensor]") -> "torch.Tensor":
    """Stack tensors that may differ in length: to the shortest of them."""
    import torch

    shortest = min(map(len, values))
    return torch.stack([value[:shortest] for value in values])


def _null(
    matched: list[dict[str, Any]], data: Data, settings: Protocol
) -> tuple[np.ndarray, float]:
    """Return the permutation distribution of a level's mean, and its p-value.

    Per fold, the scores of all seeds are averaged and the pictures mismatched `permutations` times,
    each among those with as many pairs (so that under independence every order is as likely). A
    fold whose critics tell no order from another (they found nothing to learn) has no say.
    """
    if not settings.permutations:
        return np.empty(0), np.nan
    draws, p_values = [], []
    for fold in range(len(data.splits)):
        units = [one for one, (_, of) in zip(matched, data.units, strict=True) if of == fold]
        found = np.mean([one["null"].numpy() for one in units], axis=0)
        itself = np.mean([one["itself"] for one in units])
        value = np.mean([float(one["values"][0].clamp(max=one["ceiling"])) for one in units])
        # Sums of the same numbers in another order differ by rounding.
        rounding = 1e-9 * (1 + abs(itself))
        below = (found < itself - rounding).sum()
        silent = (np.abs(found - itself) <= rounding).all()
        count = settings.permutations
        p_values.append(np.nan if silent else (1 + count - below) / (1 + count))
        draws.append(value - itself + found)
    return np.mean(draws, axis=0), cauchy(np.array(p_values))


def _orders(sizes: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Return random orders (draws, pictures) in which pictures of the same size change places."""
    orders = np.tile(np.arange(len(sizes)), (draws, 1))
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        orders[:, alike] = generator.permuted(np.tile(alike, (draws, 1)), axis=1)
    return orders


def cauchy(p_values: np.ndarray) -> float:
    """Return the Cauchy combination of p-values that may depend on one another.

    Liu and Xie, JASA 115, 2020: the mean of tan((1/2 - p) pi) is about a Cauchy variable under the
    null. One that is missing (NaN) adds 0 to the mean; if all are, the answer is 1. One of 1 would
    weigh like minus infinity, and is kept finite.
    """
    if np.isnan(p_values).all():
        return 1.0
    terms = np.tan((0.5 - np.clip(p_values, 1e-15, 0.99)) * np.pi)
    return float(0.5 - np.arctan(np.nan_to_num(terms).mean()) / np.pi)


def _curves(
    validation: "list[torch.Tensor]", data: Data, levels: list[int], estimand: str
) -> "pd.DataFrame":
    """Return the validation values of the matched pairs as rows.

    Args:
        validation: per stack, in the order of the units, (epochs + 1, units, networks).
    """
    import pandas as pd

    parts, first = [], 0
    for stack in validation:
        values = stack[:, :, : len(levels)].numpy()
        step, unit, level = (each.ravel() for each in np.indices(values.shape))
        seeds, folds = (np.array(each) for each in zip(*data.units, strict=True))
        parts.append(
            pd.DataFrame(
                {
                    "level": np.asarray(levels)[level],
                    "seed": seeds[first + unit],
                    "fold": folds[first + unit],
                    "split": "validation",
                    "step": step,
                    "chosen": False,
                    "statistic": "mutual information",
                    "nats": values.ravel().astype(np.float64),
                    "value": values.ravel().astype(np.float64),
                    "unit": "nats",
                    "estimand": estimand,
                    "variant": MATCHED,
                }
            )
        )
        first += stack.shape[1]
    return pd.concat(parts, ignore_index=True)
