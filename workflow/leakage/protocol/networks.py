"""Many small critics as one stacked network, trained side by side.

The networks of one seed start from the same parameters and see the same pairs at the same time.
Their curves therefore differ only by the level, and adding a network does not change the others.

A joint critic is a perceptron on (x, y). It draws the paper's training curves. A separable critic
is an inner product of a perceptron on x and one on y. All pairs of a batch then cost one matrix
product (van den Oord et al., arXiv 1807.03748; Poole et al., ICML 2019, arXiv 1905.06922, section
3).
"""

import copy
import functools
import itertools

import numpy as np
import torch
from torch.nn import functional


class JointCritic(torch.nn.Module):
    """T(x, y) for every seed and level: a multilayer perceptron with ReLU on (x, y).

    There are `levels` networks for each seed of initial parameters.
    """

    def __init__(
        self, seeds: list[int], levels: int, dims: tuple[int, int], hidden: int, layers: int
    ):
        super().__init__()
        self.levels, self.hidden = levels, hidden
        dim_x, dim_y = dims
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]

        parameter = functools.partial(_parameter, generators, levels)

        self.x_weight = parameter(dim_x, hidden, dim_x + dim_y)
        self.y_weight = parameter(dim_y, hidden, dim_x + dim_y)
        self.first_bias = parameter(1, hidden, dim_x + dim_y)
        widths = [hidden] * layers + [1]
        pairs = list(itertools.pairwise(widths))
        self.weights = torch.nn.ParameterList(parameter(i, o, i) for i, o in pairs)
        self.biases = torch.nn.ParameterList(parameter(1, o, i) for i, o in pairs)

    def halves(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the parts of x and y in the first layer, each (seeds * levels, pairs, hidden).

        x (seeds, pairs, dim_x) is shared by the levels; y is (seeds, levels, pairs, dim_y).
        """
        from_y = torch.baddbmm(self.first_bias, y.flatten(0, 1), self.y_weight)
        return _shared(x, self.x_weight), from_y

    def head(self, first: torch.Tensor) -> torch.Tensor:
        """Return T, (seeds * levels, pairs), from the sum of two halves; overwrites the sum."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first = torch.baddbmm(bias, functional.relu_(first), weight)
        return first.squeeze(-1)

    def one(self, network: int, first: torch.Tensor) -> torch.Tensor:
        """Return T of one network, (pairs,), from the sum of two halves (pairs, hidden)."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first = torch.addmm(bias[network], functional.relu_(first), weight[network])
        return first.squeeze(-1)

    def rolled(self, from_x: torch.Tensor, from_y: torch.Tensor, shifts: range) -> torch.Tensor:
        """Return T of every x with the y `shift` places before it, (networks, shifts * pairs).

        On a CPU it computes one network and shift at a time, so that the layers stay in the
        processor's cache.
        """
        if from_x.is_cuda:
            return torch.cat([self.head(from_x + from_y.roll(s, dims=1)) for s in shifts], -1)
        found = from_x.new_empty(len(from_x), len(shifts), from_x.shape[1])
        for network, (x, y) in enumerate(zip(from_x, from_y, strict=True)):
            for place, shift in enumerate(shifts):
                found[network, place] = self.one(network, x + y.roll(shift, dims=0))
        return found.flatten(1)

    def crossed(self, from_x: torch.Tensor, from_y: torch.Tensor) -> torch.Tensor:
        """Return T of every y with every x, shape (seeds * levels, items of y, items of x)."""
        networks, rows, columns = len(from_x), from_y.shape[1], from_x.shape[1]
        sums = from_y[:, :, None] + from_x[:, None]
        return self.head(sums.flatten(1, 2)).view(networks, rows, columns)


class SeparableCritics(torch.nn.Module):
    """T(x, y) = <g(x), h(y)> + a(x) + b(y) + base(x, y) for many networks side by side.

    One perceptron with ReLU gives g and a, another gives h and b. Each also reads the squared
    length of the item. At the start they add 0, so an untrained critic equals its base. There is
    one network per seed; equal seeds give equal parameters. g(x) has `features` coordinates.
    """

    def __init__(
        self, seeds: list[int], dims: tuple[int, int], hidden: int, layers: int, features: int
    ):
        super().__init__()
        self.x_weights, self.x_biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        self.y_weights, self.y_biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        both = ((self.x_weights, self.x_biases), (self.y_weights, self.y_biases))
        drawn = {seed: torch.Generator().manual_seed(seed) for seed in dict.fromkeys(seeds)}
        for dim, (weights, biases) in zip(dims, both, strict=True):
            for rows, columns in itertools.pairwise([dim + 1, *[hidden] * layers, features + 1]):
                for stack, shape in ((weights, (rows, columns)), (biases, (1, columns))):
                    of_seed = {
                        seed: torch.rand(shape, generator=each, dtype=torch.float32) * 2 - 1
                        for seed, each in drawn.items()
                    }
                    stacked = torch.stack([of_seed[seed] for seed in seeds])
                    stack.append(torch.nn.Parameter(stacked / rows**0.5))
        with torch.no_grad():
            for parameter in (self.x_weights[-1], self.x_biases[-1]):
                parameter.zero_()
            self.y_weights[-1][..., -1] = 0
            self.y_biases[-1][..., -1] = 0

    def halves(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return two vectors per pair, (networks, pairs, features + 2), with T as their product.

        Args:
            x: shape (networks, pairs, dim_x).
            y: shape (networks, pairs, dim_y).
        """
        g = _perceptron(x, self.x_weights, self.x_biases)
        h = _perceptron(y, self.y_weights, self.y_biases)
        one = torch.ones_like(g[..., -1:])
        return torch.cat([g, one], -1), torch.cat([h[..., :-1], one, h[..., -1:]], -1)

    def network(self, index: int) -> "SeparableCritics":
        """Return a stack of one network, which shares the parameters."""
        one = copy.copy(self)
        one._modules = {}
        for name, stack in self.named_children():
            parameters = (each[index : index + 1].detach() for each in stack.parameters())
            one._modules[name] = torch.nn.ParameterList(parameters)
        return one


def crossed(from_x: torch.Tensor, from_y: torch.Tensor) -> torch.Tensor:
    """Return T of every y with every x, shape (networks, items of y, items of x)."""
    return torch.bmm(from_y, from_x.transpose(1, 2))


def _perceptron(
    items: torch.Tensor, weights: torch.nn.ParameterList, biases: torch.nn.ParameterList
) -> torch.Tensor:
    """Return the output, (networks, pairs, columns), for items and their standardised length."""
    dim = items.shape[-1]
    length = (items.square().sum(-1, keepdim=True) - dim) / (2 * dim) ** 0.5
    found = torch.baddbmm(biases[0], torch.cat([items, length], -1), weights[0])
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        found = torch.baddbmm(bias, functional.relu_(found), weight)
    return found


def _parameter(
    generators: list[torch.Generator], levels: int, rows: int, columns: int, fan_in: int
) -> torch.nn.Parameter:
    """Draw as torch's linear layers do: uniform up to 1/sqrt(fan_in), equal for a seed's levels."""
    drawn = [torch.rand(rows, columns, generator=g) * 2 - 1 for g in generators]
    stacked = torch.stack(drawn) / max(1, fan_in) ** 0.5
    return torch.nn.Parameter(stacked.repeat_interleave(levels, 0))


def _shared(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return x (seeds, pairs, dim) times each level's weight (seeds * levels, dim, columns)."""
    seeds, pairs, dim = x.shape
    levels, columns = len(weight) // seeds, weight.shape[-1]
    if dim <= columns:  # copying x per level is cheaper than copying the product
        return torch.bmm(x.repeat_interleave(levels, 0), weight)
    wide = weight.view(seeds, levels, dim, columns).transpose(1, 2)
    product = torch.bmm(x, wide.reshape(seeds, dim, levels * columns))
    product = product.view(seeds, pairs, levels, columns).transpose(1, 2)
    return product.reshape(-1, pairs, columns)


def shuffle(
    halves: torch.Tensor, levels: int, self_pairs: bool, generators: list[torch.Generator]
) -> torch.Tensor:
    """Return `halves` (seeds * levels, pairs, hidden) with the pairs of each seed mismatched.

    Without `self_pairs` every item meets the next one. The pairs come in random order, so this is a
    random derangement. With `self_pairs` it is a random permutation, which may keep an item in
    place.
    """
    if not self_pairs:
        return halves.roll(1, dims=1)
    pairs = halves.shape[1]
    orders = [torch.randperm(pairs, generator=generator) for generator in generators]
    index = torch.stack(orders).repeat_interleave(levels, 0).to(halves.device)
    return halves.gather(1, index[:, :, None].expand_as(halves))


def log_mean_exp(values: torch.Tensor) -> torch.Tensor:
    """Return ln(mean(exp(values))) over the last dimension, without overflow."""
    return torch.logsumexp(values, dim=-1) - float(np.log(values.shape[-1]))


def moving_average(average: torch.Tensor | None, new: torch.Tensor, rate: float) -> torch.Tensor:
    """Return the moving average updated with `new`, all as logarithms, for MINE's gradient."""
    if average is None or rate == 1:
        return new
    return torch.logaddexp(average + float(np.log1p(-rate)), new + float(np.log(rate)))
