"""Values of features in memory and on disk are the same: indexed as NumPy does, joined by post, made a table."""

import mmap
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from pipeline.base.errors import UserError
from pipeline.storage import examples, store
from pipeline.storage.examples import Dataset, Examples, FeatureValues

ROWS, SHAPE = 90, (3, 5)


def regions(n=ROWS, seed=0):
    """Values [n, 3, 5]; one post in ten has none."""
    values = np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float16)
    values[::10] = np.nan
    return values


def write(path, values, ids=None):
    """A feature file, appended to several times."""
    ids = [f"p{i}" for i in range(len(values))] if ids is None else ids
    valid = ~np.isnan(values).reshape(len(values), -1).all(axis=1)
    header = {"shape": values.shape[1:], "dtype": values.dtype.name, "names": None, "metadata": {}}
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(values), 40):
            rows = slice(start, start + 40)
            writer.append(ids[rows], values[rows], valid[rows])
    return path


@pytest.fixture
def on_disk(tmp_path):
    """`on_disk(values)`: a file of them, as a dataset has it."""

    def build(values):
        table = store.read_feature(write(tmp_path / "f.arrow", values))
        return FeatureValues(table.values, sha256=table.sha256)

    return build


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(5, 30, 3), np.array([70, 3, 3, -1]), np.arange(ROWS) % 3 == 0, [], [8], 17],
    ids=["all", "slice", "positions", "mask", "none", "one row", "one"],
)
def test_indexes_as_numpy_does(on_disk, rows):
    values = regions()
    order = np.random.default_rng(1).permutation(ROWS)
    for feature in (on_disk(values), FeatureValues(values)):
        np.testing.assert_array_equal(feature[rows], values[rows])
        np.testing.assert_array_equal(feature.take(order)[rows], values[order][rows])


@pytest.mark.parametrize("rows", [slice(5, 30, 3), np.array([70, 3, 3, -1]), np.arange(ROWS) % 3 == 0])
def test_posts_taken_from_those_taken(on_disk, rows):
    values, order = regions(), np.array([3, 0, -1, 3])
    np.testing.assert_array_equal(on_disk(values).take(rows).take(order).values, values[rows][order])


def test_looks_like_an_array(on_disk):
    values = on_disk(regions())
    assert (len(values), values.shape, values.width, values.dtype) == (ROWS, (ROWS, 3, 5), 15, np.float16)
    assert values.nbytes == regions().nbytes
    some = values.take(np.array([1, 2]))
    assert (len(some), some.shape, some.width, some.nbytes) == (2, (2, 3, 5), 15, 60)


@pytest.mark.parametrize("row", [ROWS, -ROWS - 1])
def test_rows_that_are_not_there_are_an_error(on_disk, row):
    values = on_disk(regions())
    with pytest.raises(IndexError):
        values[[row]]
    with pytest.raises(IndexError):
        values.take(np.array([row]))


def test_what_is_indexed_is_a_copy_and_what_is_on_disk_stays(on_disk):
    values = on_disk(regions())
    values[[1]][:] = 7
    values.take(np.array([1])).values[:] = 7
    np.testing.assert_array_equal(values[[1]], regions()[[1]])
    with pytest.raises(ValueError, match="read-only"):
        values.values[1] = 7


def test_taking_posts_reads_nothing(on_disk):
    large = on_disk(np.zeros((200, 100, 512), np.float16))
    tracemalloc.start()
    some = large.take(np.arange(0, 200, 2)).take(np.arange(50))
    assert tracemalloc.get_traced_memory()[1] < large.nbytes / 100
    tracemalloc.stop()
    assert isinstance(some.stored.base, mmap.mmap)


def test_digest_is_of_contents_and_rows(on_disk):
    digest = on_disk(regions()).digest()
    assert on_disk(regions()).digest() == digest
    assert on_disk(regions()).take(np.arange(ROWS)[::-1]).digest() != digest
    changed = regions()
    changed[50, 1, 1] = 7
    assert on_disk(changed).digest() != digest
    assert FeatureValues(regions()).digest() == FeatureValues(regions()).digest()
    assert FeatureValues(regions()).digest() != FeatureValues(changed).digest()
    assert FeatureValues(regions()).digest() != FeatureValues(regions().reshape(ROWS, 15)).digest()


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
        return posts, Dataset(paths, features=["regions"], columns=["likes"]).parts("likes", "log2p1", [])[0]

    return build


def test_parts_of_a_dataset_are_rows_of_one_file(dataset):
    posts, parts = dataset()
    of = dict(zip(posts["post_id"], regions(), strict=True))
    stored = [examples.features["regions"].stored for examples in parts.values()]
    assert all(values is stored[0] and isinstance(values.base, mmap.mmap) for values in stored)
    for part in parts.values():
        expected = np.stack([of[post_id] for post_id in part.posts["post_id"]])
        np.testing.assert_array_equal(part.features["regions"].values, expected)
        some = part.take(np.array([4, 1]))
        np.testing.assert_array_equal(some.features["regions"].values, expected[[4, 1]])
        assert some.features["regions"].stored is stored[0]


def test_tables_of_vectors_and_of_nothing_larger(on_disk, monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 7)
    values = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float16)
    values[3] = np.nan
    other = np.arange(60, dtype=np.float32).reshape(30, 2)
    features = {"clip": on_disk(values), "named": FeatureValues(other, ["a", "b"])}
    posts = Examples(pd.DataFrame({"post_id": range(30)}), features)
    table = posts.matrix(["named", "clip"])
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table, np.concatenate([other, values.astype(np.float32)], axis=1))
    assert posts.matrix([]).shape == (30, 0)
    regional = Examples(pd.DataFrame({"post_id": range(ROWS)}), {"regions": on_disk(regions())})
    np.testing.assert_array_equal(regional.matrix(["regions"]), regions().reshape(ROWS, 15).astype(np.float32))
    monkeypatch.setattr(examples, "TABLE_BYTES", regions().nbytes - 1)
    assert regional.take(np.arange(80)).matrix(["regions"]).shape == (80, 15)
    with pytest.raises(UserError, match=r"features\.regions: 3x5 numbers a post are too many"):
        regional.matrix(["regions"])


def test_two_parts_joined_are_their_posts_one_after_the_other(on_disk):
    values = regions()
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(ROWS)]})
    whole = Examples(posts, {"f": on_disk(values)}, np.arange(float(ROWS)))
    one, other = whole.take(np.array([5, 3])), whole.take(np.array([8, 0, 9]))
    both = examples.joined(one, other)
    order = [5, 3, 8, 0, 9]
    assert both.posts["post_id"].tolist() == [f"p{i}" for i in order]
    np.testing.assert_array_equal(both.y, order)
    np.testing.assert_array_equal(both.features["f"].values, values[order])
    assert both.features["f"].stored is whole.features["f"].stored, "nothing is copied of a file in memory"
    alone = Examples(posts[:2], {"f": FeatureValues(values[:2], ["a"])}, np.zeros(2))
    np.testing.assert_array_equal(examples.joined(alone, other).features["f"].values, values[[0, 1, 8, 0, 9]])
