"""View files: lossless, checked on reading, complete or absent."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage.errors import LeakageError
from leakage.steps import view as step
from leakage.storage import files, views
from PIL import Image

METADATA = {"level": 3, "scheme": "msb_xor", "definition": {"view": "scaled"}}
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]))
PICTURES = st.lists(hnp.arrays(np.uint8, SHAPES), min_size=1, max_size=4)


@pytest.fixture
def path(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / "view.parquet"
    views.write(path, [("a", pixels), ("b", pixels[..., :1])], METADATA)
    return path


@given(PICTURES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pictures_come_back_bit_for_bit_and_in_order(tmp_path, pictures):
    path = tmp_path / "view.parquet"
    written = [(f"{index:03}", pixels) for index, pixels in enumerate(pictures)]
    views.write(path, written, METADATA)
    view = views.View(path)
    assert len(view) == len(written) and view.metadata == METADATA
    for (image_id, pixels), (found_id, found) in zip(written, view, strict=True):
        assert found_id == image_id and found.dtype == np.uint8
        assert found.shape == pixels.shape and np.array_equal(found, pixels)


def test_a_view_that_is_damaged_missing_or_without_its_checksum_is_refused(path):
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    for damaged in (content, content[:-10]):
        path.write_bytes(damaged)
        with pytest.raises(LeakageError, match=r"view\.parquet: damaged: .* --forcerun"):
            views.View(path)
    with pytest.raises(LeakageError, match=r"none\.parquet: no such file"):
        views.View(path.with_name("none.parquet"))
    line = files.checksum_path(path).read_text()  # which sha256sum can check
    assert line.endswith("  view.parquet\n") and len(line) == 64 + 15
    files.checksum_path(path).unlink()
    with pytest.raises(LeakageError, match=r"checksum view\.parquet\.sha256 is missing"):
        views.View(path)


def test_an_interrupted_write_leaves_the_folder_unchanged(path):
    def interrupted():
        yield "a", np.zeros((4, 4, 1), np.uint8)
        raise KeyboardInterrupt

    before, names = path.read_bytes(), set(path.parent.iterdir())
    for target in (path, path.with_name("new.parquet")):
        with pytest.raises(KeyboardInterrupt):
            views.write(target, interrupted(), METADATA)
    assert path.read_bytes() == before and set(path.parent.iterdir()) == names


@pytest.mark.parametrize(("grey", "channels"), [("keep", 1), ("rgb", 3)])
def test_a_grey_picture_keeps_its_channel_or_gets_three_equal_ones(tmp_path, grey, channels):
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    path = tmp_path / "grey.png"
    Image.fromarray(pixels).save(path)
    found = step.picture(path, files.sha256(path), grey)
    assert found.shape == (6, 8, channels)
    assert all(np.array_equal(found[..., each], pixels) for each in range(channels))
