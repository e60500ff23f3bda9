"""The training loop over random batches, with callbacks after every step and epoch."""

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
        generators: one per unit; each draws the unit's order.
        batch: pairs per step.
    """

    sides: list[np.ndarray]
    generators: list[torch.Generator]
    batch: int

    @property
    def steps(self) -> int:
        """Steps per epoch, the same for all units: as many as the smallest unit allows."""
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
    """Train until all epochs are done or `after_epoch` returns true.

    Args:
        draws: the batches.
        loss: returns the summed loss of all networks for positions (units, batch).
        optimiser: of all parameters.
        epochs: largest number of epochs, including `done`.
        after_step: called after every step.
        after_epoch: called with the number of the epoch, from 1. Returns true to stop.
        done: epochs done by an earlier run.
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
    """Keep only some networks of a stack and of the optimiser's state, in place.

    Args:
        module: the stack; the first axis of every parameter is the networks.
        optimiser: one like Adam, with state tensors that are scalars or as large as the parameter.
        kept: which networks to keep, bool (networks,).
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
