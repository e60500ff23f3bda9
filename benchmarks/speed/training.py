"""The stacked training of MINE, compared with a loop that trains one network after the other."""

from functools import partial

import numpy as np
from leakage import allocator
from leakage.estimators import estimate

from speed import REPEATS, Row, seconds

LEVELS, PAIRS, PER_PICTURE = 9, 900, 9
FOLDS, HIDDEN, LAYERS, BATCH = 5, 64, 2, 64
# The difference between two numbers of epochs is the time of training, without preparation and
# evaluation. The package also validates after each epoch, the loop does not.
FEW, MANY = 2, 12
WIDTHS = {16: 4.0, 32: 1.0, 64: 2.0, 128: 1.0, 512: 1.0}
OURS = {
    "folds": FOLDS,
    "hidden": HIDDEN,
    "layers": LAYERS,
    "batch": BATCH,
    "floor": False,
    "permutations": 0,
    "bootstraps": 0,
}


def rows() -> list[Row]:
    """Return a row per number of principal components."""
    allocator.keep()
    found = [row(width, asked, "cpu", 1) for width, asked in WIDTHS.items()]
    # The last row has no Gaussian base, like the loop.
    return [*found, row(max(WIDTHS), 1.0, "cpu", 1, ())]


def row(
    width: int, asked: float, device: str, seeds: int, bases: tuple[str, ...] = ("gaussian",)
) -> Row:
    """Return the row of one number of principal components."""
    x, y, groups = data(width)
    settings = OURS | {"pca": width, "device": device, "seeds": seeds, "bases": bases}

    def ours(epochs: int) -> float:
        return seconds(partial(estimate, "mine", x, y, groups, epochs=epochs, **settings))

    def usual() -> float:
        return seconds(partial(loop, x, y, MANY - FEW, device, seeds))

    # The first pair only warms up.
    times = [(ours(MANY) - ours(FEW), usual()) for _ in range(REPEATS + 1)][1:]
    return Row(
        f"training MINE, bases {list(bases)}, {MANY - FEW} epochs, {LEVELS} levels, {FOLDS} folds, "
        f"{seeds} seed(s), {width} components, {device}",
        "a loop over levels, folds and seeds, each a perceptron on (x, y) with plain Adam",
        asked,
        True,
        [other / own for own, other in times],
        f"{np.median([other for _, other in times]):.1f} s of loop",
    )


def data(width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x (pairs, width), y (levels, pairs, width), float32, and each pair's picture."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(PAIRS, width)).astype(np.float32)
    noise = generator.normal(size=(LEVELS, PAIRS, width)).astype(np.float32)
    y = x + noise * np.arange(LEVELS, dtype=np.float32)[:, None, None]
    return x, y, np.arange(PAIRS) // PER_PICTURE


def loop(x: np.ndarray, y: np.ndarray, epochs: int, device: str, seeds: int) -> None:
    """Train as many networks as long, with MINE as usually written (Belghazi et al. 2018)."""
    import torch
    from torch import nn

    trained = PAIRS * (FOLDS - 2) // FOLDS
    plain, seen = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    for level in range(LEVELS):
        for network in range(FOLDS * seeds):
            torch.manual_seed(network)
            width = 2 * x.shape[1]
            layers: list[nn.Module] = []
            for _ in range(LAYERS):
                layers += [nn.Linear(width, HIDDEN), nn.ReLU()]
                width = HIDDEN
            critic = nn.Sequential(*layers, nn.Linear(width, 1)).to(device)
            optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3)
            for _ in range(epochs):
                order = torch.randperm(trained, device=device)
                for start in range(0, trained - BATCH + 1, BATCH):
                    index = order[start : start + BATCH]
                    a, b = plain[index], seen[level][index]
                    mismatched = b[torch.randperm(len(b), device=device)]
                    joint = critic(torch.cat([a, b], 1)).mean()
                    product = critic(torch.cat([a, mismatched], 1))
                    bound = joint - (torch.logsumexp(product, 0) - np.log(len(b)))
                    optimiser.zero_grad()
                    (-bound).sum().backward()
                    optimiser.step()
    if device == "cuda":
        torch.cuda.synchronize()
