"""Places of patches: drawn once per picture, whatever else is in the manifest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage import patches
from leakage.errors import LeakageError
from leakage.schemes import msb_xor

SIZE = 16
SIDES = st.integers(SIZE, 200)
MANIFESTS = st.dictionaries(
    st.text("0123456789abc", min_size=1, max_size=6),
    st.tuples(SIDES, SIDES),
    min_size=1,
    max_size=5,
)
SEEDS = st.integers(0, 2**32)


def manifest(pictures: dict[str, tuple[int, int]]) -> pd.DataFrame:
    rows = [(key, *size) for key, size in pictures.items()]
    return pd.DataFrame(rows, columns=["image_id", "width", "height"])


@settings(max_examples=40)
@given(MANIFESTS, SEEDS, st.integers(1, 5))
def test_patches_lie_inside_their_picture(pictures, seed, per_image):
    table = manifest(pictures)
    places = patches.draw_places(table, SIZE, per_image, seed).merge(table)
    assert len(places) == per_image * len(pictures)
    assert (places["top"] >= 0).all() and (places["left"] >= 0).all()
    assert (places["top"] + SIZE <= places["height"]).all()
    assert (places["left"] + SIZE <= places["width"]).all()


@settings(max_examples=40)
@given(MANIFESTS, SEEDS, st.randoms(use_true_random=False))
def test_the_places_of_a_picture_do_not_depend_on_other_pictures(pictures, seed, random):
    ids = list(pictures)
    random.shuffle(ids)
    shuffled = manifest({key: pictures[key] for key in ids})
    together = patches.draw_places(shuffled, SIZE, 3, seed)
    for key, size in pictures.items():
        alone = patches.draw_places(manifest({key: size}), SIZE, 3, seed)
        among = together[together["image_id"] == key].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, among)


def test_patches_are_at_the_same_place_at_every_level():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    places = patches.draw_places(manifest({"a": (60, 40)}), SIZE, 4, 0)
    for level in range(9):
        view = msb_xor.scaled(pixels, level)
        pairs = (patches.crop(each, places, SIZE) for each in (pixels, view))
        for plain, patch in zip(*pairs, strict=True):
            assert patch.shape == (SIZE, SIZE, 3)
            assert np.array_equal(patch, (plain.astype(int) << level) & 255)


def test_places_are_uniform_and_depend_on_the_seed():
    table = manifest({str(index): (SIZE + 3, SIZE) for index in range(400)})
    places = patches.draw_places(table, SIZE, 5, 0)
    assert not places.equals(patches.draw_places(table, SIZE, 5, 1))
    lefts = places["left"].value_counts()
    assert sorted(lefts.index) == [0, 1, 2, 3]
    assert lefts.min() > 400


@pytest.mark.parametrize("size", [(SIZE - 1, 100), (100, SIZE - 1)])
def test_a_picture_smaller_than_a_patch_is_refused(size):
    expected = rf"picture small: {size[0]} x {size[1]} pixels is smaller .* too_small: skip"
    with pytest.raises(LeakageError, match=expected):
        patches.draw_places(manifest({"large": (50, 50), "small": size}), SIZE, 1, 0)
