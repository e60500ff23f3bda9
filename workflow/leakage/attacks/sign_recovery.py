"""Sign recovery: a JPEG picture from coefficients of which a share has a wrong sign.

The magnitudes are in the file. At level n of `jpeg_signs` a sign is wrong with probability
p = n/16, because n eighths are encrypted and half of those change. The two kinds of coefficients
are treated differently:

- AC coefficients are taken times 1 - 2p, their expected value.
- DC coefficients of neighbouring blocks are alike. Each sign is the more probable one, given the
  sign in the file and the DC of the four neighbours, over and over until nothing changes: iterated
  conditional modes, J. Besag, "On the statistical analysis of dirty pictures", Journal of the Royal
  Statistical Society B 48(3), 1986. At p = 1/2 the file says nothing, and DC is 0: the blocks are
  mid-grey.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakage.attacks import Attack, Target
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.jpeg_signs import Coefficients, JpegSigns, decoded, with_coefficients

# Most sweeps over the blocks; ten are usually enough.
SWEEPS = 30


class SignRecovery(Attack):
    """Recovery of encrypted signs of JPEG coefficients."""

    method: Literal["sign_recovery"] = "sign_recovery"

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether the cipher encrypts signs of JPEG coefficients."""
        return isinstance(cipher, JpegSigns)

    def reconstruct(self, target: Target) -> Bytes:
        """Return the picture in the file after the signs of DC are set and AC is damped."""
        cipher = target.cipher
        assert isinstance(cipher, JpegSigns)
        wrong = target.level / cipher.strongest / 2

        def changed(components: list[Coefficients]) -> list[Coefficients]:
            return [_expected(each, cipher.coefficients, wrong) for each in components]

        return decoded(with_coefficients(bytes(target.ciphertext), changed))


def _expected(found: Coefficients, encrypted: str, wrong: float) -> Coefficients:
    """Return the coefficients of one component, int16 (rows, columns, 64), without the errors."""
    expected = found.astype(np.float64)
    if encrypted != "dc":
        expected[..., 1:] *= 1 - 2 * wrong
    if encrypted != "ac":
        expected[..., 0] = smoothed(found[..., 0], wrong)
    return np.rint(expected).astype(np.int16)


def smoothed(values: NDArray[np.int16], wrong: float) -> NDArray[np.float64]:
    """Return a map of numbers with the signs that fit the neighbours.

    Args:
        values: int16 of shape (rows, columns), some with a wrong sign.
        wrong: the probability of a wrong sign, up to 1/2.
    """
    observed = values.astype(np.float64)
    if wrong >= 0.5:
        return np.zeros_like(observed)
    size, given = np.abs(observed), np.sign(observed)
    trust = np.log((1 - wrong) / wrong) / 2
    # Two blocks of one colour: alternate ones are set at once, as they are no neighbours.
    colour = np.indices(observed.shape).sum(0) % 2
    sign, scale = given.copy(), max(float(size.var()), 1.0)
    for _ in range(SWEEPS):
        before = sign.copy()
        for each in (0, 1):
            around = np.pad(sign * size, 1)
            neighbours = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
            likely = np.where(trust * given + size * neighbours / scale >= 0, 1.0, -1.0)
            sign = np.where(colour == each, likely, sign)
        if np.array_equal(sign, before):
            break
    return sign * size
