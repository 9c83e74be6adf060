import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.files import in_columns, read_json, read_records


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


def test_utf_16_is_read(tmp_path):
    records, _ = read(tmp_path, "post_id,text\na,é😍\n".encode("utf-16"))
    assert records.columns["text"] == ["é😍"]


def test_latin_1_bytes_are_read_each_by_itself_and_named(tmp_path):
    records, audit = read(tmp_path, "post_id,text\na,😍\nb,".encode() + b"caf\xe9 \xfc\n")
    assert records.columns["text"] == ["😍", "café ü"]
    assert audit.where("bytes that are no UTF-8, read as Latin-1") == "posts.csv, row 3"


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
    path = tmp_path / "a.json"
    path.write_text('[{"Uid": "1"},\n {"Uid": ')
    with pytest.raises(UserError, match=r"a\.json, row 2, column 10"):
        read_json(path)


def test_records_and_parallel_lists_are_the_same_table(tmp_path):
    lists = {"a": [1, 2], "b": [3, None]}
    assert in_columns(tmp_path, [{"a": 1, "b": 3}, {"a": 2}]) == lists
    assert in_columns(tmp_path, lists) == lists


@pytest.mark.parametrize("value", [{"a": [1, 2], "b": [1]}, {"a": 1}, [1, 2], 3, None])
def test_neither_records_nor_parallel_lists_is_named(tmp_path, value):
    with pytest.raises(UserError, match=r"x\.json"):
        in_columns(tmp_path / "x.json", value)
