"""Values that are not pictures, and the words of the message that refuses each."""

from typing import Any

import numpy as np
import torch
from PIL import Image

PICTURE = np.zeros((4, 4, 1), np.uint8)
CASES: list[tuple[Any, str]] = [
    (PICTURE.astype(bool), r"an array of bool with shape \(4, 4, 1\); expected .*; scale it"),
    (PICTURE.astype(">u2"), "an array of >u2 with .*; scale it to 0..255, then convert it with"),
    (PICTURE.astype(float), "an array of float64 with .*; scale it"),
    (PICTURE.astype(np.int16), "an array of int16 with .*; scale it"),
    (np.ma.masked_equal(PICTURE, 0), "a masked array of uint8 with .*; fill the masked pixels"),
    (PICTURE[..., 0], r"an array of uint8 with shape \(4, 4\); .*; give a grey picture as \w+\["),
    (PICTURE[0, 0, 0], "a uint8; expected a NumPy array of uint8 .*; convert it"),
    (np.zeros((4, 4, 2), np.uint8), r"an array .* \(4, 4, 2\); .*; give one grey or RGB picture"),
    (np.zeros((4, 4, 4), np.uint8), r"an array .* \(4, 4, 4\); .*; leave transparency out"),
    (np.zeros((2, 4, 4, 3), np.uint8), r"an array .* \(2, 4, 4, 3\); .*; give one grey or RGB"),
    (PICTURE[:0], r"an array .* \(0, 4, 1\); .*; leave empty pictures out"),
    (PICTURE.tolist(), "a list; expected .*; convert it, for example with np.asarray"),
    (None, "None; expected .*; convert it"),
    (torch.from_numpy(PICTURE), "a Tensor; expected .*; convert it"),
    (Image.fromarray(PICTURE[..., 0]), "a Image; expected .*; convert it"),
]
