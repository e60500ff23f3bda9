"""Joint distributions whose mutual information is known: what estimators are calibrated on.

A module per family. A task draws pairs: `task(pairs, generator) -> Sample`; `sample(name, …)` calls
it by name.
"""

from functools import partial

import numpy as np

from leakage.errors import LeakageError
from leakage.settings import nearest
from leakage.truths import discrete, gaussian, mixtures, pictures, transformed
from leakage.truths.discrete import PHOTOGRAPHS, photograph_pixels
from leakage.truths.gaussian import (
    dense_covariance,
    gaussian_nats,
    sparse_covariance,
    staircase_correlations,
)
from leakage.truths.samples import Sample, Task
from leakage.truths.transformed import spiral, student_t_nats

__all__ = [
    "PHOTOGRAPHS",
    "TASKS",
    "Sample",
    "Task",
    "dense_covariance",
    "gaussian_nats",
    "names",
    "photograph_pixels",
    "sample",
    "sparse_covariance",
    "spiral",
    "staircase_correlations",
    "student_t_nats",
]

STREAM = 5  # of the seed; the steps and estimators draw from others

TASKS: dict[str, Task] = {
    "staircase": gaussian.staircase,
    "staircase_cubed": gaussian.staircase_cubed,
    "multinormal_dense": gaussian.multinormal_dense,
    "multinormal_sparse": gaussian.multinormal_sparse,
    "spiral": transformed.turned_by_spirals,
    "spiral_5": partial(transformed.turned_by_spirals, dim=5),
    "student_t": transformed.student_t,
    "student_dense": partial(
        transformed.student_t, dispersion=gaussian.dense_covariance(5), freedom=3
    ),
    "additive_noise": transformed.additive_noise,
    "swissroll": transformed.swissroll,
    "mixture_x": partial(mixtures.mixture, shape="X"),
    "mixture_ai": partial(mixtures.mixture, shape="AI"),
    "quantised_4": partial(discrete.quantised, cells=4),
    "quantised_16": partial(discrete.quantised, cells=16),
    "bits": discrete.bits,
    "repeated_rows": discrete.repeated_rows,
    "blobs": pictures.blobs,
    "digits": pictures.digits,
    "pixels": discrete.pixels,
    "independence": gaussian.independence,
    "independence_grouped": gaussian.independence_grouped,
}


def names() -> list[str]:
    """Return the names of the tasks."""
    return list(TASKS)


def sample(name: str, pairs: int, seed: int) -> Sample:
    """Draw `pairs` pairs of a task; the same arguments give the same arrays.

    Raises:
        LeakageError: there is no such task; the message names the nearest one.
    """
    if name not in TASKS:
        raise LeakageError(
            f"task {name!r} is not known; the nearest is {nearest(name, TASKS)!r} "
            f"(known: {', '.join(TASKS)})"
        )
    return TASKS[name](pairs, np.random.default_rng([seed, STREAM]))
