"""The stacked training of MINE, against the usual loop: one network after the other."""

from functools import partial

import numpy as np
from leakage.estimators import estimate

from speed import Row, seconds

LEVELS, PAIRS, PER_PICTURE = 9, 900, 9
FOLDS, HIDDEN, LAYERS, BATCH = 5, 64, 2, 64
# Preparing and reading take the same time with any number of epochs: the difference is training.
FEW, MANY = 4, 24
WIDTHS = {16: 4.0, 32: 1.0, 64: 2.0}
OURS = {
    "folds": FOLDS,
    "seeds": 1,
    "hidden": HIDDEN,
    "layers": LAYERS,
    "batch": BATCH,
    "patience": MANY,
    "floor": False,
    "permutations": 0,
    "bootstraps": 0,
    "device": "cpu",
}


def rows() -> list[Row]:
    """Return a row per number of principal components."""
    return [_row(width, asked) for width, asked in WIDTHS.items()]


def data(width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x (pairs, width), y (levels, pairs, width), float32, and each pair's picture."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(PAIRS, width)).astype(np.float32)
    noise = generator.normal(size=(LEVELS, PAIRS, width)).astype(np.float32)
    y = x + noise * np.arange(LEVELS, dtype=np.float32)[:, None, None]
    return x, y, np.arange(PAIRS) // PER_PICTURE


def _row(width: int, asked: float) -> Row:
    x, y, groups = data(width)

    def trained(epochs: int) -> None:
        estimate("mine", x, y, groups, epochs=epochs, pca=width, **OURS)

    def ours() -> float:
        few, many = (seconds(partial(trained, epochs)) for epochs in (FEW, MANY))
        return many - few

    def usual() -> float:
        return seconds(lambda: loop(x, y, MANY - FEW))

    ours(), usual()
    pairs = [(ours(), usual()) for _ in range(5)]
    return Row(
        f"MINE, {LEVELS} levels, {FOLDS} folds, {width} components",
        "a loop over levels and folds, a network each, Adam",
        asked,
        True,
        [other / own for own, other in pairs],
    )


def loop(x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """Train MINE as it is usually written (Belghazi et al. 2018), as many networks and steps."""
    import torch
    from torch import nn

    trained = PAIRS * (FOLDS - 2) // FOLDS
    plain, seen = torch.from_numpy(x), torch.from_numpy(y)
    for level in range(LEVELS):
        for fold in range(FOLDS):
            torch.manual_seed(fold)
            width = 2 * x.shape[1]
            layers: list[nn.Module] = []
            for _ in range(LAYERS):
                layers += [nn.Linear(width, HIDDEN), nn.ReLU()]
                width = HIDDEN
            critic = nn.Sequential(*layers, nn.Linear(width, 1))
            optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3)
            for _ in range(epochs):
                order = torch.randperm(trained)
                for start in range(0, trained - BATCH + 1, BATCH):
                    index = order[start : start + BATCH]
                    a, b = plain[index], seen[level][index]
                    mismatched = b[torch.randperm(len(b))]
                    joint = critic(torch.cat([a, b], 1)).mean()
                    product = critic(torch.cat([a, mismatched], 1))
                    bound = joint - (torch.logsumexp(product, 0) - np.log(len(b)))
                    optimiser.zero_grad()
                    (-bound).sum().backward()
                    optimiser.step()
