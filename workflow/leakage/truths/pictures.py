"""Pictures with known information, as pixels: blobs, rectangles, digits of one class.

Blobs and rectangles come from Butakov et al., "Mutual Information Estimation via Normalizing
Flows", arXiv 2403.02187, as drawn by their package VanessB/mutinfo (`Gaussians2D`, `Rectangles2D`).
"""

import functools

import numpy as np

from leakage.interfaces import Floats, Ints
from leakage.truths.samples import Sample, of_one

SIDE = 16  # pixels
SMALLEST = 0.2  # smallest side of a rectangle, as a share of the picture's side
BLOB_WIDTH = 0.2  # standard deviation, as a share of the picture's side


def correlated_uniform(
    pairs: int, generator: np.random.Generator, dim: int, nats: float
) -> tuple[Floats, Floats]:
    """Return x and y, each (pairs, dim), uniform on [0, 1], with mutual information `nats`.

    They are Gaussians with equal canonical correlations. Both are rotated at random
    and then mapped to [0, 1] coordinate by coordinate.
    """
    from scipy.special import ndtr
    from scipy.stats import ortho_group

    correlation = np.sqrt(-np.expm1(-2 * nats / dim))
    x, noise = generator.standard_normal((2, pairs, dim))
    y = correlation * x + np.sqrt(1 - correlation**2) * noise
    turns = ortho_group.rvs(dim, size=2, random_state=generator)
    return ndtr(x @ turns[0]), ndtr(y @ turns[1])


def blobs(pairs: int, generator: np.random.Generator, nats: float = 3.0) -> Sample:
    """Return pictures of one Gaussian blob each. The centres have mutual information `nats`."""
    grid = np.linspace(0, 1, SIDE)

    def drawn(centres: Floats) -> Floats:
        across, down = (
            np.exp(-((grid - centres[:, [axis]]) ** 2) / (2 * BLOB_WIDTH**2)) for axis in (0, 1)
        )
        return (down[:, :, None] * across[:, None, :]).reshape(pairs, -1)

    x, y = correlated_uniform(pairs, generator, 2, nats)
    return of_one(drawn(x), drawn(y), nats)


def _rectangles(latent: Floats) -> Floats:
    """Return a picture of a rectangle per latent point, as rows of pixels, in [0, 1].

    Latent points (pictures, 4) are uniform on [0, 1]. Two numbers give the ends of the rectangle
    along the first axis, two along the second.
    """
    spare = 1 - SMALLEST
    pixel = np.arange(SIDE)
    profiles = []
    for first, second in (latent[:, :2].T, latent[:, 2:].T):
        begin = spare * (1 - np.sqrt(1 - first))
        end = begin + SMALLEST + second * (spare - begin)
        inside = np.minimum(pixel - SIDE * begin[:, None], SIDE * end[:, None] - pixel)
        profiles.append(np.clip(inside, 0, 1))  # edges are shaded, so the latent can be read off
    drawn: Floats = profiles[0][:, :, None] * profiles[1][:, None, :]
    return drawn.reshape(len(latent), -1)


def rectangles(pairs: int, generator: np.random.Generator, nats: float = 3.0) -> Sample:
    """Return pictures of one rectangle each. Positions and sizes have information `nats`."""
    x, y = correlated_uniform(pairs, generator, 4, nats)
    return of_one(_rectangles(x), _rectangles(y), nats)


@functools.cache
def digit_pictures() -> tuple[Floats, Ints]:
    """Return scikit-learn's digits, (1797, 64) with values 0 to 16, and their labels, (1797,)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images, labels


def of_classes(classes: Ints, generator: np.random.Generator) -> Ints:
    """Return the index of a random picture of each digit in `classes`, int64 (pairs,)."""
    labels = digit_pictures()[1]
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    found: Ints = order[starts[classes] + generator.integers(counts[classes])]
    return found


def digits(pairs: int, generator: np.random.Generator) -> Sample:
    """Return two pictures of one digit: I(X;Y) = ln 10.

    Both are drawn independently from all pictures of that digit. Each picture shows one digit, and
    the ten digits are equally likely, so the pictures share exactly the digit.
    """
    images, _ = digit_pictures()
    classes = generator.integers(10, size=pairs)
    x, y = (images[of_classes(classes, generator)] for _ in range(2))
    return of_one(x, y, np.log(10))
