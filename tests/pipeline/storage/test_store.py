import mmap
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.base.errors import UserError
from pipeline.storage import store

ROOT = Path(__file__).parents[3]


def write(path, values, *, groups=1, names=None, dtype=None, valid=None, **metadata):
    """A feature file, appended to `groups` times."""
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
    ids = write(tmp_path / "f.arrow", values, groups=groups, valid=valid, weights="abc")
    table = store.read_feature(tmp_path / "f.arrow")
    np.testing.assert_array_equal(table.values, values)
    np.testing.assert_array_equal(table.valid, valid)
    assert (table.post_id.tolist(), table.values.dtype.name, table.names) == (ids, dtype, None)
    assert table.metadata["weights"] == "abc"
    assert tuple(store.feature_metadata(tmp_path / "f.arrow")["shape"]) == shape


def test_named_columns_come_back_and_pandas_reads_them(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    write(tmp_path / "f.arrow", values, groups=2, names=["a_metres", "b"])
    table = store.read_feature(tmp_path / "f.arrow")
    np.testing.assert_array_equal(table.values, values)
    assert table.names == ["a_metres", "b"]
    np.testing.assert_array_equal(pd.read_feather(tmp_path / "f.arrow")["a_metres"], values[:, 0])


def test_vectors_are_the_file_and_tables_its_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK", 4)
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    for names, batches in ((None, [10]), (["a", "b", "c"], [4, 4, 2])):
        write(tmp_path / "f.arrow", values, groups=3, names=names)
        with pa.ipc.open_file(str(tmp_path / "f.arrow")) as file:
            assert [len(file.get_batch(i)) for i in range(file.num_record_batches)] == batches
        table = store.read_feature(tmp_path / "f.arrow")
        np.testing.assert_array_equal(table.values, values)
        assert isinstance(table.values.base, mmap.mmap) == (names is None)


def test_writing_and_reading_hold_next_to_nothing(tmp_path):
    values = np.ones((5, 5000), np.float32)
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    with store.FeatureWriter(tmp_path / "f.arrow", shape=(5000,), dtype="float32", names=None, metadata={}) as writer:
        for start in range(0, 200, 5):
            writer.append([str(start + i) for i in range(5)], values, np.ones(5, bool))
            most = max(most, pa.total_allocated_bytes() - before)
    assert store.read_feature(tmp_path / "f.arrow").values.shape == (200, 5000)
    most += tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200 * 5000 * 4 / 4


def test_hash_is_of_arguments_ids_and_values(tmp_path):
    def digest(values, **metadata):
        write(tmp_path / "f.arrow", values, **metadata)
        return store.read_feature(tmp_path / "f.arrow").sha256

    values = np.zeros((4, 3), np.float16)
    assert digest(values) == digest(values)
    assert len({digest(values), digest(values, weights="abc"), digest(values + 1), digest(values[:3])}) == 4


def test_nothing_wide_and_nobody(tmp_path):
    write(tmp_path / "none.arrow", np.empty((4, 0), np.float32), names=[], valid=np.zeros(4, bool))
    table = store.read_feature(tmp_path / "none.arrow")
    assert table.values.shape == (4, 0)
    assert not table.valid.any()
    write(tmp_path / "empty.arrow", np.empty((0, 3), np.float16))
    assert store.read_feature(tmp_path / "empty.arrow").values.shape == (0, 3)


def test_values_are_stored_in_the_declared_dtype(tmp_path):
    write(tmp_path / "f.arrow", np.full((2, 2), 0.1), dtype="float16")
    assert store.read_feature(tmp_path / "f.arrow").values.dtype == np.float16


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "f.arrow"
    write(path, np.zeros((2, 2), np.float32))
    before = path.read_bytes()
    with (
        pytest.raises(ValueError, match="reshape"),
        store.FeatureWriter(path, shape=(2,), dtype="float32", names=None, metadata={}) as writer,
    ):
        writer.append(["a"], np.ones((1, 3)), [True])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["f.arrow"]


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


def test_tables_are_compressed_and_vectors_are_not(tmp_path):
    write(tmp_path / "f.arrow", np.zeros((1000, 512), np.float16))
    assert (tmp_path / "f.arrow").stat().st_size > 1000 * 512 * 2
    write(tmp_path / "f.arrow", np.zeros((1000, 2), np.float32), names=["a", "b"])
    assert (tmp_path / "f.arrow").stat().st_size < 1000 * 2 * 4


def test_a_file_that_is_read_may_be_written_again(tmp_path):
    write(tmp_path / "f.arrow", np.zeros((100, 512), np.float16))
    before = store.read_feature(tmp_path / "f.arrow").values
    write(tmp_path / "f.arrow", np.ones((50, 512), np.float16))
    assert not before.any()
    assert store.read_feature(tmp_path / "f.arrow").values.all()
