"""Mutual information neural estimation (MINE): the paper's Figures 4 to 8.

Belghazi et al., "Mutual Information Neural Estimation", ICML 2018, arXiv 1801.04062. A network T
maximises the Donsker-Varadhan bound (its equation 10), I(X;Y) >= E_joint[T] - ln E_product[exp T].
The denominator of the gradient is an exponential moving average (its equation 12 and section 3.2).
The paper shows the value on the training pairs. It measures memorisation as well as leakage, so the
value on held-out pictures stands beside it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage import devices
from leakage.estimators import tables
from leakage.estimators.trained import Pixels, Trained
from leakage.interfaces import Ints
from leakage.protocol import byte_features, folds
from leakage.protocol.preprocessing import Variable

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from leakage.protocol.networks import JointCritic
    from leakage.storage.checkpoints import Checkpoint

ESTIMANDS = {
    "train": "Donsker-Varadhan value on the training pairs (the paper's way)",
    "validation": "Donsker-Varadhan bound on the pairs that choose the step",
    "test": "Donsker-Varadhan bound on held-out pairs, at the step chosen on validation",
}


class PixelBatches(Pixels):
    """How pairs of pixel values (bytes) are drawn, read by the critic, and held out."""

    pairs: int = pydantic.Field(default=20_000, ge=10, le=1_000_000_000)
    input: Literal["scalar", "bits", "fourier"] = "scalar"
    batch: int = pydantic.Field(default=500, ge=2)
    """pairs of pixel values per step"""


class MineTraining(Trained):
    """The training curves of MINE."""

    comparable = False

    method: Literal["mine_training"] = "mine_training"
    epochs: int = pydantic.Field(default=200, ge=1, le=1_000_000)
    """passes over the training pairs, the same for every representation"""
    batch: int = pydantic.Field(default=100, ge=2)
    """pairs per step"""
    hidden: int = pydantic.Field(default=128, ge=1, le=65_536)
    """width of the critic's hidden layers"""
    layers: int = pydantic.Field(default=2, ge=1, le=100)
    """number of the critic's hidden layers"""
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    """Adam's learning rate"""
    ema_rate: float = pydantic.Field(default=0.01, gt=0, le=1)
    """weight of a new batch in the moving average in the gradient's denominator"""
    self_pairs: bool = False
    """whether a shuffle may pair an item with itself, which makes ln(pairs) a ceiling"""
    pca: int | None = pydantic.Field(default=None, ge=1)
    """principal components of each side; null: all coordinates"""
    seeds: int = pydantic.Field(default=5, ge=1, le=1000)
    """networks per level with different splits and shuffles, for the bands of the figures"""
    validation: float = pydantic.Field(default=0.2, gt=0, lt=0.5)
    """share of the pictures that choose the step"""
    test: float = pydantic.Field(default=0.2, gt=0, lt=0.5)
    """share of the pictures for the held-out value"""
    evaluation_pairs: int = pydantic.Field(default=2_000, ge=2, le=1_000_000_000)
    """most pairs per split for the value after every epoch"""
    evaluation_shuffles: int = pydantic.Field(default=10, ge=1, le=10_000)
    """most mismatches of these pairs, in place of independent pairs"""
    pixels: PixelBatches = PixelBatches()
    """settings for pairs of pixel values, in place of embeddings"""

    def estimate(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        groups: NDArray[Any] | None,
        levels: list[int],
        seed: int,
        checkpoint: "Checkpoint | None" = None,
    ) -> "pd.DataFrame":
        """Return the Donsker-Varadhan value per level, seed, split and epoch.

        Pairs of a group are held out together. uint8 are pixel values; `pixels.input` says how
        critics read them. `seed` is the first of `seeds` seeds; each has its own split, parameters
        and shuffles. The checkpoint keeps the state of the training.

        Returns:
            The tidy table. `step` counts epochs from 1. `chosen` marks the test value at the epoch
            with the highest validation value, for each level and seed. `pictures` is the number of
            groups.

        Raises:
            LeakageError: fewer than three groups, or the device does not exist.
        """
        seeds = [seed + index for index in range(self.seeds)]
        how, batch = byte_features.choose(x, y, self), self.batch
        if groups is None or (how is not None and self.pixels.split == "pairs"):
            groups = np.arange(len(x))
        if how is not None:
            batch = self.pixels.batch
            x, y = (byte_features.encode(values, how) for values in (x, y))
        splits = [
            folds.split_by_group(
                groups, self.validation, self.test, np.random.default_rng([each, 1])
            )
            for each in seeds
        ]
        scaled = [_standardise(x, y, each.train, self.pca) for each in splits]
        plain, views = (np.stack(parts) for parts in zip(*scaled, strict=True))
        values = _train(plain, views, splits, seeds, self, batch, checkpoint)
        pairs = {name: [len(each.subsets()[name]) for each in splits] for name in ESTIMANDS}
        table = _table(values, levels, seeds, pairs, self, byte_features.note(how))
        return table.assign(pictures=float(len(np.unique(groups))))


def _standardise(
    x: NDArray[Any], y: NDArray[Any], train: Ints, pca: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return x and y, standardised on the training pairs, each level separately."""
    plain, *views = (Variable(values, train, pca, "standard").inputs for values in (x, *y))
    return plain, np.stack(views)


@dataclass(eq=False)
class _Training:
    """The state of a training."""

    critic: "JointCritic"  # one network per seed and level
    optimiser: "torch.optim.Optimizer"
    generators: "list[torch.Generator]"  # one per seed, for batches and shuffles
    values: dict[str, list[NDArray[Any]]]  # per split and epoch, (seeds, levels), in nats
    # ln of the moving average of E_product[exp T]; None before the first step.
    average: "torch.Tensor | None" = None

    def state(self) -> dict[str, Any]:
        """Return the state as a checkpoint keeps it."""
        import torch

        return {
            "critic": self.critic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generators": [generator.get_state() for generator in self.generators],
            "values": {each: torch.from_numpy(np.stack(v)) for each, v in self.values.items()},
            "average": self.average,
        }

    def restore(self, state: dict[str, Any], device: "torch.device") -> None:
        """Take up a state that a checkpoint kept."""
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        for generator, kept in zip(self.generators, state["generators"], strict=True):
            generator.set_state(kept)
        self.values = {name: list(kept.numpy()) for name, kept in state["values"].items()}
        self.average = state["average"].to(device)


def _train(
    x: NDArray[Any],
    y: NDArray[Any],
    splits: list[folds.Split],
    seeds: list[int],
    settings: MineTraining,
    batch: int,
    checkpoint: "Checkpoint | None",
) -> dict[str, NDArray[Any]]:
    """Train all critics and return their values per split, shape (epochs, seeds, levels), in nats.

    x is (seeds, pairs, dim_x) and y (seeds, levels, pairs, dim_y).
    """
    import torch

    from leakage.protocol import training
    from leakage.protocol.networks import JointCritic, log_mean_exp, moving_average, shuffle

    device = devices.resolve(settings.device)
    levels, dims = y.shape[1], (x.shape[-1], y.shape[-1])
    critic = JointCritic(seeds, levels, dims, settings.hidden, settings.layers).to(device)
    optimiser = torch.optim.Adam(critic.parameters(), lr=settings.learning_rate, fused=True)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    run = _Training(critic, optimiser, generators, {name: [] for name in ESTIMANDS})
    if checkpoint and (kept := checkpoint.load()):
        run.restore(kept, device)
    done = len(run.values["train"])
    plain, views = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    most = settings.evaluation_pairs
    # Pairs of each subset and seed, in random order.
    evaluation = {
        name: [
            np.random.default_rng([seed, 2]).permutation(split.subsets()[name])[:most]
            for split, seed in zip(splits, seeds, strict=True)
        ]
        for name in ESTIMANDS
    }
    train = [torch.from_numpy(split.train) for split in splits]

    def loss(positions: torch.Tensor) -> torch.Tensor:
        index = torch.stack([of[each] for of, each in zip(train, positions, strict=True)])
        halves = critic.halves(*_select(plain, views, index.to(device)))
        joint = critic.head(halves[0] + halves[1]).mean(dim=-1)
        mismatched = shuffle(halves[1], levels, settings.self_pairs, generators)
        product = log_mean_exp(critic.head(halves[0] + mismatched))
        run.average = moving_average(run.average, product.detach(), settings.ema_rate)
        return (torch.exp(product - run.average) - joint).sum()

    def after_epoch(epoch: int) -> bool:
        for name, value in _evaluate(critic, plain, views, evaluation, settings).items():
            run.values[name].append(value)
        if checkpoint:
            checkpoint.keep(run.state)
        return False

    batch = min(batch, *map(len, train))
    draws = training.Draws([split.train for split in splits], generators, batch)
    training.run(draws, loss, optimiser, settings.epochs, lambda: None, after_epoch, done)
    return {name: np.stack(rows) for name, rows in run.values.items()}


def _evaluate(
    critic: "JointCritic",
    x: "torch.Tensor",
    y: "torch.Tensor",
    chosen: dict[str, list[NDArray[np.int64]]],
    settings: MineTraining,
) -> dict[str, NDArray[Any]]:
    """Return the value of every critic on every subset, shape (seeds, levels), in nats.

    `evaluation_shuffles` fixed mismatches represent the product of the marginals. No item meets
    itself in them. With `self_pairs` the matched pairs are added with their weight in a random
    permutation, 1 / pairs.
    """
    import torch

    from leakage.protocol.networks import log_mean_exp

    values = {}
    with torch.inference_mode():
        for name, indices in chosen.items():
            pairs = min(map(len, indices))
            index = torch.stack([torch.from_numpy(i[:pairs]) for i in indices]).to(x.device)
            from_x, from_y = critic.halves(*_select(x, y, index))
            joint = critic.rolled(from_x, from_y, range(1))
            shifts = range(1, min(settings.evaluation_shuffles, pairs - 1) + 1)
            product = joint.mean(-1)
            if len(shifts):
                product = log_mean_exp(critic.rolled(from_x, from_y, shifts))
            if settings.self_pairs:
                kept = log_mean_exp(joint) - np.log(pairs)
                product = torch.logaddexp(product + np.log1p(-1 / max(pairs, 2)), kept)
            value = joint.mean(dim=-1) - product
            values[name] = value.view(len(indices), critic.levels).cpu().numpy()
    return values


def _select(
    x: "torch.Tensor", y: "torch.Tensor", index: "torch.Tensor"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return the pairs at `index` (seeds, pairs) of x (seeds, all, dim) and y, per seed."""
    import torch

    rows = torch.arange(len(x), device=x.device)[:, None]
    levels = torch.arange(y.shape[1], device=x.device)[None, :, None]
    return x[rows, index], y[rows[:, :, None], levels, index[:, None]]


def _table(
    values: dict[str, NDArray[Any]],
    levels: list[int],
    seeds: list[int],
    pairs: dict[str, list[int]],
    settings: MineTraining,
    note: str,
) -> "pd.DataFrame":
    """Return values (epochs, seeds, levels) per split as the tidy table."""
    import pandas as pd

    best = values["validation"].argmax(axis=0)  # (seeds, levels)
    parts = []
    for name, value in values.items():
        step, seed, level = np.indices(value.shape)
        used = np.minimum(np.asarray(pairs[name])[seed], settings.evaluation_pairs)
        columns = {
            "level": np.asarray(levels)[level].ravel(),
            "seed": np.asarray(seeds)[seed].ravel(),
            "split": name,
            "step": step.ravel() + 1,
            "chosen": (step == best[seed, level]).ravel() & (name == "test"),
            "nats": value.ravel().astype(np.float64),
            "ceiling": np.log(used).ravel() if settings.self_pairs else np.nan,
            "estimand": ESTIMANDS[name] + note,
        }
        parts.append(pd.DataFrame(columns))
    return tables.tidy(pd.concat(parts, ignore_index=True))
