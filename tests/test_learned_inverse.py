"""The learned inverse: it learns what can be learned, from other pictures only."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from leakage import attacks, schemes
from leakage.attacks import learned_inverse, u_net
from leakage.attacks.learned_inverse import NETWORK, WITH_BITS, LearnedInverse, nearest
from leakage.attacks.scores import MEAN, VIEW
from leakage.errors import LeakageError
from leakage.measures.similarity import Ssim
from leakage.steps import attack as step
from leakage.storage import files
from snake import snakemake

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {"width": 4, "scales": 2, "steps": 60, "batch": 4, "crop": 32, "learning_rate": 0.01}


def tiny(**settings) -> LearnedInverse:
    return LearnedInverse(**{**TINY, "device": "cpu", **settings})


def smooth(seed: int, shape: tuple[int, ...] = (48, 64, 3)) -> np.ndarray:
    """Return a picture of a few waves, which uses all values."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]] / 64
    waves = np.zeros(shape)
    for channel in range(shape[2]):
        for _ in range(4):
            (down, right), phase = generator.normal(0, 2, 2), generator.uniform(0, 7)
            waves[..., channel] += np.cos(2 * np.pi * (down * rows + right * columns) + phase)
    low, high = waves.min(), waves.max()
    return (255 * (waves - low) / (high - low)).astype(np.uint8)


def negative(plain: np.ndarray) -> np.ndarray:
    return 255 - plain


def without_high_bit(plain: np.ndarray) -> np.ndarray:
    """Return the view of `msb_xor` at level 1."""
    return plain << 1


def noise(plain: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(int(plain.sum()))
    return generator.integers(0, 256, plain.shape, dtype=np.uint8)


def fitted(attack: LearnedInverse, view, count: int = 16, cipher: str = "full", **shape):
    """Return what is learned; the cipher `full` leaves no bits clear."""
    plains = [smooth(seed, **shape) for seed in range(count)]
    views = [view(each) for each in plains]
    return attacks.fit(attack, views, plains, schemes.cipher_class(cipher)(), 1, seed=0)


def guessed(attack, learned, view: np.ndarray, ciphertext=None, cipher: str = "full") -> np.ndarray:
    made = schemes.cipher_class(cipher)()
    target = attacks.Target(view, ciphertext, 1, made, seed=0, learned=learned)
    return attacks.reconstruct(attack, target)


def ssim(plain: np.ndarray, guess: np.ndarray) -> float:
    return Ssim().measure(plain, guess, guess)


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64, 1)])
@pytest.mark.parametrize("view", [negative, without_high_bit])
def test_an_easy_inverse_is_learned_and_beats_view_and_mean(view, shape):
    attack = tiny()
    learned = fitted(attack, view, shape=shape)
    assert learned.chosen == NETWORK
    for seed in range(100, 104):
        plain = smooth(seed, shape=shape)
        found = guessed(attack, learned, view(plain))
        mean = learned_inverse.mean_picture(learned.others, "", plain.shape)
        assert found.shape == shape
        assert ssim(plain, found) > max(ssim(plain, view(plain)), ssim(plain, mean)) + 0.1


def test_bits_that_a_cipher_leaves_clear_are_kept():
    attack, plain = tiny(), smooth(100)
    learned = fitted(attack, without_high_bit, cipher="msb_xor")
    assert learned.chosen == WITH_BITS
    assert learned.validated["network_and_bits"] > learned.validated["network"]
    ciphertext = plain ^ (noise(plain) & 128)
    found = guessed(attack, learned, without_high_bit(plain), ciphertext, "msb_xor")
    assert np.array_equal(found & 127, plain & 127)
    assert np.mean(found == plain) > 0.5


@pytest.mark.parametrize("clear", [0b01111111, 0b11110000, 0b01010101, 0])
def test_the_nearest_picture_keeps_the_known_bits_and_changes_least(clear):
    guess, known = np.random.default_rng(0).integers(0, 256, (2, 10, 10, 1), dtype=np.uint8)
    found = nearest(guess, known, clear)
    for value, near, bits in zip(found.flat, guess.flat, known.flat, strict=True):
        allowed = [each for each in range(256) if each & clear == bits & clear]
        assert value in allowed
        assert abs(int(value) - int(near)) == min(abs(each - int(near)) for each in allowed)


def test_the_same_seed_gives_the_same_picture_whatever_the_caller_drew():
    attack, plain = tiny(steps=10), smooth(100)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(guessed(attack, fitted(attack, negative, 8), negative(plain)))
    assert np.array_equal(*found)


def test_training_leaves_the_callers_random_numbers_and_modes_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with torch.inference_mode():
        fitted(tiny(steps=2), negative, 6)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("level_view", [noise, np.zeros_like])
def test_of_a_view_without_information_the_mean_picture_is_the_answer(level_view):
    attack = tiny()
    learned = fitted(attack, level_view)
    assert learned.chosen == MEAN
    plain = smooth(100)
    mean = learned_inverse.mean_picture(learned.others, "", plain.shape)
    assert np.array_equal(guessed(attack, learned, level_view(plain)), mean)
    own, other = learned.validated["network"], learned.validated["mismatched"]
    assert own == pytest.approx(other, abs=0.02)


def test_of_the_plain_picture_nothing_is_lost():
    attack, plain = tiny(steps=5), smooth(100)
    learned = fitted(attack, np.copy, 8)
    assert learned.chosen == VIEW
    assert np.array_equal(guessed(attack, learned, plain), plain)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 200, 1), (33, 47, 3), (31, 17, 1)])
def test_a_picture_of_any_size_is_learned_from_and_reconstructed(shape):
    attack = tiny(steps=2, scales=4)
    learned = fitted(attack, negative, 8, shape=shape)
    for chosen in (NETWORK, MEAN, VIEW):
        named = dataclasses.replace(learned, chosen=chosen)
        assert guessed(attack, named, smooth(100, shape=shape)).shape == shape


def test_too_few_pictures_are_one_clear_message():
    with pytest.raises(LeakageError, match="found 5 pictures to learn from; expected at least 6"):
        fitted(tiny(), negative, 5)


# The parts.


def test_the_loss_has_the_ssim_of_the_table():
    plain, guess = smooth(1), smooth(2)
    found = u_net.similarity(u_net.stacked([guess]) / 255, u_net.stacked([plain]) / 255)
    assert float(found) == pytest.approx(ssim(plain, guess), abs=1e-5)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_integration_undoes_the_wrapping_of_a_smooth_picture(level):
    rows, columns = np.mgrid[:40, :60]
    plain = (rows + 2 * columns + 20).astype(np.uint8)[..., None]
    found = u_net.integrated(plain << level) / 2**level
    assert np.allclose(found + plain.mean(), plain)


def test_before_training_the_network_is_the_view_of_a_plain_picture():
    network, plain = u_net.UNet(4, 3), smooth(1)
    inputs = u_net.inputs_of(plain)
    network.start(u_net.stacked([inputs]), u_net.stacked([plain]) / 255)
    assert np.abs(u_net.predict(network, [inputs])[0] - plain.astype(int)).max() <= 1


def test_the_default_network_has_about_a_million_parameters():
    default = LearnedInverse()
    network = u_net.UNet(default.width, default.scales)
    assert 1e6 < sum(each.numel() for each in network.parameters()) < 2e6


def test_the_device_is_the_top_level_one_unless_it_is_set():
    assert LearnedInverse().completed("cuda").runs_on == "cuda"
    assert LearnedInverse(device="cpu").completed("cuda").runs_on == "cpu"


# The step.


def test_no_attacked_picture_is_learned_from(monkeypatch):
    pictures = {f"p{seed}": smooth(seed) for seed in range(20)}
    seen = []

    class Kept(step.Pictures):
        def __init__(self):
            self.ids = list(pictures)

        def read(self, image_id):
            return pictures[image_id]

    def spy(attack, views, plains, cipher, level, seed):
        seen.extend(each.tobytes() for each in plains)

    monkeypatch.setattr(attacks, "fit", spy)
    monkeypatch.setattr(attacks, "about", lambda *_: {"chosen": "spy"})
    monkeypatch.setattr(attacks, "reconstruct", lambda attack, target: target.view)
    cipher = schemes.cipher_class("msb_xor")()
    keyed = schemes.KeyedScheme("msb_xor", cipher, bytes(32))
    run = step.Run(tiny(pictures=5, pixels=48 * 64), keyed, Kept(), "learned", 0)
    attacked = {row["image_id"] for row in run.rows([1, 2])}
    assert len(attacked) == 5 and len(seen) == 2 * 15
    assert not {pictures[each].tobytes() for each in attacked} & set(seen)


def test_its_table_says_what_was_chosen_and_learned_from(tmp_path):
    entry = {**TINY, "steps": 3, "pixels": 4000, "pictures": 2}
    names = ["astronaut", "chelsea", "coffee", "camera", "coins", "rocket", "moon", "clock"]
    done = snakemake(
        tmp_path / "results",
        targets=("attacks/learned_inverse/msb_xor.parquet",),
        config={
            "attacks": {"learned_inverse": entry},
            "dataset": {"photographs": {"names": names}},
        },
    )
    assert done.status == 0, done.output
    path = tmp_path / "results" / "attacks" / "learned_inverse" / "msb_xor.parquet"
    table, metadata = pd.read_parquet(path), files.read_table(path)[1]
    own = table[table["attack"] == "learned_inverse"]
    assert own["chosen"].isin([VIEW, MEAN, NETWORK]).all()
    assert (own["learned_from"] == 6).all()
    assert len(metadata["learned_from"]) == 6
    assert not set(metadata["learned_from"]) & set(table["image_id"])
    assert own[["validated_view", "validated_network", "ssim"]].notna().all(axis=None)
    assert set(table["attack"]) == {"learned_inverse", VIEW, MEAN}
