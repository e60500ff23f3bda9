"""The training loop over random batches, with callbacks after every step and epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from leakage import progress
from leakage.interfaces import Ints


@dataclass(frozen=True, eq=False)
class Draws:
    """Batches of training pairs, without replacement within an epoch."""

    train: list[Ints]  # the training pairs of each unit
    generators: list[torch.Generator]  # one per unit; each draws the unit's order
    batch: int  # pairs per step

    def epoch(self) -> Iterator[torch.Tensor]:
        """Yield positions in `train`, int64 (units, batch), in a new random order."""
        trained = min(map(len, self.train))  # as many steps as the smallest unit allows
        units = zip(self.train, self.generators, strict=True)
        orders = [torch.randperm(len(pairs), generator=each)[:trained] for pairs, each in units]
        order = torch.stack(orders)
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
        epochs: largest number of epochs, including the `done` ones of an earlier run.
        after_step: called after every step.
        after_epoch: called with the number of the epoch, from 1.
        done: epochs done by an earlier run.
    """
    for epoch in progress.over(range(done + 1, epochs + 1), "epochs", done=done):
        for index in draws.epoch():
            optimiser.zero_grad(set_to_none=True)
            loss(index).backward()  # type: ignore[no-untyped-call]  # torch has no types here
            optimiser.step()
            after_step()
        if after_epoch(epoch):
            return


def keep_networks(
    module: torch.nn.Module, kept: torch.Tensor, optimiser: torch.optim.Optimizer | None = None
) -> None:
    """Keep only the networks in the mask `kept`, in a stack and its optimiser's state, in place.

    The first axis of every parameter is the networks. The optimiser is one like Adam, with state
    tensors that are scalars or as large as the parameter.
    """
    replaced = {}
    for owner in module.modules():
        for name, old in list(owner.named_parameters(recurse=False)):
            replaced[old] = torch.nn.Parameter(old.detach()[kept.to(old.device)])
            owner.register_parameter(name, replaced[old])
    if optimiser is None:
        return
    for old, new in replaced.items():
        optimiser.state[new] = {
            key: value[kept.to(value.device)] if value.dim() else value
            for key, value in optimiser.state.pop(old, {}).items()
        }
    for group in optimiser.param_groups:
        group["params"] = [replaced[old] for old in group["params"]]
