import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.base.errors import UserError
from pipeline.storage import store

ROOT = Path(__file__).parents[3]


def write(path, values, *, groups=1, names=None, dtype=None, valid=None, **metadata):
    """A feature file of `groups` row groups."""
    ids = [f"p{i}" for i in range(len(values))]
    valid = np.ones(len(values), bool) if valid is None else valid
    header = {"shape": values.shape[1:], "dtype": dtype or values.dtype.name, "names": names, "metadata": metadata}
    with store.FeatureWriter(path, **header) as writer:
        for rows in np.array_split(np.arange(len(values)), groups):
            writer.append([ids[r] for r in rows], values[rows], valid[rows])
    return ids


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), ()])
@pytest.mark.parametrize("groups", [1, 3])
def test_vectors_come_back(tmp_path, dtype, shape, groups):
    values = np.random.default_rng(0).normal(size=(10, *shape)).astype(dtype)
    valid = np.arange(10) != 4
    values[4] = np.nan
    ids = write(tmp_path / "f.parquet", values, groups=groups, valid=valid, weights="abc")
    table = store.read_feature(tmp_path / "f.parquet")
    np.testing.assert_array_equal(table.values, values)
    np.testing.assert_array_equal(table.valid, valid)
    assert (table.post_id.tolist(), table.values.dtype.name, table.names) == (ids, dtype, None)
    assert table.metadata["weights"] == "abc"
    assert tuple(store.feature_metadata(tmp_path / "f.parquet")["shape"]) == shape


def test_named_columns_come_back_and_pandas_reads_them(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    write(tmp_path / "f.parquet", values, groups=2, names=["a_metres", "b"])
    table = store.read_feature(tmp_path / "f.parquet")
    np.testing.assert_array_equal(table.values, values)
    assert table.names == ["a_metres", "b"]
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "f.parquet")["a_metres"], values[:, 0])


@pytest.mark.parametrize("names", [None, ["a", "b", "c"]])
def test_row_groups_stream_in_order(tmp_path, names):
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    ids = write(tmp_path / "f.parquet", values, groups=4, names=names)
    parts = list(store.iter_feature(tmp_path / "f.parquet"))
    assert [len(part.values) for part in parts] == [3, 3, 2, 2]
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), values)
    assert [i for part in parts for i in part.post_id] == ids


def test_streaming_holds_one_row_group(tmp_path):
    write(tmp_path / "f.parquet", np.zeros((200, 5000), np.float32), groups=40)
    tracemalloc.start()
    for part in store.iter_feature(tmp_path / "f.parquet"):
        assert len(part.values) == 5
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200 * 5000 * 4 / 4


def test_nothing_wide_and_nobody(tmp_path):
    write(tmp_path / "none.parquet", np.empty((4, 0), np.float32), names=[], valid=np.zeros(4, bool))
    table = store.read_feature(tmp_path / "none.parquet")
    assert table.values.shape == (4, 0)
    assert not table.valid.any()
    write(tmp_path / "empty.parquet", np.empty((0, 3), np.float16))
    assert store.read_feature(tmp_path / "empty.parquet").values.shape == (0, 3)


def test_values_are_stored_in_the_declared_dtype(tmp_path):
    write(tmp_path / "f.parquet", np.full((2, 2), 0.1), dtype="float16")
    assert store.read_feature(tmp_path / "f.parquet").values.dtype == np.float16


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "f.parquet"
    write(path, np.zeros((2, 2), np.float32))
    before = path.read_bytes()
    with (
        pytest.raises(ValueError, match="reshape"),
        store.FeatureWriter(path, shape=(2,), dtype="float32", names=None, metadata={}) as writer,
    ):
        writer.append(["a"], np.ones((1, 3)), [True])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["f.parquet"]


KILLED = """
import os, signal
from pathlib import Path
from pipeline.storage import store
with store.atomic(Path({path!r})) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_kill_leaves_what_was_there(tmp_path):
    path = tmp_path / "f.json"
    store.write_json(path, {"a": 1})
    run = subprocess.run([sys.executable, "-c", KILLED.format(path=str(path))], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert store.read_json(path) == {"a": 1}


def test_an_error_leaves_what_was_there(tmp_path):
    store.write_json(tmp_path / "f.json", {"a": 1})
    with pytest.raises(UnicodeEncodeError), store.atomic(tmp_path / "f.json") as temporary:
        temporary.write_text("half \udcff", encoding="utf-8")
    assert store.read_json(tmp_path / "f.json") == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"]


def test_json_and_frames_come_back(tmp_path):
    frame = pd.DataFrame({"post_id": ["a", "b"], "n": [1.5, None], "text": ["é", None]})
    store.write_frame(tmp_path / "x/f.parquet", frame)
    pd.testing.assert_frame_equal(store.read_frame(tmp_path / "x/f.parquet"), frame)
    assert list(store.read_frame(tmp_path / "x/f.parquet", ["n"]).columns) == ["n"]
    assert store.columns_of(tmp_path / "x/f.parquet") == ["post_id", "n", "text"]
    store.write_json(tmp_path / "x/f.json", {"b": 1, "a": "é"})
    assert (tmp_path / "x/f.json").read_text() == '{\n  "a": "é",\n  "b": 1\n}\n'


@pytest.mark.parametrize("read", [store.read_json, store.read_frame, store.read_feature, store.feature_metadata])
def test_what_is_not_there_yet_is_said_in_a_line(tmp_path, read):
    with pytest.raises(UserError, match=r"gone: not there yet; run dvc repro"):
        read(tmp_path / "gone")


def test_join_positions():
    keys = np.array(["a", "b", "c"], dtype=object)
    assert store.join_positions(keys, np.array(["c", "a"], dtype=object), "f").tolist() == [2, 0]
    with pytest.raises(UserError, match=r"f: post_id 'z' is missing"):
        store.join_positions(keys, np.array(["a", "z"], dtype=object), "f")
    with pytest.raises(UserError, match=r"f: post_id 'a' stands there twice"):
        store.join_positions(np.array(["a", "b", "a"], dtype=object), keys, "f")


def test_vectors_are_not_compressed_and_not_split(tmp_path):
    write(tmp_path / "f.parquet", np.zeros((1000, 512), np.float16))
    assert pq.read_metadata(tmp_path / "f.parquet").row_group(0).column(2).compression == "UNCOMPRESSED"
