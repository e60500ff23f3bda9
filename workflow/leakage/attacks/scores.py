"""How near a reconstruction is to the plain picture, and the baselines that it is compared with."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.measures.similarity import Psnr, Ssim

# In place of an attack's key, which has no spaces: the rows of the baselines.
VIEW, MEAN = "the view", "the mean picture"
# Side of the pictures that the mean picture is made of.
SIDE = 64


def scores(plain: Bytes, guess: Bytes | None) -> dict[str, float | bool]:
    """Return `ssim`, `psnr` in dB, `exact`, the share of equal values, and `recovered`.

    Without a guess the numbers are NaN.
    """
    if guess is None:
        return {"ssim": math.nan, "psnr": math.nan, "exact": math.nan, "recovered": False}
    exact = np.count_nonzero(plain == guess) / plain.size
    return {
        "ssim": Ssim().measure(plain, guess, guess),
        "psnr": Psnr().measure(plain, guess, guess),
        "exact": exact,
        "recovered": exact == 1,
    }


def small(picture: Bytes) -> NDArray[np.float32]:
    """Return a picture shrunk to `SIDE` x `SIDE`, with 3 channels."""
    from PIL import Image

    colour = np.broadcast_to(picture, (*picture.shape[:2], 3))
    shrunk = Image.fromarray(colour).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(shrunk, np.float32)


def mean_picture(
    others: Mapping[str, NDArray[np.float32]], image_id: str, shape: tuple[int, ...]
) -> Bytes:
    """Return the mean of all small pictures but one, enlarged; mid-grey if there is no other.

    Args:
        others: small pictures by image id.
        image_id: the picture to leave out.
        shape: (height, width, channels) of the result, uint8.
    """
    from PIL import Image

    height, width, channels = shape
    kept = [each for key, each in others.items() if key != image_id]
    if not kept:
        return np.full(shape, 128, np.uint8)
    mean = np.mean(kept, axis=0)
    found = Image.fromarray(np.rint(mean).astype(np.uint8)).resize((width, height))
    return np.asarray(found if channels == 3 else found.convert("L")).reshape(shape)
