"""Pictures that would take minutes are given up, whatever their size and pixels say."""

import io

import pytest
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.base.params import of
from pipeline.base.sections import Packing
from pipeline.storage import pixels
from pipeline.web import decoding, forms
from pipeline.web.decoding import Decoder
from pipeline.web.forms import Draft

PACKING = Packing(max_side=64)
SIDE, SCANS = 3000, 50_000
"""Of a JPEG of a few megabytes that takes some minutes."""


def scanned(side, scans):
    """A JPEG whose last scan, which goes over all of its pixels, stands there many times."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True)
    *before, last = file.getvalue().removesuffix(b"\xff\xd9").split(b"\xff\xda")
    return b"\xff\xda".join([*before, *[last] * scans]) + b"\xff\xd9"


@pytest.fixture
def decoder():
    """`decoder(longest)`: one that is closed afterwards."""
    opened = []

    def new(longest):
        opened.append(Decoder(longest))
        return opened[-1]

    yield new
    for each in opened:
        each.close()


def test_pictures_are_what_they_are_without_it_in_one_process(decoder, picture, tmp_path):
    mine, kept = decoder(60), set()
    for name in ("a.png", "b.jpg"):
        data = picture(tmp_path / name, size=(90, 70)).read_bytes()
        assert mine.pack(data, PACKING) == pixels.pack(data, PACKING)[0]
        kept.add(mine._process.pid)
    with pytest.raises(pixels.Unusable, match="unreadable: SVG"):
        mine.pack(b"<svg/>", PACKING)
    assert len(kept) == 1


def test_a_jpeg_of_many_scans_is_given_up_and_the_next_picture_is_not(decoder, picture, tmp_path):
    bomb = scanned(SIDE, SCANS)
    assert pixels.pack(scanned(60, 3), PACKING)[1:] == (60, 60)
    assert len(bomb) < PACKING.max_pixels
    mine = decoder(1.0)
    with pytest.raises(pixels.Unusable, match="slow"):
        mine.pack(bomb, PACKING)
    mine._longest = 60.0
    data = picture(tmp_path / "a.png").read_bytes()
    assert mine.pack(data, PACKING) == pixels.pack(data, PACKING)[0]


def test_the_form_says_so(decoder, monkeypatch, make_params):
    monkeypatch.setattr(forms, "DECODER", decoder(1.0))
    with pytest.raises(
        UserError, match=r"^Draft 1: the picture cannot be used: it takes too long, .* to decode; choose"
    ):
        forms.decoded(Draft("Draft 1", {}, scanned(SIDE, SCANS)), of(make_params()))


def test_a_process_that_is_gone_is_one_picture(decoder, picture, tmp_path):
    mine, data = decoder(60), picture(tmp_path / "a.png").read_bytes()
    mine.pack(data, PACKING)
    mine._process.kill()
    mine._process.wait()
    with pytest.raises(pixels.Unusable):
        mine.pack(data, PACKING)
    assert mine.pack(data, PACKING) == pixels.pack(data, PACKING)[0]


def test_a_process_that_does_not_start_is_a_fault_of_ours(decoder, monkeypatch):
    monkeypatch.setattr(decoding, "__name__", "pipeline.web.nowhere")
    with pytest.raises(RuntimeError, match="ended with 1"):
        decoder(60).pack(b"", PACKING)


def test_it_is_the_same_code_wherever_the_page_was_started(decoder, monkeypatch, picture, tmp_path):
    data = picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    assert decoder(60).pack(data, PACKING) == pixels.pack(data, PACKING)[0]


def test_serving_ends_with_its_input(monkeypatch):
    class Ended:
        buffer = io.BytesIO(b"")

    monkeypatch.setattr(decoding.sys, "stdin", Ended)
    decoding.serve()
