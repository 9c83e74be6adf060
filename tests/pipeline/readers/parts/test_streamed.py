import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers.parts import files, streamed
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.files import read_records

RECORDS = [{"Uid": f"u{i % 2}", "n": i / 2, "tags": ["a", "ß"]} for i in range(20)]
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text())
TABLES = st.lists(st.dictionaries(st.text("ab,]}", min_size=1), VALUES), min_size=1, max_size=8)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(streamed, "PIECE", 60)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=60)
@given(TABLES, st.sampled_from([None, 1]), st.booleans())
def test_the_same_as_read_whole(tmp_path_factory, records, indent, ascii_):
    path = tmp_path_factory.mktemp("a") / "a.json"
    write(path, json.dumps(records, indent=indent, ensure_ascii=ascii_))
    names = dict.fromkeys(name for record in records for name in record)
    expected = {name: [record.get(name) for record in records] for name in names}
    found = streamed.columns_of(path)
    assert found in (expected or None, None)  # a record that is longer than a piece is read whole
    if max(map(len, map(json.dumps, records))) < 30 and indent is None:
        assert found == (expected or None)


def test_pieces_are_put_together_and_texts_are_shared(tmp_path):
    columns = streamed.columns_of(write(tmp_path / "a.json", "\ufeff" + json.dumps(RECORDS, ensure_ascii=False)))
    assert columns == {name: [record[name] for record in RECORDS] for name in RECORDS[0]}
    assert len({id(value) for value in columns["Uid"]}) == 2


def test_one_and_true_stay_what_they_are(tmp_path):
    values = [1, 1.0, True, "1"] * 8
    columns = streamed.columns_of(write(tmp_path / "a.json", json.dumps([{"a": value} for value in values])))
    assert [*map(type, columns["a"])] == [*map(type, values)]


GOOD = json.dumps(RECORDS)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "3", GOOD[:-1], GOOD[:-9], GOOD + "x", GOOD.replace("}, {", "} {", 1), f"x = {GOOD}"),
        GOOD.replace("}, {", "}, 3, {", 1),
        GOOD.replace("u1", "\\ud83d", 1),
        json.dumps([{"a": "x" * 500}]),
    ],
)
def test_what_is_no_plain_list_of_short_objects_is_left_alone(tmp_path, text):
    assert streamed.columns_of(write(tmp_path / "a.json", text)) is None


def test_other_encodings_and_no_file_are_left_alone(tmp_path):
    (tmp_path / "a.json").write_bytes('[{"a": "é"}]'.encode("cp1252"))
    assert streamed.columns_of(tmp_path / "a.json") is None
    assert streamed.columns_of(tmp_path / "b.json") is None


def test_pairs_of_halves_are_one_character(tmp_path):
    assert streamed.columns_of(write(tmp_path / "a.json", '[{"a": "\\ud83d\\ude0d"}]')) == {"a": ["😍"]}


def test_the_table_reader_streams(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "read_text", None)
    records = read_records(write(tmp_path / "a.json", GOOD), Audit())
    assert records.columns["n"] == [record["n"] for record in RECORDS]
    assert records.rows.tolist() == list(range(1, 21))
