"""Neural critics: networks trained on top of a base critic, or from zero."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from leakage.protocol import networks, preprocessing, training
from leakage.protocol.bounds import Bound
from leakage.protocol.cross_fitting import CrossFittedNetworks
from leakage.protocol.problem import MATCHED, Problem, validated
from leakage.protocol.selection import SCORED, Based

# Fourier features are used up to this many coordinates a side; standard deviation of a frequency.
FEW_COORDINATES, FREQUENCY = 4, 5.0
# Numbers that the base of one network may keep in memory during training. A network whose base
# needs more (tens of thousands of pairs of a thousand coordinates) is trained from T = 0 only.
MOST_KEPT = 40_000_000
# A smaller gain is rounding, so a constant view stays at 0.
LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class Recipe:
    """How one network per level is trained.

    Attributes:
        based: whether the network starts from the chosen base; otherwise from T = 0.
        noise: standard deviation of the noise on its inputs.
        fourier: whether the network reads Fourier features.
        leading: whether it reads the leading principal components only.
    """

    based: bool
    noise: float
    fourier: bool = False
    leading: bool = False


@dataclass(frozen=True, eq=False)
class Trained:
    """Networks trained by one recipe.

    Attributes:
        recipe: the recipe.
        keys: (seed, fold, variant, level) of each network.
        module: the parameters of each network at its best epoch.
        read: returns a network's inputs x and y from (key, plain indices, view indices).
        steps: the best epoch of each network, 0 for the base alone, int64 (networks,).
        values: the validation value at that epoch, float64 (networks,), in nats.
        validation: the validation value per epoch, float32 (epochs + 1, networks); NaN after a
            network has stopped.
    """

    recipe: Recipe
    keys: list[tuple[int, int, str, int]]
    module: networks.SeparableCritics
    read: Callable[
        [tuple[int, int, str, int], np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]
    ]
    steps: torch.Tensor
    values: torch.Tensor
    validation: torch.Tensor

    def scores(self, network: int, plain: np.ndarray, views: np.ndarray) -> torch.Tensor:
        """Return the learned part of T of every view with every plain item, float32."""
        x, y = self.read(self.keys[network], plain, views)
        device = self.module.x_biases[0].device
        one = _network(self.module, network)
        with torch.no_grad():
            halves = one.halves(*(torch.from_numpy(each)[None].to(device) for each in (x, y)))
            return networks.crossed(*halves)[0].cpu()


def recipes(problem: Problem, settings: CrossFittedNetworks) -> list[Recipe]:
    """Return the recipes by which networks are trained."""
    found = [Recipe(False, noise) for noise in settings.noise]
    if settings.bases:
        found.append(Recipe(True, settings.noise[-1]))
    dims = [values.shape[-1] for values in (problem.x, problem.y)]
    if settings.fourier and max(dims) <= FEW_COORDINATES:
        found.append(Recipe(False, 0.0, fourier=True))
    # Coordinates of an item that was not turned to principal components have no order.
    if settings.leading and problem.pca and settings.leading < problem.pca < min(dims):
        found.append(Recipe(False, settings.noise[-1], leading=True))
    return found


def train_all(
    bound: Bound,
    problem: Problem,
    units: list[tuple[int, int]],
    based: dict[tuple[int, str, int], Based],
    settings: CrossFittedNetworks,
    device: torch.device,
) -> list[Trained]:
    """Train the networks of some units by every recipe.

    Args:
        bound: its criterion chooses the epoch.
        problem: the pairs.
        units: (seed, fold) of each unit.
        based: the base of every (fold, variant, level).
        settings: of the training.
        device: where to train.
    """
    found = []
    for recipe in recipes(problem, settings):
        keys = [
            (seed, fold, variant, level)
            for seed, fold in units
            for variant, level in problem.networks
            if _learnable(problem, fold, variant)
            and (not recipe.based or _trainable(based[fold, variant, level]))
        ]
        if keys:
            found.append(_train(bound, problem, keys, based, recipe, settings, device))
    return found


def _learnable(problem: Problem, fold: int, variant: str) -> bool:
    """Return whether a fold's validation pairs have negatives; two exchanged pictures do not."""
    side = problem.splits[fold].validation
    # The first pairs of a fold can all be of one picture.
    _, one_per_picture = np.unique(problem.groups[side], return_index=True)
    return not problem.own(variant, side[one_per_picture[:SCORED]]).all()


def _trainable(based: Based) -> bool:
    """Return whether a network can start from this base."""
    if based.candidate is None:
        return False
    train = len(based.plain.train)
    width = based.candidate.vectors(np.arange(1), np.arange(1))[0].shape[1]
    return min(train**2, 2 * train * width) <= MOST_KEPT


def _train(
    bound: Bound,
    problem: Problem,
    keys: list[tuple[int, int, str, int]],
    based: dict[tuple[int, str, int], Based],
    recipe: Recipe,
    settings: CrossFittedNetworks,
    device: torch.device,
) -> Trained:
    """Train one network per key, and keep each at its best epoch on validation."""
    bank = _Bank(problem, based, recipe, settings)
    units = list(dict.fromkeys((seed, fold) for seed, fold, _, _ in keys))
    sides = [problem.splits[fold].train for _, fold in units]
    # All folds of a seed start from the same parameters, but each draws its own batches.
    generators = [torch.Generator().manual_seed(1000 * seed + fold) for seed, fold in units]
    # The minimum over all folds, so that a network does not depend on what is trained beside it.
    trained = min(len(split.train) for split in problem.splits)
    # Small sets need small batches, to make several steps per epoch. A batch that is too small may
    # hold a single picture, and then has no negatives.
    batch = min(trained, settings.batch, max(16, trained // 8))
    draws = training.Draws(sides, generators, batch)
    per_epoch = trained // batch
    epochs = min(settings.epochs, -(-settings.steps // per_epoch))
    module = networks.SeparableCritics(
        [seed for seed, *_ in keys], bank.dims, settings.hidden, settings.layers, settings.features
    ).to(device)
    averaged, best = copy.deepcopy(module), copy.deepcopy(module)
    optimiser = torch.optim.AdamW(
        module.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=epochs * per_epoch + 1, cycle_momentum=False
    )
    stack = _Stack(problem, keys, units, sides, bank, device)
    validation = _Validation(bound, problem, keys, based, bank, settings, device)
    objective = networks.LOSSES[settings.loss]
    alive = torch.arange(len(keys))  # networks that still train
    curves = [validation(module, alive)]
    top, steps = curves[0].clone(), torch.zeros(len(keys), dtype=torch.int64)

    def loss(index: torch.Tensor) -> torch.Tensor:
        x, y, base, own = stack.batch(index, alive)
        if recipe.noise:
            x, y = (each + _noise(each, recipe.noise, stack, alive, generators) for each in (x, y))
        return objective(networks.crossed(*module.halves(x, y)) + base, own).sum()

    def after_step() -> None:
        schedule.step()
        with torch.no_grad():
            pairs = list(averaged.parameters()), list(module.parameters())
            torch._foreach_lerp_(*pairs, 1 - settings.averaging)

    def after_epoch(epoch: int) -> bool:
        nonlocal alive
        values = torch.full_like(top, torch.nan)
        values[alive] = validation(averaged, alive)
        curves.append(values)
        better = values[alive] > top[alive] + LEAST_GAIN
        improved = alive[better]
        top[improved], steps[improved] = values[improved], epoch
        with torch.no_grad():
            for kept, new in zip(best.parameters(), averaged.parameters(), strict=True):
                kept[improved.to(kept.device)] = new[better.to(new.device)]
        going = epoch - steps[alive] < settings.patience
        if not going.all():
            training.keep_networks(module, optimiser, going)
            _keep(averaged, going)
            alive = alive[going]
        return not len(alive)

    training.run(draws, loss, optimiser, epochs, after_step, after_epoch)
    return Trained(recipe, keys, best, bank.rows, steps, top.double(), torch.stack(curves))


class _Bank:
    """The inputs of the networks of one recipe, per fold, variant and level."""

    def __init__(
        self,
        problem: Problem,
        based: dict[tuple[int, str, int], Based],
        recipe: Recipe,
        settings: CrossFittedNetworks,
    ):
        self.problem, self.based, self.recipe, self.settings = problem, based, recipe, settings
        self.kept: dict[tuple[int, str, int], tuple[np.ndarray, np.ndarray]] = {}
        first = self.of(next(iter(based)))
        self.dims = first[0].shape[1], first[1].shape[1]

    def of(self, key: tuple[int, str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of all plain items and views, float32 (pairs, dim)."""
        based = self.based[key]
        if self.recipe.based and based.turned is not None:
            # Depends on the variant, because the axes are fitted on its pairs.
            if key not in self.kept:
                x, y = based.turned.turned()
                self.kept[key] = (
                    np.concatenate([x, based.plain.length], axis=1),
                    np.concatenate([y, based.views.length], axis=1),
                )
            return self.kept[key]
        if not self.recipe.fourier and not self.recipe.leading:
            return based.plain.with_length, based.views.with_length
        fold, _, level = key
        if (fold, "", level) not in self.kept:
            self.kept[fold, "", level] = self._unbased(based)
        return self.kept[fold, "", level]

    def _unbased(self, based: Based) -> tuple[np.ndarray, np.ndarray]:
        """Return the leading inputs of both sides, or their Fourier features."""
        if self.recipe.leading:
            count = self.settings.leading
            return based.plain.leading(count), based.views.leading(count)
        seed, count = self.problem.seeds[0], self.settings.fourier
        return (
            preprocessing.fourier(based.plain.inputs, count, FREQUENCY, seed),
            preprocessing.fourier(based.views.inputs, count, FREQUENCY, seed + 1),
        )

    def rows(
        self, key: tuple[int, int, str, int], plain: np.ndarray, views: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of one network at some indices."""
        x, y = self.of(key[1:])
        return x[plain], y[views]


class _Stack:
    """The training pairs of a stack of networks on the device."""

    def __init__(
        self,
        problem: Problem,
        keys: list[tuple[int, int, str, int]],
        units: list[tuple[int, int]],
        sides: list[np.ndarray],
        bank: _Bank,
        device: torch.device,
    ):
        self.device = device
        self.unit_of = torch.tensor([units.index((seed, fold)) for seed, fold, *_ in keys])
        trained = min(map(len, sides))
        banks_x: dict[int, int] = {}
        banks_y: dict[int, int] = {}
        xs, ys, x_of, y_of, self.base = [], [], [], [], []
        partners, self.plain_groups, self.view_groups = [], [], []
        for key in keys:
            seed, fold, variant, level = key
            x, y = bank.of((fold, variant, level))
            for values, banks, stored, of in ((x, banks_x, xs, x_of), (y, banks_y, ys, y_of)):
                if id(values) not in banks:
                    banks[id(values)] = len(stored)
                    stored.append(torch.from_numpy(values))
                of.append(banks[id(values)])
            side, partner = sides[units.index((seed, fold))], problem.partner[variant]
            self.base.append(_base(bank.based[fold, variant, level], side, partner, bank, device))
            partners.append(torch.from_numpy(partner))
        self.x, self.y = torch.stack(xs).to(device), torch.stack(ys).to(device)
        self.x_of, self.y_of = torch.tensor(x_of), torch.tensor(y_of)
        self.sides = sides
        self.partner = torch.stack(partners)
        self.groups = torch.from_numpy(problem.groups.astype(np.int32))
        self.single = problem.groups.max() + 1 == len(problem.groups)
        self.matched = torch.tensor([variant == MATCHED for *_, variant, _ in keys])
        self.trained = trained

    def batch(
        self, index: torch.Tensor, alive: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | float, torch.Tensor | None]:
        """Return x, y, the base's scores, and a mask of unmatched pairs that are not negatives.

        Args:
            index: positions in the units' training pairs, (units, batch).
            alive: the networks that still train.
        """
        unit = self.unit_of[alive]
        pairs = torch.stack(
            [torch.from_numpy(side)[row] for side, row in zip(self.sides, index, strict=True)]
        )[unit]
        views = self.partner[alive].gather(1, pairs)
        x = _rows(self.x, self.x_of[alive], pairs)
        y = _rows(self.y, self.y_of[alive], views)
        own = self._own(pairs, views, self.matched[alive])
        base: torch.Tensor | float = 0.0
        if self.base[int(alive[0])] is not None:
            base = torch.stack(
                [self.base[k](index[u]) for k, u in zip(alive.tolist(), unit.tolist(), strict=True)]
            )
        return x, y, base, own if own is None else own.to(self.device)

    def _own(
        self, pairs: torch.Tensor, views: torch.Tensor, matched: torch.Tensor
    ) -> torch.Tensor | None:
        """Return which unmatched pairs are not negatives, (networks, batch, batch); None for none.

        Args:
            pairs, views: indices of plain items and views, (networks, batch).
            matched: which networks belong to the matched variant, (networks,).
        """
        if self.single and matched.all():
            return None
        plain = self.groups[pairs]
        own = plain[:, :, None] == plain[:, None]
        if not matched.all():
            own |= self.groups[views][:, :, None] == plain[:, None]
        own.diagonal(dim1=1, dim2=2).fill_(False)
        return own


def _rows(values: torch.Tensor, which: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return items (networks, batch, dim) of values (banks, pairs, dim)."""
    flat = which[:, None] * values.shape[1] + index
    chosen = values.flatten(0, 1).index_select(0, flat.flatten().to(values.device))
    return chosen.view(*index.shape, values.shape[-1])


def _base(
    based: Based, side: np.ndarray, partner: np.ndarray, bank: _Bank, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return the base's scores of a batch of positions in the training pairs, or None for 0."""
    if not bank.recipe.based or based.candidate is None:
        return None
    u, v = based.candidate.vectors(side, partner[side])
    v = based.choice.temperature * v
    left, right = (torch.from_numpy(each.astype(np.float32)).to(device) for each in (v, u))
    if len(side) > 2 * u.shape[1]:
        return lambda index: left[index] @ right[index].T
    matrix = left @ right.T
    return lambda index: matrix[index[:, None], index]


class _Validation:
    """Computes the value of networks on the validation pairs of their folds."""

    def __init__(
        self,
        bound: Bound,
        problem: Problem,
        keys: list[tuple[int, int, str, int]],
        based: dict[tuple[int, str, int], Based],
        bank: _Bank,
        settings: CrossFittedNetworks,
        device: torch.device,
    ):
        self.bound, self.device = bound, device
        limit = min(len(split.validation) for split in problem.splits)
        limit = min(limit, settings.validated_pairs)
        self.limit = limit
        self.x, self.y, self.own, self.base = [], [], [], []
        for seed, fold, variant, level in keys:
            index = validated(problem, fold, seed, limit)
            views = problem.partner[variant][index]
            x, y = bank.rows((seed, fold, variant, level), index, views)
            self.x.append(torch.from_numpy(x).to(device))
            self.y.append(torch.from_numpy(y).to(device))
            self.own.append(torch.from_numpy(problem.own(variant, index)).to(device))
            base = based[fold, variant, level]
            is_based = bank.recipe.based
            self.base.append(base.scores(index, views).to(device) if is_based else 0.0)

    def __call__(self, module: networks.SeparableCritics, alive: torch.Tensor) -> torch.Tensor:
        """Return the criterion of the networks that still train, float32 (alive,), in nats."""
        values = []
        with torch.no_grad():
            networks = alive.tolist()
            halves = module.halves(
                torch.stack([self.x[k] for k in networks]),
                torch.stack([self.y[k] for k in networks]),
            )
            # One network at a time, so that its scores stay in the processor's cache.
            for k, x, y in zip(networks, *halves, strict=True):
                scores = y @ x.T + self.base[k]
                others = scores.masked_fill(self.own[k], -torch.inf)
                values.append(self.bound.criterion(scores.diagonal()[None], others[None]))
        # Values above the ceiling do not rank networks.
        return torch.cat(values).cpu().clamp(max=float(np.log(self.limit)))


def _noise(
    items: torch.Tensor,
    deviation: float,
    stack: _Stack,
    alive: torch.Tensor,
    generators: list[torch.Generator],
) -> torch.Tensor:
    """Return normal noise in the shape of `items`, the same for all networks of a unit."""
    shape = items.shape[1:]
    units = [torch.randn(shape, generator=each, dtype=torch.float32) for each in generators]
    return deviation * torch.stack(units).to(items.device)[stack.unit_of[alive]]


def _keep(module: torch.nn.Module, kept: torch.Tensor) -> None:
    """Keep only some networks of a stack that has no optimiser, in place."""
    for owner in module.modules():
        for name, old in list(owner.named_parameters(recurse=False)):
            setattr(owner, name, torch.nn.Parameter(old.detach()[kept.to(old.device)]))


def _network(module: networks.SeparableCritics, network: int) -> networks.SeparableCritics:
    """Return a stack of one network."""
    one = copy.copy(module)
    one._modules = {
        name: torch.nn.ParameterList(each[network : network + 1].detach() for each in stack)
        for name, stack in module._modules.items()
    }
    return one
