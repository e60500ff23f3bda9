"""Choose critics on validation pictures, and read them once on the test fold."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from leakage.protocol import bounds, permutation
from leakage.protocol.bounds import Bound, Scores, Statistic
from leakage.protocol.cross_fitting import CrossFitted
from leakage.protocol.inference import bootstrap, null
from leakage.protocol.neural_critics import Trained
from leakage.protocol.problem import MATCHED, MISMATCHED, Problem, scored, validated
from leakage.protocol.selection import Based

# Most validation pairs for the offset of a base without networks.
OFFSET_PAIRS = 500


@dataclass(frozen=True, eq=False)
class Unit:
    """The results on the test fold of one seed and fold.

    Attributes:
        seed, fold: the unit.
        statistics: names of the statistics.
        units: unit of each statistic, `nats` or `share`.
        ceiling, chance: of each statistic, float64 (statistics,).
        values: float64 (variants, levels, statistics, 1 + draws): the value on the pairs, then on
            each bootstrap draw. The mismatched variant has only the first, which is NaN if its
            pairs have no negatives (a fold of two pictures).
        itself: mean over the matched pairs in the permutation test, float64 (levels, statistics).
        null: the same for each order of the pictures, float64 (levels, statistics, orders).
        exhaustive: whether these are all orders.
        base: name of the base of the best member, (variants, levels).
        temperature, noise: of the best member, float64 (variants, levels); noise is NaN for a base
            alone.
        step: epoch of the best member, int64 (variants, levels); 0 for a base alone.
        members: number of members of the critic, int64 (variants, levels).
        validation: validation value of the best member per epoch, float64 (levels, epochs + 1); NaN
            after it stopped.
    """

    seed: int
    fold: int
    statistics: list[str]
    units: list[str]
    ceiling: np.ndarray
    chance: np.ndarray
    values: np.ndarray
    itself: np.ndarray
    null: np.ndarray
    exhaustive: bool
    base: list[list[str]]
    temperature: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    members: np.ndarray
    validation: np.ndarray

    def __post_init__(self):
        """Convert the tensors of a checkpoint to arrays."""
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                object.__setattr__(self, name, value.numpy())

    def plain(self) -> dict[str, Any]:
        """Return the fields as a checkpoint keeps them: numbers, text, lists and tensors."""
        return {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, eq=False)
class Member:
    """A base alone, or one trained network.

    Attributes:
        stack: the networks of its recipe; None for the base alone.
        network: its index in that stack.
        value: its value on validation pairs, in nats.
    """

    stack: Trained | None
    network: int
    value: float

    @property
    def with_base(self) -> bool:
        """Whether its scores include those of the base."""
        return self.stack is None or self.stack.recipe.based

    def scores(self, based: Based, plain: np.ndarray, views: np.ndarray) -> torch.Tensor:
        """Return T of every view with every plain item, float32 (views, plain items)."""
        total = torch.zeros(len(views), len(plain), dtype=torch.float32)
        if self.with_base:
            total = total + based.scores(plain, views)
        if self.stack is not None:
            total = total + self.stack.scores(self.network, plain, views)
        return total


@dataclass(frozen=True, eq=False)
class Critic:
    """The chosen critic of one network: the mean of its members.

    Attributes:
        based: the chosen base, which members may use.
        members: the members, the best one first.
        offset: log normaliser of the mean score on validation pairs, in nats.
        largest: largest score on validation pairs, in nats. Test scores are cut there: one pair
            that scores higher could outweigh all others in the normaliser.
    """

    based: Based
    members: list[Member]
    offset: float
    largest: float

    @property
    def best(self) -> Member:
        """The best single member."""
        return self.members[0]

    def scores(self, plain: np.ndarray, views: np.ndarray) -> torch.Tensor:
        """Return T of every view with every plain item, float32 (views, plain items)."""
        found = [each.scores(self.based, plain, views) for each in self.members]
        return torch.stack(found).mean(0)


def evaluate(
    bound: Bound,
    problem: Problem,
    units: list[tuple[int, int]],
    based: dict[tuple[int, str, int], Based],
    trained: list[Trained],
    settings: CrossFitted,
) -> list[Unit]:
    """Choose the critics of some units, and read them on the test folds.

    Args:
        bound: how the critics are chosen and read.
        problem: the pairs.
        units: (seed, fold) of each unit.
        based: the base of every (fold, variant, level).
        trained: the trained networks of these units.
        settings: of the protocol.
    """
    return [_unit(bound, problem, unit, based, trained, settings) for unit in units]


def _unit(
    bound: Bound,
    problem: Problem,
    unit: tuple[int, int],
    based: dict[tuple[int, str, int], Based],
    trained: list[Trained],
    settings: CrossFitted,
) -> Unit:
    seed, fold = unit
    first = problem.seeds[0]
    test = scored(problem, problem.splits[fold].test, settings.scored_pairs, [first, fold, 7])
    groups = np.unique(problem.groups[test], return_inverse=True)[1]
    weights = bootstrap(int(groups.max()) + 1, settings.bootstraps, first, fold)
    used = permutation.blocks(groups, first + fold, len(test), len(test))
    orders = permutation.orders(used, settings.permutations, first + fold)
    count = len(problem.y)
    shape = len(problem.partner), count
    temperature, noise = np.full(shape, np.nan), np.full(shape, np.nan)
    step, members = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    base = [[""] * count for _ in problem.partner]
    curves: list[np.ndarray] = []
    read: list[list[list[Statistic]]] = []
    itself, nulls = [], []
    for row, (variant, partner) in enumerate(problem.partner.items()):
        read.append([])
        for level in range(count):
            key = seed, fold, variant, level
            critic = choose(bound, problem, key, based[fold, variant, level], trained, settings)
            scores = critic.scores(test, partner[test]).double()
            if bound.in_nats:
                scores = scores.clamp(max=critic.largest)
                scores = bounds.bounded(scores, critic.offset, len(test), bound.highest)
            if variant != MATCHED:
                # A view's true plain item is not a negative of the mismatched pair.
                hidden = torch.from_numpy(problem.own(variant, test))
                hidden.fill_diagonal_(False)
                scores = scores.masked_fill(hidden, -torch.inf)
            draws = weights if variant == MATCHED else weights[:1]
            found = bound.read(Scores(scores, torch.from_numpy(groups)), draws)
            read[row].append(found)
            named = based[fold, variant, level].choice
            best = critic.best
            base[row][level] = named.name if best.with_base else "none"
            temperature[row, level] = named.temperature if best.with_base else np.nan
            members[row, level] = len(critic.members)
            if best.stack is not None:
                noise[row, level] = best.stack.recipe.noise
                step[row, level] = int(best.stack.steps[best.network])
            if variant == MATCHED:
                each = [null(one.matched, used, orders, settings.permutations) for one in found]
                itself.append([one[0] for one in each])
                nulls.append([one[1] for one in each])
                curves.append(_curve(critic))
    statistics = read[0][0]
    values = np.full((*shape, len(statistics), len(weights)), np.nan)
    for row, levels in enumerate(read):
        for level, found in enumerate(levels):
            if row and problem.own(MISMATCHED, test).all():
                continue
            for place, one in enumerate(found):
                values[row, level, place, : len(one.values)] = one.values
    longest = max(map(len, curves))
    return Unit(
        seed=seed,
        fold=fold,
        statistics=[one.name for one in statistics],
        units=[one.unit for one in statistics],
        ceiling=np.array([one.ceiling for one in statistics]),
        chance=np.array([one.chance for one in statistics]),
        values=values,
        itself=np.array(itself),
        null=np.array(nulls),
        exhaustive=orders.exhaustive,
        base=base,
        temperature=temperature,
        noise=noise,
        step=step,
        members=members,
        validation=np.stack(
            [np.pad(each, (0, longest - len(each)), constant_values=np.nan) for each in curves]
        ),
    )


def _curve(critic: Critic) -> np.ndarray:
    """Return the validation values of a critic's network, float64 (epochs + 1,)."""
    best = critic.best
    if best.stack is None:
        return np.array([best.value])
    return best.stack.validation[:, best.network].double().numpy()


def choose(
    bound: Bound,
    problem: Problem,
    key: tuple[int, int, str, int],
    based: Based,
    trained: list[Trained],
    settings: CrossFitted,
) -> Critic:
    """Return the critic with the largest validation value.

    A network replaces its base (or T = 0) only if it gains more than 1 nat divided by the number of
    validation pictures, the price of one parameter by Akaike's criterion. A further member joins
    the mean score only if it gains as much again (Caruana et al., ICML 2004).

    Args:
        bound: its criterion is the value.
        problem: the pairs.
        key: (seed, fold, variant, level).
        based: the base chosen for this key.
        trained: all stacks; those without this key are skipped.
        settings: of the protocol.
    """
    seed, fold, variant, _ = key
    limit = getattr(settings, "validated_pairs", OFFSET_PAIRS)
    limit = min(limit, *(len(split.validation) for split in problem.splits))
    index = validated(problem, fold, seed, limit)
    views = problem.partner[variant][index]
    own = torch.from_numpy(problem.own(variant, index))
    pictures = len(np.unique(problem.groups[index]))
    base = Member(None, 0, _value(bound, based.scores(index, views), own))
    found = [base]
    for stack in trained:
        if key in stack.keys:
            network = stack.keys.index(key)
            if int(stack.steps[network]):
                found.append(Member(stack, network, float(stack.values[network])))
    better = [each for each in found[1:] if each.value > base.value + 1 / pictures]
    found = sorted([base, *better], key=lambda each: -each.value)
    members, top = found[:1], found[0].value
    total = members[0].scores(based, index, views)
    for each in found[1:]:
        together = total + each.scores(based, index, views)
        value = _value(bound, together / (len(members) + 1), own)
        if value > top + 1 / pictures:
            members, top, total = [*members, each], value, together
    scores = total / len(members)
    others = scores[~own].double()
    offset = float(torch.logsumexp(others, 0) - np.log(len(others))) if len(others) else 0.0
    return Critic(based, members, offset, float(scores.max()))


def _value(bound: Bound, scores: torch.Tensor, own: torch.Tensor) -> float:
    """Return the criterion of scores (pairs, pairs), at most ln(pairs); 0 without negatives."""
    if own.all():
        return 0.0
    masked = scores.masked_fill(own, -torch.inf)[None]
    value = bound.criterion(scores.diagonal()[None], masked)
    return min(float(value[0]), float(np.log(len(scores))))
