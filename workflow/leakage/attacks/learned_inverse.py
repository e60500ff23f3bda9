"""The learned inverse: a small U-Net from view to picture, trained on other pictures.

There is one network per level. An attacked picture is never among those that it learns from. Some
of these validate: on crops of them the network is compared with the view itself and with the mean
picture, and the best one is the answer. So the attack is not worse than these baselines. Of a
cipher that encrypts bits of every pixel there is one more answer: the nearest picture to the
network's that has the bits left clear.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage import devices
from leakage.attacks import Attack, Target
from leakage.attacks.scores import MEAN, VIEW, mean_picture, small
from leakage.errors import LeakageError
from leakage.interfaces import Bytes, Floats
from leakage.measures.similarity import Ssim
from leakage.schemes import Cipher
from leakage.schemes.bitplanes import BitPlaneCipher

if TYPE_CHECKING:
    from leakage.attacks.u_net import Inputs, UNet

NETWORK, WITH_BITS = "the network", "the network and the clear bits"
# Pictures that are needed to learn from, and how many of them validate: a share, and at least some.
LEAST, SHARE, LEAST_VALIDATION = 6, 6, 3
# Crops of each validation picture.
CROPS = 4
# A network must do better on a picture's own view than on another one's, at this p-value.
SIGNIFICANT = 0.01


@dataclass(frozen=True, eq=False)
class Learned:
    """What is learned at a level.

    Attributes:
        network: the trained network.
        others: the small pictures that the mean picture is made of.
        chosen: the best on validation crops: `VIEW`, `MEAN`, `NETWORK` or `WITH_BITS`.
        learned_from: number of pictures, including those that validated.
        validated: mean SSIM on validation crops: `view`, `mean`, `network`, `network_and_bits` (NaN
            if no bits of all pixels are clear), and `mismatched`, the network's if it is given the
            view of another picture.
    """

    network: "UNet"
    others: dict[str, NDArray[np.float32]]
    chosen: str
    learned_from: int
    validated: dict[str, float]


class LearnedInverse(Attack):
    """A U-Net from view to picture, trained on other pictures."""

    uses_gpu: ClassVar[bool] = True

    method: Literal["learned_inverse"] = "learned_inverse"
    learn_from: int = pydantic.Field(default=200, ge=LEAST)
    """most pictures to learn from; none of them is attacked"""
    pixels: int = pydantic.Field(default=500_000, ge=64)
    """most pixels of a picture; of a larger one the middle is learned from and attacked"""
    width: int = pydantic.Field(default=24, ge=1, le=1024)
    """channels of the network at the finest scale; twice as many at every coarser one"""
    scales: int = pydantic.Field(default=4, ge=1, le=5)
    """scales of the network, each of half the size of the one before"""
    steps: int = pydantic.Field(default=4000, ge=1)
    """steps of the training; the best of ten networks on the way is kept"""
    batch: int = pydantic.Field(default=16, ge=1)
    """crops per step"""
    crop: int = pydantic.Field(default=128, ge=16, multiple_of=16)
    """side of the crops in pixels, a multiple of 16; smaller pictures are continued by mirroring"""
    learning_rate: float = pydantic.Field(default=0.002, gt=0)
    """of Adam, at the start"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where the network runs; default: the top-level `device`"""

    @property
    def largest(self) -> int:
        """Most pixels to attack."""
        return self.pixels

    @property
    def training(self) -> int:
        """Most pictures to train on."""
        return self.learn_from

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""
        return self.device

    def completed(self, device: Literal["auto", "cpu", "cuda"]) -> Self:
        """Return the attack with the top-level device, if it sets none."""
        if "device" in self.model_fields_set:
            return self
        return self.model_copy(update={"device": device})

    def fit(
        self, views: list[Bytes], plains: list[Bytes], cipher: Cipher, level: int, seed: int
    ) -> Learned:
        """Return the network of a level, and whether it is better than view and mean picture.

        Args:
            views: uint8 of shape (height, width, channels) with 1 or 3 channels.
            plains: the pictures of these views, of the same shapes.
            cipher: the cipher.
            level: the level.
            seed: of the split into training and validation pictures, and of the training.

        Raises:
            LeakageError: there are fewer than `LEAST` pictures.
        """
        from leakage.attacks import u_net

        if len(views) < LEAST:
            raise LeakageError(
                f"learned_inverse: found {len(views)} pictures to learn from; expected at least "
                f"{LEAST} that are not attacked; add pictures to the dataset (half are attacked at "
                f"most, so {2 * LEAST} are enough)"
            )
        generator = np.random.default_rng([seed, level])
        order = generator.permutation(len(views))
        held_out = max(LEAST_VALIDATION, len(views) // SHARE)
        validation, train = order[:held_out], order[held_out:]
        padded = [self._padded(view, plain) for view, plain in zip(views, plains, strict=True)]
        others = {str(place): small(plains[place]) for place in train}
        crops = Crops.draw([padded[each] for each in validation], self.crop, others, generator)
        network = u_net.train(
            [padded[each][0] for each in train],
            [padded[each][1] for each in train],
            u_net.Training(
                **{name: getattr(self, name) for name in u_net.Training.__dataclass_fields__}
            ),
            int(generator.integers(2**31)),
            devices.resolve(self.device),
            lambda found: float(crops.network(found, self.batch).mean()),
        )
        chosen, validated = crops.choice(network, self.batch, clear_bits(cipher, level))
        return Learned(network, others, chosen, len(views), validated)

    def about(self, learned: Learned) -> Mapping[str, str | float]:
        """Return what was chosen, by columns of the table."""
        values = {f"validated_{name}": value for name, value in learned.validated.items()}
        return {"chosen": learned.chosen, "learned_from": float(learned.learned_from), **values}

    def reconstruct(self, target: Target) -> Bytes:
        """Return the view, the mean picture or the network's picture, as chosen at the level."""
        learned, view = target.learned, target.view
        assert isinstance(learned, Learned)
        if learned.chosen == VIEW:
            return view
        if learned.chosen == MEAN:
            return mean_picture(learned.others, "", view.shape)
        found = network_picture(learned.network, view)
        if learned.chosen == WITH_BITS:
            clear = clear_bits(target.cipher, target.level)
            return nearest(found, target.ciphertext, clear)
        return found

    def _padded(self, view: Bytes, plain: Bytes) -> tuple["Inputs", Bytes]:
        """Return the network's input and the picture, in colour and at least as large as a crop."""
        from leakage.attacks import u_net

        missing = [(0, max(0, self.crop - side)) for side in view.shape[:2]]
        inputs = np.pad(u_net.inputs_of(in_colour(view)), (*missing, (0, 0)), mode="symmetric")
        return inputs, np.pad(in_colour(plain), (*missing, (0, 0)), mode="symmetric")


@dataclass(frozen=True, eq=False)
class Crops:
    """`CROPS` crops of each validation picture, one picture after the other."""

    inputs: "list[Inputs]"
    plains: list[Bytes]
    means: list[Bytes]

    @classmethod
    def draw(
        cls,
        pictures: "list[tuple[Inputs, Bytes]]",
        side: int,
        others: dict[str, NDArray[np.float32]],
        generator: np.random.Generator,
    ) -> "Crops":
        """Return crops of inputs, pictures and the mean of other pictures."""
        from leakage.attacks import u_net

        found = cls([], [], [])
        for inputs, plain in pictures:
            mean = mean_picture(others, "", plain.shape)
            for _ in range(CROPS):
                part = u_net.place(plain.shape, side, generator)
                found.inputs.append(inputs[part])
                found.plains.append(plain[part])
                found.means.append(mean[part])
        return found

    def network(self, network: "UNet", batch: int, mismatched: bool = False) -> Floats:
        """Return the SSIM of a network per picture, also if given the view of another picture."""
        return self._ssim(self._guesses(network, batch, mismatched))

    def _guesses(self, network: "UNet", batch: int, mismatched: bool = False) -> list[Bytes]:
        from leakage.attacks import u_net

        shift = CROPS if mismatched else 0
        given = self.inputs[shift:] + self.inputs[:shift]
        batches = [given[start : start + batch] for start in range(0, len(given), batch)]
        return [each for some in batches for each in u_net.predict(network, some)]

    def choice(self, network: "UNet", batch: int, clear: int) -> tuple[str, dict[str, float]]:
        """Return the best of view, mean picture and network, and the mean SSIM of each.

        A network that does as well on the view of another picture has only learned how pictures
        look in general, and is not chosen.

        Args:
            network: the network.
            batch: crops to compute at once.
            clear: mask of the clear bits; the bits of the pictures are then those of ciphertexts.
        """
        from scipy.stats import ttest_1samp

        views = [np.rint(each[..., :3] * np.float32(255)).astype(np.uint8) for each in self.inputs]
        guesses = self._guesses(network, batch)
        own, other = self._ssim(guesses), self.network(network, batch, mismatched=True)
        values = {VIEW: self._ssim(views), MEAN: self._ssim(self.means), NETWORK: own}
        if clear:
            pairs = zip(guesses, self.plains, strict=True)
            values[WITH_BITS] = self._ssim([nearest(*pair, clear) for pair in pairs])
        means = {name: float(each.mean()) for name, each in values.items()}
        p_value = float(ttest_1samp(own - other, 0, alternative="greater").pvalue)
        possible = means if p_value < SIGNIFICANT else {name: means[name] for name in (VIEW, MEAN)}
        return max(possible, key=lambda name: possible[name]), {
            "view": means[VIEW],
            "mean": means[MEAN],
            "network": means[NETWORK],
            "network_and_bits": means.get(WITH_BITS, math.nan),
            "mismatched": float(other.mean()),
        }

    def _ssim(self, guesses: list[Bytes]) -> Floats:
        pairs = zip(self.plains, guesses, strict=True)
        values = [Ssim().measure(plain, guess, guess) for plain, guess in pairs]
        found: Floats = np.reshape(values, (-1, CROPS)).mean(1)
        return found


def network_picture(network: "UNet", view: Bytes) -> Bytes:
    """Return the picture of a view, uint8 of its shape, with 1 or 3 channels."""
    from leakage.attacks import u_net

    (found,) = u_net.predict(network, [u_net.inputs_of(in_colour(view))])
    if view.shape[2] == 1:
        found = np.rint(found.mean(2, keepdims=True)).astype(np.uint8)
    return found


def clear_bits(cipher: Cipher, level: int) -> int:
    """Return the mask of the bits that are clear in every pixel of a ciphertext; 0 if none are."""
    if not isinstance(cipher, BitPlaneCipher):
        return 0
    return int(~cipher.encrypted_bits(level))


def nearest(guess: Bytes, known: Bytes, clear: int) -> Bytes:
    """Return the picture nearest to a guess that has the bits `clear` of another one."""
    values = np.arange(256)

    distance = np.abs(values - values[:, None])
    table = np.zeros((256, 256), np.uint8)
    for bits in np.unique(values & clear):
        allowed = values[values & clear == bits]
        table[bits] = allowed[distance[:, allowed].argmin(1)]
    found: Bytes = table[known & np.uint8(clear), guess]
    return found


def in_colour(picture: Bytes) -> Bytes:
    """Return a picture with three channels."""
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
