"""Encryption, compared with a copy of the bytes and ChaCha20 alone."""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from leakage import schemes

from speed import Row, paired

PICTURES, SHAPE, LEVEL = 100, (480, 640, 3), 4


def rows() -> list[Row]:
    """Return the row of encryption at one level."""
    plain = list(np.random.default_rng(0).integers(0, 256, (PICTURES, *SHAPE), np.uint8))
    scheme = schemes.KeyedScheme("msb_xor", schemes.cipher_class("msb_xor")(), bytes(32))

    def ours() -> None:
        for number, pixels in enumerate(plain):
            scheme.encrypt(str(number), pixels, LEVEL)

    def least() -> None:
        target = np.empty(SHAPE, np.uint8)
        for pixels in plain:
            np.copyto(target, pixels)
            cipher = Cipher(algorithms.ChaCha20(bytes(32), bytes(16)), mode=None)
            cipher.encryptor().update_into(pixels.data.cast("B"), memoryview(target).cast("B"))

    times = paired(ours, least)
    return [
        Row(
            f"msb_xor at level {LEVEL}, {PICTURES} pictures in memory",
            "a copy of the same bytes and ChaCha20 over them",
            1.5,
            False,
            [own / other for own, other in times],
        )
    ]
