import json

import pytest

from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import pixels
from pipeline.web import forms
from pipeline.web.forms import Draft


@pytest.fixture
def p(make_params):
    return params.of(make_params(images={"max_side": 64, "max_pixels": 2000}))


def rows(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_table_of_drafts_has_every_column_and_names_of_ours_for_pictures(tmp_path, p):
    drafts = [Draft("Draft 1", {"text": "שלום", "posted_at": "2024-05-31T18:00"}, b"x"), Draft("Draft 3", {"text": ""})]
    file = forms.write(tmp_path, drafts, {"user_id": "../../anna", "followers": ""}, p)
    first, second = rows(file)
    assert first == {
        "post_id": "Draft 1",
        "user_id": "../../anna",
        "followers": None,
        "text": "שלום",
        "posted_at": "2024-05-31T18:00:00+00:00",
        "image": "picture-1",
    }
    assert (second["text"], second["image"]) == (None, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drafts.jsonl", "picture-1"]


def test_times_are_in_the_zone_of_the_dataset(tmp_path, make_params):
    p = params.of(make_params(dataset={"time_zone": "Europe/Berlin"}))
    file = forms.write(tmp_path, [Draft("Draft 1", {"posted_at": "2024-07-01T18:00"})], {}, p)
    assert rows(file)[0]["posted_at"] == "2024-07-01T18:00:00+02:00"
    with pytest.raises(UserError, match="Draft 1: 'soon' is no day and hour"):
        forms.write(tmp_path, [Draft("Draft 1", {"posted_at": "soon"})], {}, p)


def test_a_picture_is_shown_small(p, picture, tmp_path):
    data = picture(tmp_path / "a.png", size=(48, 36)).read_bytes()
    assert forms.shown(forms.decoded(Draft("Draft 1", {}, data), p), p).startswith("data:image/jpeg;base64,/9j/")
    assert forms.shown(Draft("Draft 1", {}), p) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda data: b"", "its file is empty"),
        (lambda data: data[: len(data) // 2], "its file is cut off"),
        (lambda data: b"<svg onload='alert(1)'/>", r"its format is not read \(SVG\)"),
        (lambda data: b"\x00\x00\x00\x18ftypheic" + bytes(40), r"its format is not read \(HEIC\)"),
        (lambda data: b"GIF89a" + b"\xff" * 40, "its file is "),
        (lambda data: b"no picture", "no picture that can be read"),
    ],
)
def test_malformed_pictures_are_one_clear_sentence(p, picture, tmp_path, data, why):
    whole = picture(tmp_path / "a.jpg").read_bytes()
    with pytest.raises(UserError, match=f"^Draft 2: the picture cannot be used: .*{why}.*; choose another$"):
        forms.decoded(Draft("Draft 2", {}, data(whole)), p)


def test_pictures_of_too_many_pixels_are_refused_before_they_are_decoded(p, picture, tmp_path):
    data = picture(tmp_path / "a.png", size=(60, 60)).read_bytes()
    with pytest.raises(UserError, match="too many pixels"):
        forms.decoded(Draft("Draft 1", {}, data), p)


def test_a_packed_picture_stays_as_it_is(p, picture, tmp_path):
    data = picture(tmp_path / "a.png", size=(90, 20)).read_bytes()
    once = forms.decoded(Draft("Draft 1", {"text": "a"}, data), p)
    assert once.picture == pixels.pack(data, p.images)[0] == forms.decoded(once, p).picture
    assert (once.name, once.values) == ("Draft 1", {"text": "a"})
