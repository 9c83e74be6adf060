import gzip
import json

import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts import lines
from pipeline.readers.parts.audit import Audit


def read(path, data):
    path.write_bytes(data)
    audit = Audit()
    return list(lines.read_values(path, path.name, audit)), audit


def test_lines_keep_their_numbers_whatever_ends_or_separates_them(tmp_path):
    values, audit = read(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\r\n\n[{"a": 2}, {"a": 3}]\n{"a": "\xc3\xa9"}')
    assert values == [(1, {"a": 1}), (4, {"a": 2}), (4, {"a": 3}), (5, {"a": "é"})]
    assert audit.read == 0
    assert not audit.dropped


def test_broken_lines_are_counted_and_reading_goes_on(tmp_path):
    data = b'{"a": 1}\n{"a": \n\xff\xfe\n' + b"[" * 100_000 + b'\n{"a": 2}\n{"a'
    values, audit = read(tmp_path / "a.jsonl", data)
    assert values == [(1, {"a": 1}), (5, {"a": 2})]
    assert audit.dropped == {"broken line: no JSON": 4}
    assert [e["row"] for e in audit.examples["broken line: no JSON"]] == [2, 3, 4, 6]
    assert audit.read == 4


@pytest.mark.parametrize("indent", [None, 2])
def test_one_document_over_many_lines(tmp_path, indent):
    values, _ = read(tmp_path / "a.json", json.dumps([{"a": 1}, {"a": [1, 2]}], indent=indent).encode())
    assert [value for _, value in values] == [{"a": 1}, {"a": [1, 2]}]


def test_gzip_is_known_by_its_first_bytes(tmp_path):
    data = b"".join(b'{"a": %d}\n' % i for i in range(3))
    for name, content in (("a.jsonl", gzip.compress(data)), ("b.jsonl.gz", data), ("c.json.gz", gzip.compress(data))):
        values, audit = read(tmp_path / name, content)
        assert len(values) == 3
        assert not audit.dropped


def test_torn_gzip_gives_what_came_before(tmp_path):
    noise = "".join(str(i * 7919 % 10007) for i in range(9000))
    whole = gzip.compress(b"".join(json.dumps({"a": i, "b": noise[i : i + 500]}).encode() + b"\n" for i in range(800)))
    values, audit = read(tmp_path / "a.jsonl.gz", whole[: len(whole) // 2])
    assert 0 < len(values) < 800
    assert [v["a"] for _, v in values] == list(range(len(values)))
    assert audit.dropped == {"torn gzip: the rest of the file is lost": 1}
    for start in (10, len(whole) - 8):  # the data, its checksum
        damaged = whole[:start] + b"\xff" * 4 + whole[start + 4 :]
        _, audit = read(tmp_path / "b.jsonl.gz", damaged)
        assert audit.dropped == {"torn gzip: the rest of the file is lost": 1}


def test_empty_files_are_named(tmp_path):
    for name, data in (("a.jsonl", b""), ("b.jsonl", b"\n\n"), ("c.jsonl.gz", gzip.compress(b""))):
        values, audit = read(tmp_path / name, data)
        assert not values
        assert audit.tagged == {"empty file": 1}
        assert audit.where("empty file") == f"{name}, row 1"


def test_files_are_found_below_the_folder_but_not_hidden_ones(tmp_path):
    for name in ("b.jsonl", "a/c.json.gz", "a/d.JSON", ".x/e.jsonl", ".f.jsonl", "posts.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(f.relative_to(tmp_path)) for f in lines.find(tmp_path)] == ["a/c.json.gz", "a/d.JSON", "b.jsonl"]


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"gone\.jsonl: cannot be read"):
        list(lines.read_values(tmp_path / "gone.jsonl", "gone.jsonl", Audit()))


def test_links_are_followed_once(tmp_path):
    (tmp_path / "disk/more").mkdir(parents=True)
    (tmp_path / "disk/more/a.jsonl").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/back").symlink_to(tmp_path / "data")
    (tmp_path / "data/b.jsonl").symlink_to(tmp_path / "disk/more/a.jsonl")
    found = [str(f.relative_to(tmp_path / "data")) for f in lines.find(tmp_path / "data")]
    assert found == ["b.jsonl", "linked/more/a.jsonl"]


def test_lines_of_another_encoding_are_read_and_named(tmp_path):
    values, audit = read(tmp_path / "a.jsonl", b'{"a": "caf\xe9"}\n{"a": "\xe2\x82\xac"}\n')
    assert [v["a"] for _, v in values] == ["café", "€"]
    assert audit.where("bytes that are no UTF-8, read as Windows-1252") == "a.jsonl, row 1"
    values, audit = read(tmp_path / "b.jsonl", b'{"a": "\\ud83d", "\\udfff": 1}\n')
    assert [v for _, v in values] == [{"a": "\ufffd", "\ufffd": 1}]
    assert audit.tagged == {"half a character, replaced": 1}
