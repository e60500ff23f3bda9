"""Neural critics: networks trained on top of a base critic, or from zero.

    T(x, y) = base(x, y) + <g(x), h(y)> + a(x) + b(y)

A recipe trains one network per seed, fold, variant and level, side by side as one stack
(`networks.SeparableCritics`). `Inputs` holds what the networks read, `Sampler` draws batches with
their negatives, `Validation` computes the bound on validation pairs, and `Trainer` takes the steps.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leakage.interfaces import Floats, Ints
from leakage.protocol import networks, preprocessing, training
from leakage.protocol.bounds import Bound
from leakage.protocol.losses import LOSSES
from leakage.protocol.problem import MATCHED, BaseKey, NetworkKey, Problem, validated
from leakage.protocol.selection import SCORED, ChosenBase

if TYPE_CHECKING:
    from leakage.protocol.cross_fitting import CrossFittedNetworks

# Fourier features are used up to this many coordinates of x and y; standard deviation of a
# frequency.
FEW_COORDINATES, FREQUENCY = 4, 5.0
# Numbers that the base of one network may keep in memory during training. If it needs more (tens of
# thousands of pairs of a thousand coordinates), the network is trained from T = 0 only.
MOST_KEPT = 40_000_000
# A smaller gain is rounding, so a constant view stays at 0.
LEAST_GAIN = 1e-4
# Epochs without a better validation value, after which a network stops.
PATIENCE = 12
WEIGHT_DECAY = 0.1
# Length of the vectors g(x) and h(y).
FEATURES = 32
# Number of principal components that one more network reads, if there are more.
LEADING = 16


@dataclass(frozen=True)
class Recipe:
    """How one network per level is trained."""

    based: bool  # whether the network starts from the chosen base; otherwise from T = 0
    noise: float  # standard deviation of the noise on its inputs
    fourier: bool = False  # whether it reads Fourier features
    leading: bool = False  # whether it reads the leading principal components only


@dataclass(frozen=True, eq=False)
class Stack:
    """The networks of one recipe, and everything that their training depends on."""

    bound: Bound  # its criterion chooses the epoch
    problem: Problem
    keys: list[NetworkKey]
    bases: dict[BaseKey, ChosenBase]
    recipe: Recipe
    settings: "CrossFittedNetworks"
    device: torch.device


@dataclass(frozen=True, eq=False)
class TrainedStack:
    """Networks trained by one recipe."""

    recipe: Recipe
    keys: list[NetworkKey]
    module: networks.SeparableCritics  # the parameters of each network at its best epoch
    inputs: "Inputs"
    steps: torch.Tensor  # int64 (networks,): the best epoch, 0 for the base alone
    values: torch.Tensor  # float64 (networks,): the validation value at that epoch, in nats
    # float32 (epochs + 1, networks): the value per epoch; NaN after a network has stopped.
    validation: torch.Tensor

    def scores(self, network: int, plain: Ints, views: Ints) -> torch.Tensor:
        """Return the learned part of T of every view with every plain item, float32."""
        x, y = self.inputs.of(self.keys[network].base)
        device = self.module.x_biases[0].device
        items = (torch.from_numpy(each)[None].to(device) for each in (x[plain], y[views]))
        with torch.no_grad():
            return networks.crossed(*self.module.network(network).halves(*items))[0].cpu()


def recipes(problem: Problem, settings: "CrossFittedNetworks") -> list[Recipe]:
    """Return the recipes by which networks are trained."""
    found = [Recipe(False, noise) for noise in settings.noise]
    if settings.bases:
        found.append(Recipe(True, settings.noise[-1]))
    dims = [values.shape[-1] for values in (problem.x, problem.y)]
    if settings.fourier and max(dims) <= FEW_COORDINATES:
        found.append(Recipe(False, 0.0, fourier=True))
    # Only principal components have an order.
    if problem.pca and LEADING < problem.pca < min(dims):
        found.append(Recipe(False, settings.noise[-1], leading=True))
    return found


def train_all(
    bound: Bound,
    problem: Problem,
    units: list[tuple[int, int]],
    bases: dict[BaseKey, ChosenBase],
    settings: "CrossFittedNetworks",
    device: torch.device,
) -> list[TrainedStack]:
    """Train the networks of some units, (seed, fold) each, by every recipe."""
    found = []
    for recipe in recipes(problem, settings):
        keys = [
            NetworkKey(seed, fold, variant, level)
            for seed, fold in units
            for variant, level in problem.networks
            if _has_negatives(problem, fold, variant)
        ]
        if recipe.based:
            keys = [key for key in keys if _fits_memory(bases[key.base])]
        if keys:
            stack = Stack(bound, problem, keys, bases, recipe, settings, device)
            found.append(Trainer(stack).train())
    return found


def _has_negatives(problem: Problem, fold: int, variant: str) -> bool:
    """Return whether a fold's validation pairs have negatives; two exchanged pictures do not."""
    pairs = problem.splits[fold].validation
    # The first pairs of a fold can all be of one picture.
    _, one_per_picture = np.unique(problem.groups[pairs], return_index=True)
    return not bool(problem.own(variant, pairs[one_per_picture[:SCORED]]).all())


def _fits_memory(base: ChosenBase) -> bool:
    """Return whether a network can start from this base."""
    if base.candidate is None:
        return False
    train = len(base.plain.train)
    width = base.candidate.vectors(np.arange(1), np.arange(1))[0].shape[1]
    return min(train**2, 2 * train * int(width)) <= MOST_KEPT


class Inputs:
    """What the networks of one recipe read, per fold, variant and level."""

    def __init__(self, stack: Stack) -> None:
        self.bases, self.recipe, self.settings = stack.bases, stack.recipe, stack.settings
        self.seed = stack.problem.seeds[0]
        self.kept: dict[BaseKey, tuple[Floats, Floats]] = {}
        x, y = self.of(next(iter(self.bases)))
        self.dims = x.shape[1], y.shape[1]

    def of(self, key: BaseKey) -> tuple[Floats, Floats]:
        """Return the inputs of all plain items and views, float32 (pairs, dim)."""
        base = self.bases[key]
        canonical = self.recipe.based and base.canonical is not None
        if not (canonical or self.recipe.fourier or self.recipe.leading):
            return base.plain.with_length, base.views.with_length
        # Canonical axes depend on the variant, because they are fitted on its pairs.
        key = key if canonical else key._replace(variant="")
        if key not in self.kept:
            self.kept[key] = self._canonical(base) if canonical else self._features(base)
        return self.kept[key]

    def _canonical(self, base: ChosenBase) -> tuple[Floats, Floats]:
        """Return x and y in canonical coordinates, with their lengths."""
        assert base.canonical is not None
        x, y = base.canonical.canonical_inputs()
        lengths = base.plain.length, base.views.length
        return np.concatenate([x, lengths[0]], axis=1), np.concatenate([y, lengths[1]], axis=1)

    def _features(self, base: ChosenBase) -> tuple[Floats, Floats]:
        """Return the leading components of x and y, or their Fourier features."""
        if self.recipe.leading:
            return base.plain.leading(LEADING), base.views.leading(LEADING)
        args = self.settings.fourier, FREQUENCY
        x = preprocessing.fourier(base.plain.inputs, *args, self.seed)
        return x, preprocessing.fourier(base.views.inputs, *args, self.seed + 1)


class Sampler:
    """Batches of training pairs and their negatives, on the device.

    The negatives of a view are the other plain items of its batch, without those of its picture.
    """

    def __init__(self, stack: Stack, inputs: Inputs, batch: int) -> None:
        problem, keys, self.device = stack.problem, stack.keys, stack.device
        self.noise = stack.recipe.noise
        units = list(dict.fromkeys(key.unit for key in keys))
        train = [problem.splits[fold].train for _, fold in units]
        # All folds of a seed start from the same parameters, but each draws its own batches.
        self.generators = [torch.Generator().manual_seed(1000 * s + fold) for s, fold in units]
        self.draws = training.Draws(train, self.generators, batch)
        self.train = [torch.from_numpy(each) for each in train]
        self.unit = torch.tensor([units.index(key.unit) for key in keys])
        self.x, self.which_x = _distinct([inputs.of(key.base)[0] for key in keys], self.device)
        self.y, self.which_y = _distinct([inputs.of(key.base)[1] for key in keys], self.device)
        partners = [problem.partner[key.variant] for key in keys]
        self.partner = torch.stack([torch.from_numpy(each) for each in partners])
        self.groups = torch.from_numpy(problem.groups.astype(np.int32))
        self.one_pair_per_picture = problem.groups.max() + 1 == len(problem.groups)
        self.matched = torch.tensor([key.variant == MATCHED for key in keys])
        self.base: list[BaseScores | None] = [None] * len(keys)
        if stack.recipe.based:
            for k, (key, partner) in enumerate(zip(keys, partners, strict=True)):
                pairs = train[units.index(key.unit)]
                self.base[k] = _base_scores(stack.bases[key.base], pairs, partner, self.device)

    def batch(
        self, index: torch.Tensor, alive: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | float, torch.Tensor | None]:
        """Return x, y, the base's scores, and a mask of unmatched pairs that are not negatives.

        Args:
            index: positions in the units' training pairs, (units, batch).
            alive: the networks that still train.
        """
        unit = self.unit[alive]
        pairs = torch.stack([of[row] for of, row in zip(self.train, index, strict=True)])[unit]
        views = self.partner[alive].gather(1, pairs)
        x = self._noisy(_rows(self.x, self.which_x[alive], pairs), unit)
        y = self._noisy(_rows(self.y, self.which_y[alive], views), unit)
        own = self._own(pairs, views, self.matched[alive])
        base: torch.Tensor | float = 0.0
        scores = [self.base[network] for network in alive.tolist()]
        if scores[0] is not None:
            of_unit = zip(scores, unit.tolist(), strict=True)
            base = torch.stack([each(index[u]) for each, u in of_unit if each is not None])
        return x, y, base, own if own is None else own.to(self.device)

    def _noisy(self, items: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        """Return items with normal noise, the same for all networks of a unit."""
        if not self.noise:
            return items
        shape = items.shape[1:]
        drawn = [torch.randn(shape, generator=g, dtype=torch.float32) for g in self.generators]
        return items + self.noise * torch.stack(drawn).to(items.device)[unit]

    def _own(
        self, pairs: torch.Tensor, views: torch.Tensor, matched: torch.Tensor
    ) -> torch.Tensor | None:
        """Return which unmatched pairs are no negatives, (networks, batch, batch); None: none."""
        if self.one_pair_per_picture and matched.all():
            return None
        plain = self.groups[pairs]
        own = plain[:, :, None] == plain[:, None]
        if not matched.all():
            own |= self.groups[views][:, :, None] == plain[:, None]
        own.diagonal(dim1=1, dim2=2).fill_(False)
        return own


def _distinct(arrays: list[Floats], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distinct arrays, (arrays, pairs, dim), and the index of each in them."""
    distinct = {id(each): each for each in arrays}
    places = list(distinct)
    which = torch.tensor([places.index(id(each)) for each in arrays])
    return torch.stack([torch.from_numpy(each) for each in distinct.values()]).to(device), which


def _rows(values: torch.Tensor, which: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return items (networks, batch, dim) of values (arrays, pairs, dim)."""
    flat = which[:, None] * values.shape[1] + index
    chosen = values.flatten(0, 1).index_select(0, flat.flatten().to(values.device))
    return chosen.view(*index.shape, values.shape[-1])


BaseScores = Callable[[torch.Tensor], torch.Tensor]


def _base_scores(
    base: ChosenBase, train: Ints, partner: Ints, device: torch.device
) -> BaseScores | None:
    """Return the function from positions in the training pairs to scores; None for T = 0."""
    if base.candidate is None:
        return None
    u, v = base.candidate.vectors(train, partner[train])
    v = base.choice.temperature * v
    left, right = (torch.from_numpy(each.astype(np.float32)).to(device) for each in (v, u))
    if len(train) > 2 * u.shape[1]:
        return lambda index: left[index] @ right[index].T
    matrix = left @ right.T
    return lambda index: matrix[index[:, None], index]


class Validation:
    """The value of networks on the validation pairs of their folds."""

    def __init__(self, stack: Stack, inputs: Inputs) -> None:
        problem, self.bound = stack.problem, stack.bound
        fewest = min(len(split.validation) for split in problem.splits)
        self.limit = min(stack.settings.validated_pairs, fewest)
        self.x: list[torch.Tensor] = []
        self.y: list[torch.Tensor] = []
        self.own: list[torch.Tensor] = []
        self.base: list[torch.Tensor | float] = [0.0] * len(stack.keys)
        for k, key in enumerate(stack.keys):
            index = validated(problem, key.fold, key.seed, self.limit)
            views = problem.partner[key.variant][index]
            x, y = inputs.of(key.base)
            self.x.append(torch.from_numpy(x[index]).to(stack.device))
            self.y.append(torch.from_numpy(y[views]).to(stack.device))
            self.own.append(torch.from_numpy(problem.own(key.variant, index)).to(stack.device))
            if stack.recipe.based:
                self.base[k] = stack.bases[key.base].scores(index, views).to(stack.device)

    def __call__(self, module: networks.SeparableCritics, alive: torch.Tensor) -> torch.Tensor:
        """Return the criterion of the networks that still train, float32 (alive,), in nats."""
        values = []
        with torch.no_grad():
            of = alive.tolist()
            x, y = (torch.stack([variable[k] for k in of]) for variable in (self.x, self.y))
            # One network at a time, so that its scores stay in the processor's cache.
            for k, from_x, from_y in zip(of, *module.halves(x, y), strict=True):
                scores = from_y @ from_x.T + self.base[k]
                others = scores.masked_fill(self.own[k], -torch.inf)
                values.append(self.bound.criterion(scores.diagonal()[None], others[None]))
        # Values above the ceiling do not rank critics.
        return torch.cat(values).cpu().clamp(max=float(np.log(self.limit)))


class Trainer:
    """Trains one network per key, and keeps each at its best epoch on validation."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.settings = stack, stack.settings
        self.inputs = Inputs(stack)
        # The minimum over all folds, so that a network does not depend on the other networks.
        train = min(len(split.train) for split in stack.problem.splits)
        # Small sets need small batches, to make several steps per epoch. A batch that is too small
        # may hold a single picture, and then has no negatives.
        batch = min(train, self.settings.batch, max(16, train // 8))
        self.sampler = Sampler(stack, self.inputs, batch)
        self.validation = Validation(stack, self.inputs)
        per_epoch = train // batch
        self.epochs = min(self.settings.epochs, -(-self.settings.steps // per_epoch))
        shape = self.settings.hidden, self.settings.layers, FEATURES
        seeds = [key.seed for key in stack.keys]
        module = networks.SeparableCritics(seeds, self.inputs.dims, *shape).to(stack.device)
        self.module, self.averaged, self.best = module, copy.deepcopy(module), copy.deepcopy(module)
        rate, parameters = self.settings.learning_rate, module.parameters()
        self.optimiser = torch.optim.AdamW(parameters, rate, weight_decay=WEIGHT_DECAY, fused=True)
        steps = self.epochs * per_epoch + 1
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, rate, total_steps=steps, cycle_momentum=False
        )
        self.alive = torch.arange(len(stack.keys))  # networks that still train
        self.curves = [self.validation(module, self.alive)]
        self.values = self.curves[0].clone()
        self.steps = torch.zeros(len(stack.keys), dtype=torch.int64)

    def train(self) -> TrainedStack:
        """Train until every network has stopped."""
        draws, optimiser = self.sampler.draws, self.optimiser
        training.run(draws, self.loss, optimiser, self.epochs, self.after_step, self.after_epoch)
        values, curves = self.values.double(), torch.stack(self.curves)
        of = self.stack.recipe, self.stack.keys
        return TrainedStack(*of, self.best, self.inputs, self.steps, values, curves)

    def loss(self, index: torch.Tensor) -> torch.Tensor:
        """Return the summed loss of all networks on a batch of positions (units, batch)."""
        x, y, base, own = self.sampler.batch(index, self.alive)
        scores = networks.crossed(*self.module.halves(x, y)) + base
        return LOSSES[self.settings.loss](scores, own).sum()

    def after_step(self) -> None:
        """Follow the schedule, and update the average of the parameters."""
        self.schedule.step()
        with torch.no_grad():
            new, averaged = tuple(self.module.parameters()), tuple(self.averaged.parameters())
            torch._foreach_lerp_(averaged, new, 1 - self.settings.averaging)

    def after_epoch(self, epoch: int) -> bool:
        """Validate, keep the networks that improved, and drop those that stopped improving."""
        values = torch.full_like(self.values, torch.nan)
        values[self.alive] = self.validation(self.averaged, self.alive)
        self.curves.append(values)
        better = values[self.alive] > self.values[self.alive] + LEAST_GAIN
        improved = self.alive[better]
        self.values[improved], self.steps[improved] = values[improved], epoch
        with torch.no_grad():
            for kept, new in zip(self.best.parameters(), self.averaged.parameters(), strict=True):
                kept[improved.to(kept.device)] = new[better.to(new.device)]
        going = epoch - self.steps[self.alive] < PATIENCE
        if not going.all():
            training.keep_networks(self.module, going, self.optimiser)
            training.keep_networks(self.averaged, going)
            self.alive = self.alive[going]
        return not len(self.alive)
