import os

import numpy as np
import pytest

from pipeline.storage import cache
from pipeline.storage.cache import ValueCache


def ids(*numbers):
    return [f"{n:064x}" for n in numbers]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_values_come_back_from_any_file_in_any_order(tmp_path, dtype):
    values = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(dtype)
    cache.write(tmp_path, ids(0, 1, 2, 3), values[:4])
    cache.write(tmp_path, ids(4, 5), values[4:])
    stored = ValueCache(tmp_path, shape=(2, 3), dtype=dtype)
    order = [5, 0, 3, 3, 4]
    np.testing.assert_array_equal(stored.take(np.array(ids(*order), dtype=object)), values[order])


def test_what_is_not_there_is_nan(tmp_path):
    cache.write(tmp_path, ids(1), np.ones((1, 2), np.float16))
    stored = ValueCache(tmp_path, shape=(2,), dtype="float16")
    got = stored.take(np.array([*ids(1), None, *ids(7), np.nan], dtype=object))
    assert np.isnan(got).all(axis=1).tolist() == [False, True, True, True]
    assert stored.lacking(ids(7, 1, 3)) == ids(7, 3)


def test_empty_cache(tmp_path):
    stored = ValueCache(tmp_path / "none", shape=(2,), dtype="float16")
    assert stored.lacking(ids(2, 1)) == ids(2, 1)
    assert np.isnan(stored.take(np.array(ids(1), dtype=object))).all()
    assert stored.take(np.array([], dtype=object)).shape == (0, 2)


def test_refresh_sees_new_files(tmp_path):
    stored = ValueCache(tmp_path, shape=(2,), dtype="float16")
    cache.write(tmp_path, ids(1), np.ones((1, 2), np.float16))
    stored.refresh()
    assert stored.lacking(ids(1)) == []


def test_more_files_than_are_open_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "OPEN_FILES", 2)
    for n in range(10):
        cache.write(tmp_path, ids(n), np.full((1, 2), n, np.float32))
    stored = ValueCache(tmp_path, shape=(2,), dtype="float32")
    got = stored.take(np.array(ids(*range(9, -1, -1)), dtype=object))
    assert got[:, 0].tolist() == list(range(9, -1, -1))


def test_half_written_and_damaged_files_do_no_harm(tmp_path):
    cache.write(tmp_path, ids(1), np.ones((1, 2), np.float16))
    (tmp_path / ".x.arrow.1.tmp").write_bytes(b"half")
    os.utime(tmp_path / ".x.arrow.1.tmp", (0, 0))
    (tmp_path / ".y.arrow.2.tmp").write_bytes(b"another process at work")
    (tmp_path / "broken.arrow").write_bytes(b"half")
    stored = ValueCache(tmp_path, shape=(2,), dtype="float16")
    assert stored.lacking(ids(1, 2)) == ids(2)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".arrow", ".tmp"]


def test_an_extractor_has_a_folder_of_its_own(tmp_path):
    a = cache.folder_of(tmp_path, "clip", {"weights": "a"})
    assert a == cache.folder_of(tmp_path, "clip", {"weights": "a"})
    assert a != cache.folder_of(tmp_path, "clip", {"weights": "b"})
    assert (a / "fingerprint.json").exists()
