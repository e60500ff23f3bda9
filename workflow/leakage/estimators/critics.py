"""Many small critics as one stacked network: one per seed and level, trained side by side.

All levels share x, so x's half of the first layer is one product per seed. The networks of one
seed start from the same parameters and see the same pairs at the same time, so that their curves
differ by the level alone, and adding a seed changes nothing for the others.
"""

import itertools

import numpy as np
import torch
from torch.nn import functional


class StackedCritic(torch.nn.Module):
    """T(x, y) for every seed and level: a multilayer perceptron with ReLU on (x, y).

    Args:
        seeds: one per set of networks; each draws its own initial parameters.
        levels: networks per seed.
        dims: (dim_x, dim_y).
        hidden: width of the hidden layers.
        layers: number of hidden layers, at least 1.
    """

    def __init__(
        self, seeds: list[int], levels: int, dims: tuple[int, int], hidden: int, layers: int
    ):
        super().__init__()
        self.levels, self.hidden = levels, hidden
        dim_x, dim_y = dims
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]

        def parameter(rows: int, columns: int, fan_in: int) -> torch.nn.Parameter:
            """Draw as torch's linear layers do: uniform, up to 1/sqrt(fan_in)."""
            drawn = [torch.rand(rows, columns, generator=g) * 2 - 1 for g in generators]
            stacked = torch.stack(drawn) / max(1, fan_in) ** 0.5
            return torch.nn.Parameter(stacked.repeat_interleave(levels, 0))

        self.x_weight = parameter(dim_x, hidden, dim_x + dim_y)
        self.y_weight = parameter(dim_y, hidden, dim_x + dim_y)
        self.first_bias = parameter(1, hidden, dim_x + dim_y)
        widths = [hidden] * layers + [1]
        pairs = list(itertools.pairwise(widths))
        self.weights = torch.nn.ParameterList(parameter(i, o, i) for i, o in pairs)
        self.biases = torch.nn.ParameterList(parameter(1, o, i) for i, o in pairs)

    def halves(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what x and y bring to the first layer, each (seeds * levels, pairs, hidden).

        Args:
            x: shape (seeds, pairs, dim_x), shared by the levels.
            y: shape (seeds, levels, pairs, dim_y).
        """
        seeds, pairs, dim_x = x.shape
        wide = self.x_weight.view(seeds, self.levels, dim_x, self.hidden).transpose(1, 2)
        from_x = torch.bmm(x, wide.reshape(seeds, dim_x, self.levels * self.hidden))
        from_x = from_x.view(seeds, pairs, self.levels, self.hidden).transpose(1, 2)
        from_y = torch.baddbmm(self.first_bias, y.flatten(0, 1), self.y_weight)
        return from_x.reshape(-1, pairs, self.hidden), from_y

    def head(self, first: torch.Tensor) -> torch.Tensor:
        """Return T, shape (seeds * levels, pairs), of the sum of two halves."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first = torch.baddbmm(bias, functional.relu(first), weight)
        return first.squeeze(-1)


def shuffle(
    halves: torch.Tensor, levels: int, self_pairs: bool, generators: list[torch.Generator]
) -> torch.Tensor:
    """Return `halves` (seeds * levels, pairs, hidden) with the pairs of each seed mismatched.

    Without `self_pairs` every item meets the next one (the pairs come in random order, so this is
    a random derangement); with them, a random permutation, which may leave an item where it is.
    """
    if not self_pairs:
        return halves.roll(1, dims=1)
    pairs = halves.shape[1]
    orders = [torch.randperm(pairs, generator=generator) for generator in generators]
    index = torch.stack(orders).repeat_interleave(levels, 0).to(halves.device)
    return halves.gather(1, index[:, :, None].expand_as(halves))


def log_mean_exp(values: torch.Tensor) -> torch.Tensor:
    """Return ln(mean(exp(values))) over the last dimension, without overflow."""
    return torch.logsumexp(values, dim=-1) - np.log(values.shape[-1])
