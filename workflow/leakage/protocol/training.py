"""The training loop: random batches, a loss that goes down, a look at the end of every epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from leakage import progress


@dataclass(frozen=True, eq=False)
class Draws:
    """Batches of training pairs, without replacement within an epoch.

    Attributes:
        sides: the training pairs of each unit, int (pairs,).
        generators: one per unit, which draws its order.
        batch: pairs per step.
    """

    sides: list[np.ndarray]
    generators: list[torch.Generator]
    batch: int

    @property
    def steps(self) -> int:
        """Steps per epoch: every unit takes as many as the smallest one allows."""
        return min(map(len, self.sides)) // self.batch

    def epoch(self) -> Iterator[torch.Tensor]:
        """Yield positions in the sides, int64 (units, batch), in a new random order."""
        trained = min(map(len, self.sides))
        order = torch.stack(
            [
                torch.randperm(len(side), generator=each)[:trained]
                for side, each in zip(self.sides, self.generators, strict=True)
            ]
        )
        for start in range(0, trained - self.batch + 1, self.batch):
            yield order[:, start : start + self.batch]


def run(
    draws: Draws,
    loss: Callable[[torch.Tensor], torch.Tensor],
    optimiser: torch.optim.Optimizer,
    epochs: int,
    after_step: Callable[[], None],
    after_epoch: Callable[[int], bool],
    done: int = 0,
) -> None:
    """Train until all epochs are over or `after_epoch` says that it is enough.

    Args:
        draws: the batches.
        loss: of a batch of positions, one number; the networks' losses added up.
        optimiser: of all parameters.
        epochs: at most so many, `done` included.
        after_step: called after every step.
        after_epoch: called with the number of the epoch, from 1; true ends the training.
        done: epochs that an earlier run has done.
    """
    for epoch in progress.over(range(done + 1, epochs + 1), "epochs", done=done):
        for index in draws.epoch():
            optimiser.zero_grad(set_to_none=True)
            loss(index).backward()
            optimiser.step()
            after_step()
        if after_epoch(epoch):
            return


def keep_networks(
    module: torch.nn.Module, optimiser: torch.optim.Optimizer, kept: torch.Tensor
) -> None:
    """Take networks out of a stack, in place, with their part of the optimiser's state.

    Args:
        module: every parameter of which has the networks as its first axis.
        optimiser: Adam's kind: a state tensor is a number or as large as its parameter.
        kept: which networks stay, bool (networks,).
    """
    replaced = {}
    for owner in module.modules():
        for name, old in list(owner.named_parameters(recurse=False)):
            new = torch.nn.Parameter(old.detach()[kept.to(old.device)])
            setattr(owner, name, new)
            replaced[old] = new
            state = optimiser.state.pop(old, {})
            optimiser.state[new] = {
                key: value[kept.to(value.device)] if value.dim() else value
                for key, value in state.items()
            }
    for group in optimiser.param_groups:
        group["params"] = [replaced[old] for old in group["params"]]
