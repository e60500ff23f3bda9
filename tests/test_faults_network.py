"""The campaign's network part can lose: where the downloads are broken, draws are lost."""

import contextlib
from pathlib import Path

import faults
import pytest
from faults import network
from leakage.datasets import coco
from leakage.storage import downloads, files

DRAWS = 12


@pytest.fixture(autouse=True)
def host():
    """The healthy host, made before anything is broken."""
    return network.healthy()


def lost(folder: Path) -> int:
    """Return how many of the first random sequences are lost."""
    (fault,) = [each for each in network.FAULTS if each.draw is network.random_sequence]
    return sum(bool(faults.run(fault, number, folder / str(number))) for number in range(DRAWS))


def test_none_is_lost_where_nothing_is_broken(tmp_path):
    assert lost(tmp_path) == 0


def test_wrong_files_are_found_where_nothing_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(coco, "_wrong_jpeg", lambda path, entry: None)
    monkeypatch.setattr(downloads, "_wrong_md5", lambda arrived: None)
    assert lost(tmp_path) > 0


def test_partial_files_are_found_where_they_have_their_final_names(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def named_at_once(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    monkeypatch.setattr(files, "whole_file", named_at_once)
    assert lost(tmp_path) > 0


def test_traffic_is_found_where_what_is_kept_is_fetched_again(tmp_path, monkeypatch):
    monkeypatch.setattr(coco, "_is_kept", lambda path, entry: False)
    assert lost(tmp_path) > 0


@pytest.mark.parametrize("name", ["000000000010.jpg", "x.jpg.sha256", "coco-val2017-list.json"])
def test_what_is_half_written_is_no_whole_file(tmp_path, name):
    network.meet(tmp_path, network.Trouble())
    (path,) = tmp_path.rglob(name.replace("x", "*10"))
    content = path.read_bytes()
    network.assert_whole(path.name, content)
    for missing in (1, len(content) // 2, len(content)):
        with pytest.raises((AssertionError, ValueError)):
            network.assert_whole(path.name, content[:-missing])
