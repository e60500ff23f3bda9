"""Choose critics on validation pictures, and evaluate them once on the test fold."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from leakage.interfaces import Floats, Ints
from leakage.protocol import bounds, permutation
from leakage.protocol.bounds import Bound, Scores, Statistic
from leakage.protocol.cross_fitting import CrossFitted, CrossFittedNetworks
from leakage.protocol.inference import block_means, bootstrap
from leakage.protocol.neural_critics import TrainedStack
from leakage.protocol.problem import (
    MATCHED,
    MISMATCHED,
    BaseKey,
    NetworkKey,
    Problem,
    scored,
    validated,
)
from leakage.protocol.selection import ChosenBase

# Most validation pairs for the offset of a base without networks.
OFFSET_PAIRS = 500


@dataclass(frozen=True, eq=False)
class FoldResult:
    """The results on the test fold of one seed and fold.

    Rows of `values` are the variants, matched first. The mismatched one has only the value on the
    pairs, which is NaN if they have no negatives (a fold of two pictures).
    """

    seed: int
    fold: int
    statistics: list[str]
    units: list[str]  # of each statistic, `nats` or `share`
    ceiling: Floats  # of each statistic
    chance: Floats
    values: Floats  # (variants, levels, statistics, 1 + draws): on the pairs, then on each draw
    itself: Floats  # (levels, statistics): mean over the matched pairs in the permutation test
    null: Floats  # (levels, statistics, orders): the same for each order of the pictures
    exhaustive: bool  # whether these are all orders
    base: list[list[str]]  # (variants, levels): of the best member, like the next three
    temperature: Floats
    noise: Floats  # NaN for a base alone
    step: Ints  # 0 for a base alone
    members: Ints  # (variants, levels): number of members of the critic
    validation: Floats  # (levels, epochs + 1): of the best member; NaN after it stopped

    def __post_init__(self) -> None:
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
    """A base alone, or one trained network."""

    stack: TrainedStack | None  # the networks of its recipe; None for the base alone
    network: int  # its index in that stack
    value: float  # its value on validation pairs, in nats

    @property
    def with_base(self) -> bool:
        """Whether its scores include those of the base."""
        return self.stack is None or self.stack.recipe.based

    @property
    def step(self) -> int:
        """Its best epoch; 0 for the base alone."""
        return 0 if self.stack is None else int(self.stack.steps[self.network])

    @property
    def validation(self) -> Floats:
        """Its validation value per epoch, float64 (epochs + 1,)."""
        if self.stack is None:
            return np.array([self.value])
        return self.stack.validation[:, self.network].double().numpy()

    def scores(self, base: ChosenBase, plain: Ints, views: Ints) -> torch.Tensor:
        """Return T of every view with every plain item, float32 (views, plain items)."""
        total = torch.zeros(len(views), len(plain), dtype=torch.float32)
        if self.with_base:
            total = total + base.scores(plain, views)
        if self.stack is not None:
            total = total + self.stack.scores(self.network, plain, views)
        return total


@dataclass(frozen=True, eq=False)
class Critic:
    """The chosen critic of one level: the mean of its members."""

    base: ChosenBase  # which members may use
    members: list[Member]  # the best one first
    offset: float  # log normaliser of the mean score on validation pairs, in nats
    # Largest score on validation pairs. Test scores are cut there: one pair that scores higher
    # could outweigh all others in the normaliser.
    largest: float

    @property
    def best(self) -> Member:
        """The best single member."""
        return self.members[0]

    def choice(self) -> tuple[str, float, float]:
        """Return base, temperature and noise of the best member; NaN for what it does not have."""
        stack, base = self.best.stack, self.base.choice
        noise = np.nan if stack is None else stack.recipe.noise
        of_base = (base.name, base.temperature) if self.best.with_base else ("none", np.nan)
        return *of_base, noise

    def scores(self, plain: Ints, views: Ints) -> torch.Tensor:
        """Return T of every view with every plain item, float32 (views, plain items)."""
        found = [each.scores(self.base, plain, views) for each in self.members]
        return torch.stack(found).mean(0)


def evaluate(
    bound: Bound,
    problem: Problem,
    unit: tuple[int, int],
    bases: dict[BaseKey, ChosenBase],
    trained: list[TrainedStack],
    settings: CrossFitted,
) -> FoldResult:
    """Choose the critics of one unit, (seed, fold), and evaluate them on its test fold."""
    seed, fold = unit
    first = problem.seeds[0]
    test = scored(problem, problem.splits[fold].test, settings.scored_pairs, [first, fold, 7])
    groups = np.unique(problem.groups[test], return_inverse=True)[1]
    weights = bootstrap(int(groups.max()) + 1, settings.bootstraps, first, fold)
    critics: list[list[Critic]] = []
    found: list[list[list[Statistic]]] = []  # per variant, level and statistic
    for variant in problem.partner:
        keys = [NetworkKey(seed, fold, variant, level) for level in range(len(problem.y))]
        chosen = [choose(bound, problem, key, bases[key.base], trained, settings) for key in keys]
        draws = weights if variant == MATCHED else weights[:1]
        scores = (_scores(bound, problem, critic, variant, test) for critic in chosen)
        of_groups = torch.from_numpy(groups)
        found.append([bound.statistics(Scores(each, of_groups), draws) for each in scores])
        critics.append(chosen)
    used = permutation.blocks(groups, first + fold, len(test), len(test))
    orders = permutation.orders(used, settings.permutations, first + fold)
    compared = orders.orders if settings.permutations else orders.orders[:1]
    means = np.array(
        [[block_means(one.matched.numpy(), used, compared) for one in level] for level in found[0]]
    )
    values = np.full((len(found), len(problem.y), len(found[0][0]), len(weights)), np.nan)
    for row, levels in enumerate(found):
        if row and problem.own(MISMATCHED, test).all():
            continue
        for level, of_level in enumerate(levels):
            for place, one in enumerate(of_level):
                values[row, level, place, : len(one.values)] = one.values
    curves = [critic.best.validation for critic in critics[0]]
    validation = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in enumerate(curves):
        validation[row, : len(curve)] = curve
    statistics = found[0][0]
    choices = [[critic.choice() for critic in of] for of in critics]
    return FoldResult(
        seed=seed,
        fold=fold,
        statistics=[one.name for one in statistics],
        units=[one.unit for one in statistics],
        ceiling=np.array([one.ceiling for one in statistics]),
        chance=np.array([one.chance for one in statistics]),
        values=values,
        itself=means[..., 0],
        null=means[..., 1:],
        exhaustive=orders.exhaustive,
        base=[[base for base, _, _ in of] for of in choices],
        temperature=np.array([[temperature for _, temperature, _ in of] for of in choices]),
        noise=np.array([[noise for _, _, noise in of] for of in choices]),
        step=np.array([[each.best.step for each in of] for of in critics]),
        members=np.array([[len(each.members) for each in of] for of in critics]),
        validation=validation,
    )


def _scores(
    bound: Bound, problem: Problem, critic: Critic, variant: str, test: Ints
) -> torch.Tensor:
    """Return the scores of every test view with every test item, float64 (pairs, pairs)."""
    scores = critic.scores(test, problem.partner[variant][test]).double()
    if bound.in_nats:
        scores = scores.clamp(max=critic.largest)
        scores = bounds.bounded(scores, critic.offset, len(test), bound.highest)
    if variant != MATCHED:
        # A view's true plain item is not a negative of the mismatched pair.
        hidden = torch.from_numpy(problem.own(variant, test))
        hidden.fill_diagonal_(False)
        scores = scores.masked_fill(hidden, -torch.inf)
    return scores


def choose(
    bound: Bound,
    problem: Problem,
    key: NetworkKey,
    chosen: ChosenBase,
    trained: list[TrainedStack],
    settings: CrossFitted,
) -> Critic:
    """Return the critic with the largest validation value.

    A network replaces its base (or T = 0) only if it gains more than 1 nat divided by the number of
    validation pictures, the price of one parameter by Akaike's criterion. A further member joins
    the mean score only if it gains as much again (Caruana et al., ICML 2004).

    """
    most = OFFSET_PAIRS
    if isinstance(settings, CrossFittedNetworks):
        most = settings.validated_pairs
    limit = min(most, *(len(split.validation) for split in problem.splits))
    index = validated(problem, key.fold, key.seed, limit)
    views = problem.partner[key.variant][index]
    own = torch.from_numpy(problem.own(key.variant, index))
    price = 1 / len(np.unique(problem.groups[index]))
    base = Member(None, 0, _value(bound, chosen.scores(index, views), own))
    candidates = [base]
    for stack in trained:
        if key in stack.keys:
            network = stack.keys.index(key)
            member = Member(stack, network, float(stack.values[network]))
            if member.step and member.value > base.value + price:
                candidates.append(member)
    best, *others = sorted(candidates, key=lambda each: -each.value)
    members, top = [best], best.value
    total = best.scores(chosen, index, views)
    for each in others:
        together = total + each.scores(chosen, index, views)
        value = _value(bound, together / (len(members) + 1), own)
        if value > top + price:
            members, top, total = [*members, each], value, together
    scores = total / len(members)
    negatives = scores[~own].double()
    count = len(negatives)
    offset = float(torch.logsumexp(negatives, 0) - np.log(count)) if count else 0.0
    return Critic(chosen, members, offset, float(scores.max()))


def _value(bound: Bound, scores: torch.Tensor, own: torch.Tensor) -> float:
    """Return the criterion of scores (pairs, pairs), at most ln(pairs); 0 without negatives."""
    if own.all():
        return 0.0
    masked = scores.masked_fill(own, -torch.inf)[None]
    value = bound.criterion(scores.diagonal()[None], masked)
    return min(float(value[0]), float(np.log(len(scores))))
