import datetime

import numpy as np
import pandas as pd
import pytest

from pipeline.readers.parts import clean


def problems_at(result):
    return {problem: np.flatnonzero(mask).tolist() for problem, mask in result[1].items() if mask.any()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2017-04-19T05:00:00Z", "2017-04-19T05:00:00+00:00"),
        ("2017-04-19 05:00:00+02:00", "2017-04-19T03:00:00+00:00"),
        ("2017-04-19T05:00:00-0330", "2017-04-19T08:30:00+00:00"),
        ("2017-04-19 05:00 UTC", "2017-04-19T05:00:00+00:00"),
        ("2017-04-19", "2017-04-19T00:00:00+00:00"),
        ("20170419", "2017-04-19T00:00:00+00:00"),
        ("1492578000", "2017-04-19T05:00:00+00:00"),
        (1492578000, "2017-04-19T05:00:00+00:00"),
        (1492578000.5, "2017-04-19T05:00:00.500000+00:00"),
        ("1492578000123", "2017-04-19T05:00:00.123000+00:00"),
        (datetime.date(2017, 4, 19), "2017-04-19T00:00:00+00:00"),
        (pd.Timestamp("2017-04-19 05:00", tz="Asia/Tokyo"), "2017-04-18T20:00:00+00:00"),
    ],
)
def test_a_time_is_read_whatever_its_form(value, expected):
    times, _ = clean.times([value])
    assert times[0].isoformat() == expected
    assert str(times.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("value", ["yesterday", "0000-00-00", "2017-02-30", "99/99/9999", "12", [1], "2017-13-01"])
def test_what_is_no_time_is_emptied_and_named(value):
    result = clean.times(["2017-04-19T05:00:00Z", value])
    assert result[0].isna().tolist() == [False, True]
    assert list(problems_at(result).values()) == [[1]]


def test_a_missing_time_is_no_problem():
    assert problems_at(clean.times(["", None, float("nan"), pd.NaT, "None"])) == {}


def test_a_time_without_zone_is_a_problem_only_among_others_that_have_one():
    naive, zoned = "2017-04-19T05:00:00", "2017-04-19T05:00:00+02:00"
    assert problems_at(clean.times([naive, naive])) == {}
    assert problems_at(clean.times([zoned, naive])) == {"no zone, read as UTC": [1]}
    assert clean.times([zoned, naive])[0][1].hour == 5


def test_numbers_are_finite_floats_or_missing():
    result = clean.numbers(["1", " 2.5 ", "1e3", 7, True, "", "NaN", None, "x", "1_000", "1,5", "inf", 10**400, [1]])
    assert result[0][:5].tolist() == [1, 2.5, 1000, 7, 1]
    assert np.isnan(result[0][5:]).all()
    assert problems_at(result) == {"no number": [8, 9, 10, 12, 13], "not finite": [11]}


def test_a_count_is_not_negative():
    result = clean.counts(["-3", "0"])
    assert np.isnan(result[0][0])
    assert result[0][1] == 0
    assert problems_at(result) == {"negative": [0]}


def test_yes_and_no_become_one_and_zero():
    result = clean.bools(["true", "0", 1, 0.0, False, "Yes", "", "maybe"])
    assert result[0][:6].tolist() == [1, 0, 1, 0, 0, 1]
    assert problems_at(result) == {"neither yes nor no": [7]}


def test_emoji_and_right_to_left_text_stay_as_they_are():
    texts = ["so nice 😍👩‍👩‍👧", "مرحبا بالعالم", "line\nbreak", "e\u0301"]
    assert clean.strings(texts)[0].tolist() == texts


def test_text_that_no_file_could_hold_is_mended():
    result = clean.strings(["a\ud83d", "b\0c", "", "  ", 12.0, {"a": 1}])
    assert result[0].tolist() == ["a\ufffd", "bc", None, None, "12", None]
    assert set(problems_at(result)) == {"half a character, replaced", "no text"}


def test_a_megabyte_of_text_is_cut():
    result = clean.strings(["x" * 1_000_000])
    assert len(result[0][0]) == clean.MAX_CHARACTERS
    assert len(problems_at(result)) == 1


def test_tags_come_from_strings_and_lists():
    values = ["#sea #sun", "sea, sun;sky", ["new york", "#sun", None], "", None]
    assert clean.tags(values)[0].tolist() == ["sea sun", "sea sun sky", "new_york sun", None, None]


def test_comments_come_from_lists_json_and_lines():
    values = [["a", "b", None, ""], '["c", "d"]', "e\nf", None, "[no json"]
    assert clean.comments(values)[0].tolist() == [["a", "b"], ["c", "d"], ["e", "f"], None, ["[no json"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("['lake', 'dawn']", "lake dawn"),
        ('["lake", "dawn"]', "lake dawn"),
        ("('lake', 'dawn')", "lake dawn"),
        ("['lake' 'dawn']", "lake dawn"),
        ("{lake,dawn}", "lake dawn"),
        ("['it\\'s', \"new york\"]", "it's new_york"),
        ("[]", None),
        ("[None]", None),
        ('[{"start": 0, "end": 5, "tag": "lake"}]', "lake"),
        ([{"start": 0, "end": 5, "tag": "lake"}], "lake"),
        ({"tag": [{"_content": "lake", "raw": "Lake"}]}, "Lake"),
        ("lake|dawn", "lake dawn"),
        ("[lake", "[lake"),
        ("[" * 5000 + "]", "[" * 5000 + "]"),
    ],
)
def test_lists_that_a_tool_wrote_as_text_are_lists(value, expected):
    result = clean.tags([value])
    assert result[0].tolist() == [expected]
    assert problems_at(result) == {}


def test_comments_and_pictures_written_as_lists_are_read():
    assert clean.comments(["['a, b', 'c']", '[{"text": "d"}]'])[0].tolist() == [["a, b", "c"], ["d"]]
    result = clean.paths(["['a.jpg', 'b.jpg']", ["c.jpg"], [], "[1].jpg"])
    assert result[0].tolist() == ["a.jpg", "c.jpg", None, "[1].jpg"]
    assert problems_at(result) == {"several pictures, the first is taken": [0]}


def test_an_id_is_one_however_a_tool_spells_its_number():
    assert set(clean.ids(["103", "103.0", "103.", 103, 103.0, "1.03E2", "1.03e+02", " 103 "])[0]) == {"103"}
    assert clean.ids(['="0103"', "'1050118621198921728", "'tis"])[0].tolist() == ["0103", "1050118621198921728", "'tis"]
    kept = ["0103", "12345678901234567890", "1.5", "abc", "1.2.3", "v1.0", "1e5x"]
    assert clean.ids(kept)[0].tolist() == kept


def test_an_id_that_lost_its_digits_is_named():
    result = clean.ids(["1.05E+17", 1.05e18, "1.2345E4"])
    assert result[0].tolist() == [None, "1050000000000000000", "12345"]
    assert list(problems_at(result).values()) == [[0, 1]]


@pytest.mark.parametrize("text", ["Café", "Привет мир", "日本語", "😍 ok", "“Lake” – 5 €", "مرحبا"])
def test_mojibake_is_undone_and_named(text):
    for encoding in ("latin-1", "cp1252"):
        broken = text.encode().decode(encoding, "replace")
        if "\ufffd" not in broken:
            assert clean.strings([broken])[0].tolist() == [text]
            assert list(problems_at(clean.strings([broken])).values()) == [[0]]
    assert problems_at(clean.strings([text, "CAFÉ®", "São"])) == {}


def test_the_texts_of_flickr_lie_in_an_object():
    assert clean.strings([{"_content": "Lake"}, {"_content": ""}])[0].tolist() == ["Lake", None]
