"""Vectors mapped to memory: without a copy, and large rows asked of the disk before they are read."""

import mmap

import numpy as np
import pyarrow as pa
import pytest

from pipeline.storage import vectors


def write(path, values):
    table = pa.table({"value": vectors.to_binary(values)})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("shape", [(10, 3), (10, 2, 4), (10,), (0, 3), (10, 0)])
@pytest.mark.parametrize("dtype", ["float16", "int32", "uint8"])
def test_come_back_as_the_file_itself(tmp_path, shape, dtype):
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    table, memory = vectors.read(write(tmp_path / "f.arrow", values))
    found = vectors.of_table(table, memory, shape[1:], np.dtype(dtype))
    np.testing.assert_array_equal(found, values)
    assert (found.dtype, found.shape) == (dtype, shape)
    if values.size:
        assert found.base is memory
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


def test_values_are_binaries_without_a_copy():
    values = np.ones((5, 3), np.float32)
    assert vectors.to_binary(values).buffers()[1].address == values.ctypes.data
    assert vectors.to_binary(values[:, ::2]).to_pylist() == [b"\x00\x00\x80?" * 2] * 5


class Asked(mmap.mmap):
    """Memory that keeps the bytes it is asked for."""

    def madvise(self, option, start, length):
        assert option == mmap.MADV_WILLNEED
        assert start % mmap.PAGESIZE == 0
        self.__dict__.setdefault("spans", []).append((start, start + length))
        return super().madvise(option, start, length)


def asked(path, values, offset=192):
    """`values` in a file, and the file mapped as `Asked`."""
    path.write_bytes(bytes(offset) + values.tobytes())
    with path.open("rb") as file:
        memory = Asked(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.ndarray(values.shape, values.dtype, buffer=memory, offset=offset), memory


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="the system cannot be asked")
def test_large_rows_are_asked_of_the_disk_alone(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (20, 100_000)).astype(np.uint8)
    mapped, memory = asked(tmp_path / "f", values)
    np.testing.assert_array_equal(vectors.take(mapped, np.array([7, 3, -13])), values[[7, 3, 7]])
    assert [end for _, end in memory.spans] == [192 + 400_000, 192 + 800_000]
    assert all(start <= end - 100_000 < start + mmap.PAGESIZE for start, end in memory.spans)


def test_small_rows_come_with_their_neighbours(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (20, 1000)).astype(np.uint8)
    mapped, memory = asked(tmp_path / "f", values)
    np.testing.assert_array_equal(vectors.take(mapped, np.array([7, 3])), values[[7, 3]])
    assert not hasattr(memory, "spans")


def test_rows_that_are_not_there_are_an_error_before_anything_is_asked(tmp_path):
    mapped, memory = asked(tmp_path / "f", np.zeros((20, 100_000), np.uint8))
    with pytest.raises(IndexError):
        vectors.take(mapped, np.array([1, 20]))
    assert not hasattr(memory, "spans")
