"""Joint distributions with known mutual information, for calibrating estimators.

There is one module per family. A task draws pairs: `task(pairs, generator) -> Sample`.
`sample(name, …)` calls it by name.
"""

from functools import partial

import numpy as np

from leakage import seeds
from leakage.config.settings import nearest
from leakage.errors import LeakageError
from leakage.truths import discrete, encoded, gaussian, mixtures, pictures, transformed
from leakage.truths.encoded import STATISTICS
from leakage.truths.samples import Sample, Task

__all__ = ["ENCODED", "STATISTICS", "TASKS", "Sample", "Task", "names", "sample"]

STREAM = 5  # random stream of the tasks; steps and estimators use others

TASKS: dict[str, Task] = {
    # Gaussian
    "staircase": gaussian.staircase,
    "multinormal_dense": partial(gaussian.multinormal, gaussian.dense_covariance()),
    "multinormal_sparse": partial(gaussian.multinormal, gaussian.sparse_covariance()),
    "nearly_equal": partial(gaussian.multinormal, gaussian.dense_covariance(1, 0.999)),
    "same_space_64": partial(gaussian.same_space, dim=64),
    "same_space_1280": partial(gaussian.same_space, dim=1280),
    # injective maps of Gaussians, Student's t, uniform noise
    "staircase_cubed": gaussian.staircase_cubed,
    "spiral": transformed.turned_by_spirals,
    "spiral_5": partial(transformed.turned_by_spirals, dim=5),
    "spiral_fast": partial(transformed.turned_by_spirals, dim=3, turn=2.0),
    "normal_cdf": partial(transformed.mapped, dim=5, of_x=transformed.normal_cdf),
    "half_cube": partial(transformed.mapped, dim=5, of_x=transformed.half_cube),
    "wiggly": partial(
        transformed.mapped, dim=1, of_x=transformed.wiggly_x, of_y=transformed.wiggly_y
    ),
    "bimodal": partial(
        transformed.mapped, dim=1, of_x=transformed.bimodal_x, of_y=transformed.bimodal_y
    ),
    "swissroll": transformed.swissroll,
    "student_t": partial(transformed.student_t, np.eye(10), freedom=2),
    "student_dense": partial(transformed.student_t, gaussian.dense_covariance(5), freedom=3),
    "student_sparse": partial(transformed.student_t, gaussian.sparse_covariance(2), freedom=3),
    "student_asinh": transformed.asinh_student,
    "additive_noise": transformed.additive_noise,
    "additive_noise_wide": partial(transformed.additive_noise, half_width=0.75),
    # mixtures
    "mixture_x": partial(mixtures.mixture, shape="X"),
    "mixture_ai": partial(mixtures.mixture, shape="AI"),
    "waves": mixtures.waves,
    "galaxy": mixtures.galaxy,
    "concentric": mixtures.concentric,
    "inliers": mixtures.inliers,
    # discrete and mixed
    "quantised_4": partial(discrete.quantised, cells=4),
    "quantised_16": partial(discrete.quantised, cells=16),
    "bits": discrete.bits,
    "erasure": discrete.erasure,
    "mixed_uniform": discrete.mixed_uniform,
    "zero_inflated": discrete.zero_inflated,
    "repeated_rows": discrete.repeated_rows,
    # pictures
    "blobs": pictures.blobs,
    "rectangles": pictures.rectangles,
    "digits": pictures.digits,
    "pixels": discrete.pixels,
    # pictures through an encoder
    "erasure_pictures": encoded.erasure_pictures,
    "class_channel": encoded.class_channel,
    # nothing to find
    "independence": gaussian.independence,
    "independence_grouped": gaussian.independence_grouped,
    "independence_wide_9": partial(gaussian.independence_grouped, dim=2048),
    "independence_wide_2": partial(gaussian.independence_grouped, dim=2048, per_group=2),
}

ENCODED = ("erasure_pictures", "class_channel")  # the tasks that take an encoder


def names() -> list[str]:
    """Return the names of the tasks."""
    return list(TASKS)


def sample(name: str, pairs: int, seed: int, encoder: str = STATISTICS) -> Sample:
    """Draw `pairs` pairs of a task. The same arguments give the same arrays.

    The encoder is an entry of the configuration's `encoders`, as JSON text. Only the tasks with
    encoded pictures (`ENCODED`) use it.

    Raises:
        LeakageError: the task does not exist (the message names the nearest one), or the seed is
            not a whole number from 0.
    """
    if name not in TASKS:
        raise LeakageError(
            f"task {name!r} is not known; the nearest is {nearest(name, TASKS)!r} "
            f"(known: {', '.join(TASKS)})"
        )
    options = {"encoder": encoder} if name in ENCODED else {}
    return TASKS[name](pairs, np.random.default_rng([seeds.checked(seed), STREAM]), **options)
