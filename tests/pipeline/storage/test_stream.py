"""Features read by row groups: the same numbers as in memory, few reads, any thread, and nothing kept for long."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from pipeline.base.errors import UserError
from pipeline.storage import store, stream
from pipeline.storage.examples import Dataset, Examples, FeatureValues

ROWS, GROUP, SHAPE = 90, 4, (3, 5)


def regions(n=ROWS, seed=0):
    """Values [n, 3, 5]; one post in ten has none."""
    values = np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float16)
    values[::10] = np.nan
    return values


def write(path, values, names=None, ids=None):
    """A feature file in row groups of `GROUP` rows, the last one shorter."""
    ids = [f"p{i}" for i in range(len(values))] if ids is None else ids
    valid = ~np.isnan(values).reshape(len(values), -1).all(axis=1)
    header = {"shape": values.shape[1:], "dtype": values.dtype.name, "names": names, "metadata": {}}
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(values), GROUP):
            rows = slice(start, start + GROUP)
            writer.append(ids[rows], values[rows], valid[rows])
    return path


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """`streamed(values)`: a file of them, opened as one too large for memory."""
    monkeypatch.setattr(stream, "STREAM_BYTES", 0)
    return lambda values: stream.open_feature(write(tmp_path / "f.parquet", values)).values


@pytest.fixture
def reads(monkeypatch):
    """The row groups read so far."""
    read, seen = stream.RowGroups._read_into, []
    monkeypatch.setattr(
        stream.RowGroups, "_read_into", lambda self, reading, group: (seen.append(group), read(self, reading, group))
    )
    return seen


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(5, 30, 3), np.array([70, 3, 3, -1]), np.arange(ROWS) % 3 == 0, [], [8], 17],
    ids=["all", "slice", "positions", "mask", "none", "one row", "one"],
)
def test_indexes_as_numpy_does(streamed, rows):
    values = regions()
    array = streamed(values)
    np.testing.assert_array_equal(array[rows], values[rows])
    order = np.random.default_rng(1).permutation(ROWS)
    np.testing.assert_array_equal(array.take(order)[rows], values[order][rows])


def test_looks_like_an_array(streamed):
    array = streamed(regions())
    assert (len(array), array.shape, array.ndim, array.dtype) == (ROWS, (ROWS, 3, 5), 3, np.float16)
    assert array.take(np.array([1, 2])).shape == (2, 3, 5)
    assert array.nbytes == regions().nbytes
    np.testing.assert_array_equal(array.groups, np.arange(ROWS) // GROUP)


@pytest.mark.parametrize("row", [ROWS, -ROWS - 1])
def test_rows_that_are_not_there_are_an_error(streamed, row):
    with pytest.raises(IndexError):
        streamed(regions())[[row]]


def test_small_and_named_features_are_read_whole(tmp_path, monkeypatch):
    values = regions()
    path = write(tmp_path / "f.parquet", values)
    assert isinstance(stream.open_feature(path).values, np.ndarray)
    monkeypatch.setattr(stream, "STREAM_BYTES", values.nbytes - 1)
    assert isinstance(stream.open_feature(path).values, stream.StreamedArray)
    monkeypatch.setattr(stream, "STREAM_BYTES", 0)
    named = write(tmp_path / "named.parquet", np.ones((9, 2), np.float32), names=["a", "b"])
    assert isinstance(stream.open_feature(named).values, np.ndarray)


def test_reads_the_groups_it_needs_once(streamed, reads):
    array = streamed(regions())
    assert array.take(np.arange(50)).shape[0] == 50
    assert reads == []
    array[[1, 41, 2, 42]]
    assert sorted(reads) == [0, 10]
    array.take(np.array([40, 0]))[:]
    assert sorted(reads) == [0, 10]


def test_keeps_a_bounded_number_of_groups(streamed, reads, monkeypatch):
    monkeypatch.setattr(stream, "KEPT_GROUPS", 3)
    array = streamed(regions())
    array[:]
    assert len(array._file._kept) == 3
    array[[88]]  # the last one is still there, the first is not
    assert len(reads) == 23
    array[[0]]
    assert len(reads) == 24


def test_threads_share_what_they_read(streamed, reads):
    values = regions()
    array = streamed(values)
    order = np.random.default_rng(0).integers(0, 60, (40, 16))
    with ThreadPoolExecutor(8) as threads:
        for rows, found in zip(order, threads.map(array.__getitem__, order), strict=True):
            np.testing.assert_array_equal(found, values[rows])
    assert sorted(reads) == sorted(set(reads))


def test_digest_is_of_contents_and_rows(streamed):
    digest = streamed(regions()).digest()
    assert streamed(regions()).digest() == digest
    assert streamed(regions()).take(np.arange(ROWS)[::-1]).digest() != digest
    changed = regions()
    changed[50, 1, 1] = 7
    assert streamed(changed).digest() != digest


def test_a_failed_read_is_said_and_not_kept(streamed, tmp_path):
    array = streamed(regions())
    (tmp_path / "f.parquet").rename(tmp_path / "away.parquet")
    with pytest.raises(FileNotFoundError):
        array[[0]]
    (tmp_path / "away.parquet").rename(tmp_path / "f.parquet")
    np.testing.assert_array_equal(array[[1]], regions()[[1]])


@pytest.fixture
def dataset(project, make_posts):
    """`dataset()`: posts, splits and one feature in another order than the posts, on disk, as a `Dataset`."""

    def build():
        paths, posts = project(), make_posts(ROWS)
        parts = np.random.default_rng(0).choice(["train", "validation", "test"], ROWS)
        store.write_frame(paths.posts, posts.drop(columns="brightness"))
        store.write_frame(paths.splits, pd.DataFrame({"post_id": posts["post_id"], "part": parts}))
        order = np.random.default_rng(1).permutation(ROWS)
        paths.feature("regions").parent.mkdir(parents=True, exist_ok=True)
        write(paths.feature("regions"), regions()[order], ids=posts["post_id"].to_numpy()[order])
        return Dataset(paths, features=["regions"], columns=["likes"]).parts("likes", "log2p1", [])[0]

    return build


def test_datasets_stream(dataset, monkeypatch):
    whole = dataset()
    monkeypatch.setattr(stream, "STREAM_BYTES", 0)
    parts = dataset()
    for part, examples in parts.items():
        array, expected = examples.features["regions"].values, whole[part].features["regions"].values
        assert isinstance(array, stream.StreamedArray)
        np.testing.assert_array_equal(array[:], expected)
        some = examples.take(np.array([4, 1]))
        assert isinstance(some.features["regions"].values, stream.StreamedArray)
        np.testing.assert_array_equal(some.features["regions"].values[:], expected[[4, 1]])


def test_tables_of_streamed_vectors_and_of_nothing_larger(streamed, monkeypatch):
    monkeypatch.setattr("pipeline.storage.examples.BLOCK", 7)
    values = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float16)
    values[3] = np.nan
    other = np.arange(60, dtype=np.float32).reshape(30, 2)
    features = {"clip": FeatureValues(streamed(values)), "named": FeatureValues(other, ["a", "b"])}
    posts = Examples(pd.DataFrame({"post_id": range(30)}), features)
    table = posts.matrix(["named", "clip"])
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table, np.concatenate([other, values.astype(np.float32)], axis=1))
    assert posts.matrix([]).shape == (30, 0)
    regional = Examples(pd.DataFrame({"post_id": range(ROWS)}), {"regions": FeatureValues(streamed(regions()))})
    with pytest.raises(UserError, match=r"features\.regions: 3x5 numbers a post are too many"):
        regional.matrix(["regions"])
