"""The checks of the fault campaign on trust detect what they look for."""

import base64
import gzip
import io
import random
from pathlib import Path

import faults
import odd_pictures
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from faults import trust
from leakage.storage import files, pictures
from snake import REPOSITORY

SECRET = random.Random(0).randbytes(32)


def parquet(table):
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    return content.getvalue()


HIDDEN = {
    "hexadecimal": SECRET.hex().encode(),
    "capitals": SECRET.hex().upper().encode(),
    "gzip": gzip.compress(SECRET.hex().encode()),
    "a page in a page": b'"' + base64.b64encode(b"a text with the key " + SECRET.hex().encode()),
    "a table's text": parquet(pa.table({"x": ["a", SECRET.hex()] * 50})),
    "a table's metadata": parquet(
        pa.table({"x": [1]}).replace_schema_metadata(files.encode({"key": SECRET.hex()}))
    ),
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN)
def test_a_key_is_found_however_it_is_packed(content):
    assert trust.holds(SECRET, content)
    assert not trust.holds(random.Random(1).randbytes(32), content)


def failures(fault, folder, draws):
    (chosen,) = [each for each in trust.FAULTS if each.draw is fault]
    return [
        why for number in range(draws) if (why := faults.run(chosen, number, folder / str(number)))
    ]


def test_the_campaign_fails_if_pickles_are_unpickled(tmp_path, monkeypatch):
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda path, **options: load(path, **options | {"weights_only": False})
    )
    assert failures(trust.pickles, tmp_path, 20)
    with pytest.raises(AssertionError):
        trust.nothing_ran(tmp_path)


def test_the_campaign_fails_if_an_unsuitable_picture_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_refuse_unsuitable", lambda path, image: None)
    assert failures(trust.odd, tmp_path, 1)


def test_the_page_on_pictures_has_every_kind_that_the_campaign_tries():
    page = Path(REPOSITORY / "docs" / "pictures.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| ")]
    outcomes = {kind.strip(): outcome.strip() for kind, outcome in rows[1:]}
    for kind in odd_pictures.KINDS:
        outcome = outcomes[kind.title]
        assert outcome.startswith("refused" if kind.words else "accepted"), kind.title
