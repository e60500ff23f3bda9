"""Many small critics as one stacked network: one per seed and level, trained side by side.

All levels share x, so x's half of the first layer is one product per seed. The networks of one
seed start from the same parameters and see the same pairs at the same time, so that their curves
differ by the level alone, and adding a seed changes nothing for the others.

A joint critic is a perceptron on (x, y). A separable one is an inner product of a perceptron on x
and one on y: all pairs of a batch cost one matrix product (van den Oord et al., arXiv 1807.03748;
Poole et al., ICML 2019, arXiv 1905.06922, section 3).
"""

import functools
import itertools

import numpy as np
import torch
from torch.nn import functional


class JointCritic(torch.nn.Module):
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

        parameter = functools.partial(_parameter, generators, levels)

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
        from_y = torch.baddbmm(self.first_bias, y.flatten(0, 1), self.y_weight)
        return _shared(x, self.x_weight), from_y

    def head(self, first: torch.Tensor) -> torch.Tensor:
        """Return T, shape (seeds * levels, pairs), of a sum of two halves, which is overwritten."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first = torch.baddbmm(bias, functional.relu_(first), weight)
        return first.squeeze(-1)

    def one(self, network: int, first: torch.Tensor) -> torch.Tensor:
        """Return T of one network, (pairs,), of the sum of two halves (pairs, hidden)."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first = torch.addmm(bias[network], functional.relu_(first), weight[network])
        return first.squeeze(-1)

    def rolled(self, from_x: torch.Tensor, from_y: torch.Tensor, shifts: range) -> torch.Tensor:
        """Return T of every x with the y that lies `shift` places before it, for some shifts.

        Shape (seeds * levels, shifts * pairs). On a CPU one network and shift at a time, whose
        layers then stay in the processor's cache.
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


class SeparableCritic(torch.nn.Module):
    """T(x, y) = <g(x), h(y)> + a(x) + b(y) + base(x, y) for every seed and level.

    g and a, h and b come from one perceptron with ReLU each. At the start they add 0, so that an
    untrained critic is its base.

    Args:
        seeds, levels, dims, hidden, layers: as of `JointCritic`.
        features: length of g(x) and h(y).
        base: a fixed part of T, or None.
    """

    def __init__(
        self,
        seeds: list[int],
        levels: int,
        dims: tuple[int, int],
        hidden: int,
        layers: int,
        features: int,
        base: "GaussianBase | None" = None,
    ):
        super().__init__()
        self.base = base
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.x_weights, self.x_biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        self.y_weights, self.y_biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        sides = ((self.x_weights, self.x_biases), (self.y_weights, self.y_biases))
        for dim, (weights, biases) in zip(dims, sides, strict=True):
            read = dim + (base is not None)  # with a base, the length of the item as well
            for rows, columns in itertools.pairwise([read, *[hidden] * layers, features + 1]):
                weights.append(_parameter(generators, levels, rows, columns, rows))
                biases.append(_parameter(generators, levels, 1, columns, rows))
        with torch.no_grad():
            for parameter in (self.x_weights[-1], self.x_biases[-1]):
                parameter.zero_()
            self.y_weights[-1][..., -1] = 0
            self.y_biases[-1][..., -1] = 0

    def halves(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        noise: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what x and y bring to T, each (seeds * levels, pairs, length).

        Args:
            x: shape (seeds, pairs, dim_x), shared by the levels.
            y: shape (seeds, levels, pairs, dim_y).
            noise: added to what the perceptrons read, not to what the base does.
        """
        read_x, read_y = (x, y) if noise is None else (x + noise[0], y + noise[1])
        read_y, x_weight, y_weight = read_y.flatten(0, 1), self.x_weights[0], self.y_weights[0]
        if self.base is not None:
            read_x, read_y = _with_length(read_x), _with_length(read_y)
            x_weight, y_weight = self.base.turned(x_weight, y_weight)
        g = _shared(read_x, x_weight, self.x_biases[0])
        h = torch.baddbmm(self.y_biases[0], read_y, y_weight)
        for weight, bias in zip(self.x_weights[1:], self.x_biases[1:], strict=True):
            g = torch.baddbmm(bias, functional.relu_(g), weight)
        for weight, bias in zip(self.y_weights[1:], self.y_biases[1:], strict=True):
            h = torch.baddbmm(bias, functional.relu_(h), weight)
        a, b = g[..., -1:], h[..., -1:]
        parts_x, parts_y = [g[..., :-1]], [h[..., :-1]]
        if self.base is not None:
            u, of_x, v, of_y = self.base.halves(x, y)
            a, b = a + of_x, b + of_y
            parts_x.append(u)
            parts_y.append(v)
        one = torch.ones_like(a)
        return torch.cat([*parts_x, a, one], -1), torch.cat([*parts_y, one, b], -1)

    def crossed(self, from_x: torch.Tensor, from_y: torch.Tensor) -> torch.Tensor:
        """Return T of every y with every x, shape (seeds * levels, items of y, items of x)."""
        return torch.bmm(from_y, from_x.transpose(1, 2))


class GaussianBase(torch.nn.Module):
    """The log density ratio of jointly Gaussian x and y, in their canonical coordinates.

    ln p(x, y) / p(x) p(y) = sum_k [rho u v - rho^2 (u^2 + v^2) / 2] / (1 - rho^2)
    - ln(1 - rho^2) / 2, with u and v the canonical variates of correlation rho_k.

    It also says what the perceptrons beside it read: the canonical coordinates, each weighted by
    its correlation (relative to the largest, at least `LEAST`), and the item's squared length. Few
    pairs then teach them what a linear view already shows where to look for, and the length tells
    of what depends on the scale alone.

    Args:
        x_axes: shape (seeds * levels, dim_x, dim_x), canonical ones first.
        y_axes: shape (seeds * levels, dim_y, dim_y).
        rho: canonical correlations, shape (seeds * levels, components); 0 leaves one out.
    """

    LEAST = 0.1

    def __init__(self, x_axes: torch.Tensor, y_axes: torch.Tensor, rho: torch.Tensor):
        super().__init__()
        left, components = 1 - rho**2, rho.shape[-1]
        self.register_buffer("x_axes", x_axes[..., :components])
        self.register_buffer("y_axes", y_axes[..., :components])
        self.register_buffer("weight", (rho / left)[:, None])
        self.register_buffer("square", (rho**2 / left / 2)[:, :, None])
        self.register_buffer("constant", -0.5 * torch.log(left).sum(-1)[:, None, None])
        largest = rho.amax(-1, keepdim=True)
        relative = torch.where(largest > 0, rho / largest.clamp_min(1e-12), torch.ones_like(rho))
        for name, axes in (("x_read", x_axes), ("y_read", y_axes)):
            rest = axes.shape[-1] - components
            weights = functional.pad(relative, (0, rest)).clamp_min(self.LEAST)
            weights = torch.where(largest > 0, weights, torch.ones_like(weights))
            read = functional.pad(axes * weights[:, None], (0, 1, 0, 1))
            read[:, -1, -1] = 1  # the length, which is not turned
            self.register_buffer(name, read)

    def halves(
        self, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return u (weighted) and its square term, v and its, each (seeds * levels, pairs, …)."""
        u, v = _shared(x, self.x_axes), torch.bmm(y.flatten(0, 1), self.y_axes)
        of_x = self.constant - torch.bmm(u**2, self.square)
        return u * self.weight, of_x, v, -torch.bmm(v**2, self.square)

    def turned(
        self, x_weight: torch.Tensor, y_weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the perceptrons' first weights for items in their own coordinates, and lengths.

        Args:
            x_weight: of canonical coordinates and, in the last row, of the length, shape
                (seeds * levels, dim_x + 1, hidden).
            y_weight: shape (seeds * levels, dim_y + 1, hidden).
        """
        return torch.bmm(self.x_read, x_weight), torch.bmm(self.y_read, y_weight)


def _with_length(values: torch.Tensor) -> torch.Tensor:
    """Return items (…, dim) and their squared length, standardised as if they were normal."""
    dim = values.shape[-1]
    length = (values.square().sum(-1, keepdim=True) - dim) / (2 * dim) ** 0.5
    return torch.cat([values, length], -1)


def _parameter(
    generators: list[torch.Generator], levels: int, rows: int, columns: int, fan_in: int
) -> torch.nn.Parameter:
    """Draw as torch's linear layers do: uniform, up to 1/sqrt(fan_in); a seed's levels alike."""
    drawn = [torch.rand(rows, columns, generator=g) * 2 - 1 for g in generators]
    stacked = torch.stack(drawn) / max(1, fan_in) ** 0.5
    return torch.nn.Parameter(stacked.repeat_interleave(levels, 0))


def _shared(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return x (seeds, pairs, dim) times each level's weight (seeds * levels, dim, columns).

    And the bias (seeds * levels, 1, columns) with it, shape (seeds * levels, pairs, columns).
    """
    seeds, pairs, dim = x.shape
    levels, columns = len(weight) // seeds, weight.shape[-1]
    if dim <= columns:  # a copy of x per level is less than one of the product
        repeated = x.repeat_interleave(levels, 0)
        if bias is None:
            return torch.bmm(repeated, weight)
        return torch.baddbmm(bias, repeated, weight)
    wide = weight.view(seeds, levels, dim, columns).transpose(1, 2)
    product = torch.bmm(x, wide.reshape(seeds, dim, levels * columns))
    product = product.view(seeds, pairs, levels, columns).transpose(1, 2)
    product = product.reshape(-1, pairs, columns)
    return product if bias is None else product + bias


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


class LogSumExpOfOthers(torch.autograd.Function):
    """ln(sum(exp(T))) over the pairs of different pictures, whose exponentials its gradient uses.

    They are overwritten: a gradient can be asked for once. As torch.logsumexp of scores that are
    -inf within a picture, with half the passes over them.
    """

    @staticmethod
    def forward(context, crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Return it per network, shape (networks,).

        Args:
            context: what the gradient is given.
            crossed: T of every y with every x, shape (networks, pairs, pairs).
            own: which of them are of one picture, (units, pairs, pairs), units a part of networks.
        """
        shown = crossed.view(len(own), -1, *own.shape[1:])
        # Sums and products with a mask: filling by one takes ten times as long, and so does the
        # exponential of -inf.
        other = (~own[:, None]).to(crossed)
        top = (shown + torch.log(other)).amax((2, 3), keepdim=True)
        raised = (shown - top).clamp_(max=0).exp_().mul_(other).flatten(0, 1)
        total = raised.sum((1, 2), keepdim=True)
        context.save_for_backward(raised, total)
        return torch.log(total).flatten() + top.flatten()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient, the softmax times what comes."""
        raised, total = context.saved_tensors
        return raised.mul_(gradient[:, None, None] / total), None


def without(crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Return T (networks, pairs, pairs), -inf for pairs of one picture.

    Args:
        crossed: T of every y with every x.
        own: which are of one picture, shape (units, pairs, pairs), units a part of networks.
    """
    shown = crossed.view(len(own), -1, *own.shape[1:]).masked_fill(own[:, None], -float("inf"))
    return shown.flatten(0, 1)


def moving_average(average: torch.Tensor | None, new: torch.Tensor, rate: float) -> torch.Tensor:
    """Return the moving average with `new` in it, both as logarithms, as MINE's gradient needs."""
    if average is None:
        return new
    return torch.logaddexp(average + np.log1p(-rate), new + np.log(rate)) if rate < 1 else new
