import gzip
import json
import lzma
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts import clean
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.files import read_records


def read(tmp_path, content, name="posts.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    audit = Audit()
    return read_records(path, audit), audit


@pytest.mark.parametrize(
    "content", ["post_id,text\r\na,x\r\nb,y\r\n", "\ufeffpost_id,text\na,x\nb,y", "post_id;text\na;x\nb;y\n"]
)
def test_bom_line_ends_and_delimiters_make_no_difference(tmp_path, content):
    records, audit = read(tmp_path, content)
    assert records.columns == {"post_id": ["a", "b"], "text": ["x", "y"]}
    assert records.rows.tolist() == [2, 3]
    assert not audit.dropped
    assert not audit.tagged


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(tmp_path, encoding):
    records, _ = read(tmp_path, "post_id,text\na,é😍\n".encode(encoding))
    assert records.columns["text"] == ["é😍"]


def test_bytes_that_are_no_utf_8_are_read_each_by_itself_and_named(tmp_path):
    records, audit = read(tmp_path, "post_id,text\na,😍\nb,".encode() + b"caf\xe9 \xfc\n")
    assert records.columns["text"] == ["😍", "café ü"]
    assert audit.where("bytes that are no UTF-8, read as Windows-1252") == "posts.csv, row 3"


def test_newlines_in_quotes_belong_to_the_text(tmp_path):
    records, audit = read(tmp_path, 'post_id,text\na,"one\r\ntwo\u2028three"\nb,"say ""hi"""\n')
    assert records.columns["text"] == ["one\r\ntwo\u2028three", 'say "hi"']
    assert records.rows.tolist() == [2, 4]
    assert not audit.dropped


@pytest.mark.parametrize("tail", ["c", 'c,"never closed', 'c,"never closed\n'])
def test_a_torn_last_row_is_dropped_and_named(tmp_path, tail):
    records, audit = read(tmp_path, "post_id,text\na,x\nb,y\n" + tail)
    assert records.columns["post_id"] == ["a", "b"]
    assert audit.dropped == {"torn row": 1}
    assert audit.where("torn row") == "posts.csv, row 4"


def test_a_quote_that_never_closes_costs_its_own_row_only(tmp_path):
    body = "".join(f"p{i},some text\n" for i in range(50))
    records, audit = read(tmp_path, 'post_id,text\nbad,"open\n' + body)
    assert len(records.rows) == 50
    assert audit.dropped == {"torn row": 1}


def test_a_quote_that_closes_rows_later_costs_its_own_row_only(tmp_path):
    records, audit = read(tmp_path, 'post_id,n,text\nbad,1,"open\na,2,x\nb,3,y\nc,4,"z"\nd,5,w\n')
    assert records.columns["post_id"] == ["a", "b", "c", "d"]
    assert audit.dropped == {"torn row": 1}


def test_a_row_with_too_many_fields_is_torn(tmp_path):
    records, audit = read(tmp_path, "post_id,text\na,x,y\nb,z\n")
    assert records.columns["post_id"] == ["b"]
    assert audit.examples["torn row"] == [{"file": "posts.csv", "row": 2, "column": None}]


def test_a_megabyte_in_one_cell_is_read(tmp_path):
    records, _ = read(tmp_path, f"post_id,text\na,{'x' * 1_000_000}\n")
    assert len(records.columns["text"][0]) == 1_000_000


def test_a_header_alone_is_no_rows(tmp_path):
    records, _ = read(tmp_path, "post_id,text\n")
    assert records.columns == {"post_id": [], "text": []}


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_named(tmp_path, content):
    with pytest.raises(UserError, match=r"posts\.csv: no rows"):
        read(tmp_path, content)


def test_a_column_named_twice_is_named(tmp_path):
    with pytest.raises(UserError, match=r"posts\.csv, row 1: column 'likes'"):
        read(tmp_path, "post_id,likes,likes\na,1,2\n")


def test_json_lines_that_are_torn_are_dropped_and_named(tmp_path):
    text = '{"post_id": "a", "n": 1}\n\n[1]\n{"post_id": "b", "t": "x\\u2028y"}\n{"post_id": "c", "te'
    records, audit = read(tmp_path, text, "posts.jsonl")
    assert records.columns == {"post_id": ["a", "b"], "n": [1, None], "t": [None, "x\u2028y"]}
    assert records.rows.tolist() == [1, 4]
    assert audit.dropped == {"torn row": 2}


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else", b"a,b\n1,2\n"])
def test_what_is_no_parquet_is_named(tmp_path, content):
    with pytest.raises(UserError, match=r"posts\.parquet: no Parquet"):
        read(tmp_path, content, "posts.parquet")


def test_a_truncated_parquet_file_is_named(tmp_path, make_posts):
    path = tmp_path / "posts.parquet"
    make_posts(20).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"posts\.parquet: no Parquet"):
        read_records(path, Audit())


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.parquet"])
def test_a_folder_in_place_of_a_file_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f"{name}: is a folder"):
        read_records(tmp_path / name, Audit())


def test_an_unknown_ending_is_named(tmp_path):
    with pytest.raises(UserError, match=r"\.xlsx: unknown ending.*\.csv"):
        read(tmp_path, "x", "posts.xlsx")


def test_json_that_breaks_off_is_named_with_its_place(tmp_path):
    with pytest.raises(UserError, match=r"a\.json, row 2, column 10"):
        read(tmp_path, '[{"Uid": "1"},\n {"Uid": ', "a.json")


ROWS = {"Uid": ["a", "b"], "likes": [1, None]}
SHAPES = {
    "records": [{"Uid": "a", "likes": 1}, {"Uid": "b", "likes": None}],
    "list": ROWS,
    "columns": {"Uid": {"0": "a", "1": "b"}, "likes": {"0": 1, "1": None}},
    "columns, with gaps": {"Uid": {"0": "a", "1": "b"}, "likes": {"0": 1}},
    "columns by name": {"Uid": {"x": "a", "y": "b"}, "likes": {"x": 1, "y": None}},
    "index": {"0": {"Uid": "a", "likes": 1}, "1": {"Uid": "b", "likes": None}},
    "index by name": {"x": {"Uid": "a", "likes": 1}, "y": {"Uid": "b", "likes": None}},
    "split": {"columns": ["Uid", "likes"], "index": [0, 1], "data": [["a", 1], ["b", None]]},
    "table": {
        "schema": {"fields": [{"name": "Uid"}], "pandas_version": "1.4.0"},
        "data": [{"Uid": "a", "likes": 1}, {"Uid": "b", "likes": None}],
    },
    "values with a header": [["Uid", "likes"], ["a", 1], ["b", None]],
    "inside": {"photos": {"page": 1, "photo": [{"Uid": "a", "likes": 1}, {"Uid": "b"}]}, "stat": "ok"},
}


ON_ONE_LINE = [shape for shape in SHAPES if shape != "columns by name"]
"""On a line of its own that one is a record with objects inside."""


@pytest.mark.parametrize(
    ("shape", "name"), [(s, "posts.json") for s in SHAPES] + [(s, "posts.jsonl") for s in ON_ONE_LINE]
)
def test_json_in_every_shape_of_pandas_is_the_same_table(tmp_path, shape, name):
    path = tmp_path / name
    path.write_text(json.dumps(SHAPES[shape]))
    records = read_records(path, audit := Audit(), ("Uid", "likes"))
    assert records.columns == ROWS
    assert len(records.rows) == 2
    assert not audit.dropped


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_what_pandas_writes_is_read(tmp_path, orient):
    frame = pd.DataFrame({"post_id": ["a", "b", "c"], "likes": [1, 2, 3]})
    frame.to_json(tmp_path / "posts.json", orient=orient)
    columns = read_records(tmp_path / "posts.json", Audit(), ("post_id", "likes")).columns
    assert {name: columns[name] for name in frame} == frame.to_dict("list")


def test_one_record_and_json_lines_of_another_ending_are_read(tmp_path):
    (tmp_path / "a.json").write_text('{"post_id": "a", "comments": [{"text": "x"}]}')
    assert read_records(tmp_path / "a.json", Audit(), ("post_id",)).columns["post_id"] == ["a"]
    records, audit = read(tmp_path, '{"post_id": "a"}\n{"post_id": "b"}\n{"post', "b.json")
    assert records.columns == {"post_id": ["a", "b"]}
    assert audit.dropped == {"torn row": 1}
    records, audit = read(tmp_path, '[{"post_id": "a"}, 7, null, {"post_id": "b"}]', "c.json")
    assert records.rows.tolist() == [1, 4]
    assert audit.dropped == {"torn row": 2}


@pytest.mark.parametrize("value", [{"a": [1, 2], "b": [1]}, [1, 2], 3, None, {}])
def test_json_without_records_is_named(tmp_path, value):
    with pytest.raises(UserError, match=r"x\.json"):
        read(tmp_path, json.dumps(value), "x.json")


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress])
def test_packed_tables_are_unpacked(tmp_path, packed):
    ending = "gz" if packed is gzip.compress else "xz"
    records, _ = read(tmp_path, packed(b"post_id,likes\na,1\n"), f"posts.csv.{ending}")
    assert records.columns == {"post_id": ["a"], "likes": ["1"]}
    with pytest.raises(UserError, match="or a damaged one"):
        read(tmp_path, packed(b"post_id,likes\na,1\n")[:-9], f"posts.csv.{ending}")


def test_windows_1252_is_what_excel_saves(tmp_path):
    content = "post_id,text\na,“Lake” – 5 €, é\n".replace(", é", "; é").encode("cp1252")
    records, audit = read(tmp_path, content + b"b,x\x81y\n")
    assert records.columns["text"] == ["“Lake” – 5 €; é", "x�y"]
    assert audit.tagged == {"bytes that are no UTF-8, read as Windows-1252": 1}


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("sep=;\npost_id;likes\na;1\n", ["post_id", "likes"]),
        ('"sep=,"\npost_id,likes\na,1\n', ["post_id", "likes"]),
        ("sep=\t\npost_id\tlikes\na\t1\n", ["post_id", "likes"]),
        ('id;"likes, all"\na;5\n', ["id", "likes, all"]),
        ('"id, or name";"likes, all; ever";n\na;5;1\n', ["id, or name", "likes, all; ever", "n"]),
        ('\n\nid;"a\nb, c"\na;5\n', ["id", "a\nb, c"]),
        ("id;words, few or many, of text\na;5\n", ["id", "words, few or many, of text"]),
        ("id|likes\na|1\n", ["id", "likes"]),
        ("id\na\n", ["id"]),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_the_rows(tmp_path, content, columns):
    records, audit = read(tmp_path, content)
    assert list(records.columns) == columns
    assert len(records.rows) == 1
    assert not audit.dropped
    assert content.split("\n")[records.rows[0] - 1][0] == "a"


@pytest.mark.slow
@pytest.mark.parametrize("row", ['p,"5"" nail,3', '"""5"5","', 'p,"', '"5","x"""', ',"\n,"",",x', 'p,5" nail,3'])
def test_open_quotes_cost_time_in_proportion_to_the_file(tmp_path, row):
    def seconds(n):
        started = time.process_time()
        read(tmp_path, "post_id,text,likes\n" + '",5",x,"",,"\n' + f"{row}\n" * n)
        return time.process_time() - started

    assert seconds(20_000) < 5  # quadratic, the worst of these took over a minute


def test_very_wide_tables_are_read(tmp_path):
    n = 50_000
    started = time.process_time()
    records, _ = read(tmp_path, ",".join(f"c{i}" for i in range(n)) + "\n" + ",".join(["1"] * n))
    assert len(records.columns) == n
    assert time.process_time() - started < 5  # quadratic, it took over half a minute


def test_parquet_beyond_the_years_of_python_is_read(tmp_path):
    most = 2**63 - 1
    arrays = {
        "date32": pa.array([2**31 - 1, 0], pa.date32()),
        "date64": pa.array([2**55, 0], pa.date64()),
        "micro": pa.array([most, 0], pa.timestamp("us")),
        "zoned": pa.array([2**62, 0], pa.timestamp("us", "Europe/Berlin")),
        "second": pa.array([2**50, 0], pa.timestamp("s", "UTC")),
        "time": pa.array([1, 0], pa.time64("us")),
        "duration": pa.array([most, 0], pa.duration("us")),
        "list": pa.array([[2**31 - 1], [0]], pa.list_(pa.date32())),
        "struct": pa.array([{"a": most}, None], pa.struct([("a", pa.timestamp("us"))])),
    }
    pq.write_table(pa.table({"post_id": ["a", "b"], **arrays}), tmp_path / "posts.parquet")
    columns = read_records(tmp_path / "posts.parquet", Audit()).columns
    assert columns["post_id"] == ["a", "b"]
    for name in ("date32", "date64", "micro", "zoned", "second"):
        times, problems = clean.times(columns[name])
        assert times[1].timestamp() == 0
        assert times.isna()[0] == next(iter(problems.values()))[0]
    assert clean.times(columns["micro"])[0].isna()[0]
    assert np.isnan(clean.numbers(columns["duration"])[0]).all()


def test_halves_of_characters_in_json_are_no_obstacle(tmp_path):
    records, _ = read(tmp_path, '{"post_id": "a\\ud800", "x\\udfff": 1}\n', "posts.jsonl")
    assert list(records.columns) == ["post_id", "x\ufffd"]


def test_texts_in_parquet_that_are_no_utf_8_are_read(tmp_path):
    texts = pa.array([b"caf\xe9", b"lake"]).view(pa.string())
    pq.write_table(pa.table({"post_id": ["a", "b"], "text": texts}), tmp_path / "posts.parquet")
    assert read_records(tmp_path / "posts.parquet", Audit()).columns["text"] == ["caf\ufffd", "lake"]
