"""Places of patches: drawn once per picture, whatever else is in the manifest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage import patches
from leakage.errors import LeakageError

SIZE = 16
SIDES = st.integers(SIZE, 200)
IDS = st.text("0123456789abc", min_size=1, max_size=6)
MANIFESTS = st.dictionaries(IDS, st.tuples(SIDES, SIDES), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**32)


def manifest(pictures: dict[str, tuple[int, int]]) -> pd.DataFrame:
    rows = [(key, *size) for key, size in pictures.items()]
    return pd.DataFrame(rows, columns=["image_id", "width", "height"])


@settings(max_examples=40)
@given(MANIFESTS, SEEDS, st.randoms(use_true_random=False))
def test_places_lie_inside_their_picture_and_do_not_depend_on_other_pictures(
    pictures, seed, random
):
    ids = list(pictures)
    random.shuffle(ids)
    together = patches.draw_places(manifest({key: pictures[key] for key in ids}), SIZE, 3, seed)
    for key, (width, height) in pictures.items():
        alone = patches.draw_places(manifest({key: (width, height)}), SIZE, 3, seed)
        among = together[together["image_id"] == key].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, among)
        assert len(alone) == 3 and alone[["top", "left"]].min().min() >= 0
        assert alone["top"].max() <= height - SIZE and alone["left"].max() <= width - SIZE


def test_a_patch_is_the_window_at_its_place():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    places = patches.draw_places(manifest({"a": (60, 40)}), SIZE, 4, 0)
    for place, patch in zip(places.itertuples(), patches.crop(pixels, places, SIZE), strict=True):
        window = pixels[place.top : place.top + SIZE, place.left : place.left + SIZE]
        assert np.array_equal(patch, window)


def test_places_are_uniform_and_depend_on_the_seed():
    table = manifest({str(index): (SIZE + 3, SIZE) for index in range(400)})
    places = patches.draw_places(table, SIZE, 5, 0)
    assert not places.equals(patches.draw_places(table, SIZE, 5, 1))
    lefts = places["left"].value_counts()
    assert sorted(lefts.index) == [0, 1, 2, 3] and lefts.min() > 400


def test_a_picture_smaller_than_a_patch_is_refused():
    pictures = manifest({"large": (50, 50), "small": (100, 15)})
    with pytest.raises(LeakageError, match=r"small: 100 x 15 pixels is smaller .* too_small: skip"):
        patches.draw_places(pictures, SIZE, 1, 0)
