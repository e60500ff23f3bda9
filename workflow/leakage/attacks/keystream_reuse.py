"""Keystream reuse: a cipher that XORs every picture with the same numbers gives them away.

If two pictures are encrypted under one key and nonce, the XOR of the ciphertexts is the XOR of the
plain pictures. So a known picture yields the keystream, P xor C, and the ciphertext of a black
picture, which the adversary chooses, is the keystream itself. Either decrypts every other picture
of the same shape, bit for bit. The adversary compares both, and gives up if they differ: then each
picture has a keystream of its own.
"""

from typing import Literal

import numpy as np

from leakage import plugins
from leakage.attacks import CHOSEN_PLAINTEXT, Attack, Target
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.bitplanes import BitPlaneCipher
from leakage.schemes.block_xor import BlockXor
from leakage.schemes.full import Full


class KeystreamReuse(Attack):
    """Decryption with the keystream of another picture."""

    needs_pixels = True
    threat = CHOSEN_PLAINTEXT

    method: Literal["keystream_reuse"] = "keystream_reuse"

    @property
    def pairs(self) -> int:
        """One known pair."""
        return 1

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether the cipher XORs a keystream, which of a plug-in nobody knows."""
        return isinstance(cipher, BitPlaneCipher | BlockXor | Full) or plugins.is_file(
            cipher.cipher
        )

    def reconstruct(self, target: Target) -> Bytes | None:
        """Return the picture if its keystream is that of other pictures."""
        assert target.oracle is not None
        black = target.oracle(np.zeros_like(target.view))
        streams = [black, *(each.plain ^ each.ciphertext for each in target.known)]
        if not all(np.array_equal(black, each) for each in streams):
            return None
        found: Bytes = target.ciphertext ^ black
        return found
