"""Whatever a table, a file of lines or a picture holds: a counted row, or one line that a person can act on."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.base.errors import UserError
from pipeline.base.sections import Packing
from pipeline.readers import judging
from pipeline.readers.base import CANONICAL, discover, reader_class
from pipeline.readers.flickr import Flickr
from pipeline.readers.parts import clean, delimited
from pipeline.readers.smpd import Smpd
from pipeline.readers.table import Table
from pipeline.readers.twitter import Twitter
from pipeline.storage import pixels
from pipeline.storage.pixels import Unusable
from pipeline.storage.places import Places

pytestmark = pytest.mark.slow

HUNDRED = settings(max_examples=100)
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=12),
    st.sampled_from(
        ["1,234", "1.2K", "103.0", "1E+17", "2024-05-01", "1/2/2024", "now", "[]", "['a']", '"', "NaN", "-1"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
COLUMNS = st.one_of(st.sampled_from([*CANONICAL, "likes", "post_id", "likes"]), TEXTS)


def whole(raw, audit, n):
    """Nothing is lost between what was read and what stays."""
    assert audit.read == n + audit.dropped.total() + audit.filtered.total()
    json.dumps(audit.as_dict(), ensure_ascii=False).encode()


def says_something(error):
    assert str(error).strip()
    str(error).encode()  # a terminal has to show it


def read(reader, targets=("likes",)):
    """The clean posts of a reader; None where it said in one line why there are none."""
    try:
        raw = reader.read(list(targets))
        whole(raw, raw.audit, len(raw.posts))
        frame = judging.clean(raw, dict.fromkeys(targets, "log2p1"))
    except UserError as error:
        says_something(error)
        return None
    whole(raw, raw.audit, len(frame))
    return frame


def drafts(reader, n):
    """A row a draft, whatever it holds."""
    try:
        raw = reader.read(None)
    except UserError as error:
        says_something(error)
        return
    frame = judging.clean(raw, None)
    assert len(frame) == raw.audit.read == raw.audit.kept
    assert frame["post_id"].notna().all()
    assert n is None or len(frame) == n


@HUNDRED
@given(
    rows=st.lists(st.dictionaries(COLUMNS, VALUES, max_size=5), max_size=5), orient=st.sampled_from(["lines", "list"])
)
def test_a_hundred_json_tables(tmp_path_factory, rows, orient):
    folder = tmp_path_factory.mktemp("json")
    lines = [json.dumps(row) for row in rows]
    text = "\n".join(lines) if orient == "lines" else f"[{', '.join(lines)}]"
    (folder / f"posts.json{'l' if orient == 'lines' else ''}").write_text(text, encoding="utf-8")
    read(Table(path=str(folder)))
    drafts(Table(path=str(folder)), None)


@HUNDRED
@given(
    text=st.text(st.sampled_from('ab1,;\t|"\n\r \x00é'), max_size=80),
    header=st.sampled_from(["", "post_id,likes\n", "sep=;\n"]),
)
def test_a_hundred_delimited_tables(tmp_path_factory, text, header):
    folder = tmp_path_factory.mktemp("csv")
    (folder / "posts.csv").write_bytes((header + text).encode())
    read(Table(path=str(folder)))
    drafts(Table(path=str(folder)), None)
    lines = [line for line, _ in delimited.rows(header + text)]
    assert lines == sorted(set(lines))


@HUNDRED
@given(data=st.binary(max_size=200), ending=st.sampled_from(["csv", "tsv", "jsonl", "json", "js", "parquet", "csv.gz"]))
def test_a_hundred_files_of_bytes(tmp_path_factory, data, ending):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / f"x.{ending}").write_bytes(data)
    read(Table(path=str(folder), file=f"x.{ending}"))


@HUNDRED
@given(
    kind=st.sampled_from(
        [
            *(
                pa.date32(),
                pa.date64(),
                pa.timestamp("us"),
                pa.timestamp("ns", "UTC"),
                pa.timestamp("ms", "Asia/Tokyo"),
            ),
            *(pa.time64("us"), pa.duration("s"), pa.int64(), pa.float64(), pa.bool_()),
        ]
    ),
    values=st.lists(
        st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)), min_size=1
    ),
    column=st.sampled_from(["likes", "posted_at", "text", "tags", "user_id", "latitude", "is_pro", "comments"]),
)
def test_a_hundred_parquet_tables(tmp_path_factory, kind, values, column):
    folder = tmp_path_factory.mktemp("parquet")
    try:
        whole_numbers = pa.array(values, pa.int64())
        array = (
            whole_numbers.cast(pa.int32(), safe=False).view(kind) if kind == pa.date32() else whole_numbers.view(kind)
        )
    except pa.ArrowException:
        array = pa.array(values, pa.int64()).cast(kind, safe=False)
    table = {"post_id": [str(i) for i in range(len(values))], "likes": list(range(len(values))), column: array}
    pq.write_table(pa.table(table), folder / "posts.parquet")
    read(Table(path=str(folder)))
    drafts(Table(path=str(folder)), len(values))


@HUNDRED
@given(lines=st.lists(st.one_of(VALUES.map(json.dumps), TEXTS), max_size=4), reader=st.sampled_from([Twitter, Flickr]))
def test_a_hundred_files_of_lines(tmp_path_factory, lines, reader):
    folder = tmp_path_factory.mktemp("lines")
    data = "\n".join(lines).encode("utf-8", "replace")
    (folder / "data.json").write_bytes(data)
    for name in ("train_url.txt", "train_label.txt", "train_data.txt"):
        (folder / name).write_bytes(data)
    read(reader(path=str(folder)), ("score",) if reader is Flickr else ("likes",))


@HUNDRED
@given(table=st.one_of(VALUES, st.dictionaries(st.sampled_from(["Uid", "Pid", "Title", "Postdate"]), VALUES)))
def test_a_hundred_tables_of_smpd(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("smpd")
    (folder / "train_img.txt").write_text("train/1@N0/2\ntrain/1@N0/3")
    (folder / "train_label.txt").write_text("1.5\n2")
    (folder / "train_text.json").write_text(json.dumps(table))
    (folder / "train_more.json").write_text(json.dumps(table))
    read(Smpd(path=str(folder)), ("score",))


@HUNDRED
@given(values=st.lists(VALUES, max_size=6), kind=st.sampled_from(sorted(clean.KINDS)))
def test_a_hundred_columns_of_each_kind(values, kind):
    cleaned, problems = clean.KINDS[kind](values)
    assert len(cleaned) == len(values)
    assert all(mask.shape == (len(values),) for mask in problems.values())
    pa.array(cleaned if kind != "time" else cleaned.tolist(), from_pandas=True)


def bytes_of(kind, seed):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@HUNDRED
@given(
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI", "nothing"]),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6),
    end=st.integers(0, 3000),
)
def test_a_hundred_pictures(kind, changes, end):
    data = bytearray(b"" if kind == "nothing" else bytes_of(kind, 0))
    for at, value in changes:
        if at < len(data):
            data[at] = value
    status = "ok"
    try:
        jpeg, width, height = pixels.pack(
            bytes(data[: len(data) - end % 5 * end % (len(data) + 1)]), Packing(max_side=8)
        )
        assert pixels.decode(jpeg).ndim == 3
        assert min(width, height) >= 1
    except Unusable as reason:
        status = str(reason)
    assert status.split(":")[0] in ("ok", "truncated", "unreadable", "too large")


@HUNDRED
@given(named=st.text(st.sampled_from("ab./\\%2eF é\u0301\x00~:"), max_size=14))
def test_a_hundred_paths_stay_inside(tmp_path_factory, named):
    root = tmp_path_factory.mktemp("paths") / "raw"
    (root / "a").mkdir(parents=True)
    for name in ("a/b", "A", "b", "../b"):
        (root / name).write_bytes(b"x")
    try:
        path, _ = Places(root).find(named)
        status = "ok" if Path(path).is_relative_to(root) else "a file outside"
    except Unusable as reason:
        status = str(reason)
    assert status in ("ok", "missing", "outside", "two files fit")


def test_every_reader_is_tried():
    assert set(discover()) == {"flickr", "sample", "smpd", "table", "twitter"}, "try the new one above, then name it"
    assert issubclass(reader_class("sample"), Table)


def test_a_table_with_each_kind_of_loss_adds_up(tmp_path):
    frame = pd.DataFrame({"post_id": ["a", "a", None, "b"], "likes": ["1,234", "2", "3", "x"]})
    frame.to_csv(tmp_path / "posts.csv", index=False)
    raw = Table(path=str(tmp_path)).read(["likes"])
    assert len(judging.clean(raw, {"likes": "log2p1"})) == raw.audit.kept == 1
    with pytest.raises(UserError, match="max_dropped"):
        raw.audit.check(raw.file, 0.5)
