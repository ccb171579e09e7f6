"""Arrays left in their file: the same numbers as in memory, at a fraction of the memory."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.array_files import load, refused
from vaestro.data import mapped
from vaestro.data.mapped import Joined, NpyRows, changed, joined, npy_rows, stays_in_file
from vaestro.data.rows import in_memory
from vaestro.data.samples import Samples
from vaestro.foundation.errors import DataError

RANDOM = np.random.default_rng(5)
ORDER = np.array([7, 0, 7, 11, 3])


def kinds_of_arrays() -> Iterator[Any]:
    """One of every number type and layout that is changed when it is read."""
    yield pytest.param(RANDOM.normal(size=(12, 5)), {}, id="float64 to float32")
    yield pytest.param(RANDOM.normal(size=(12, 5)).astype(">f4"), {}, id="big-endian")
    yield pytest.param(RANDOM.normal(size=(12, 5)).astype(np.float32), {}, id="float32")
    yield pytest.param(RANDOM.integers(0, 9, (12, 6, 5)), {}, id="counts to int32")
    yield pytest.param(RANDOM.integers(0, 2, (12, 5)) > 0, {}, id="bool to bits")
    yield pytest.param(
        RANDOM.integers(0, 256, (12, 9, 9, 3)).astype(np.uint8), {}, id="channels last"
    )
    black_and_white = RANDOM.integers(0, 2, (12, 6, 6, 6)).astype(np.uint8) * 255
    yield pytest.param(black_and_white, {}, id="black and white volumes")
    bits = RANDOM.integers(0, 256, (12, 3)).astype(np.uint8)
    yield pytest.param(bits, {"packed_columns": 20}, id="packed bits")


@pytest.mark.parametrize(("array", "fields"), list(kinds_of_arrays()))
def test_mapped_and_resident_samples_are_equal_to_the_bit(
    array: np.ndarray, fields: dict[str, Any], tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", array)
    held = load(tmp_path / "x.npy", memory="resident", **fields)
    left = load(tmp_path / "x.npy", memory="mapped", **fields)
    assert in_memory(held.values)
    assert not in_memory(left.values)
    assert left.spec == held.spec
    assert left.values.dtype == held.values.dtype
    assert left.values.shape == held.values.shape
    for numbers in (
        slice(None),
        slice(2, 9),
        slice(1, 12, 3),
        slice(None, None, -1),
        slice(5, 5),
        ORDER,
        ORDER[:0],
    ):
        read = left.values[numbers]
        assert type(read) is np.ndarray
        assert read.tobytes() == held.values[numbers].tobytes()
    batches = [Samples.of(data, "cpu", torch.float32) for data in (held, left)]
    whole = [torch.cat([batch.x for batch in samples.in_order(5)]) for samples in batches]
    assert torch.equal(*whole)


def test_memory_is_chosen_by_the_size_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", RANDOM.normal(size=(100, 10)))
    assert in_memory(load(tmp_path / "x.npy").values)
    size = (tmp_path / "x.npy").stat().st_size
    monkeypatch.setattr(mapped, "physical_memory", lambda: 4 * size - 4)
    assert not in_memory(load(tmp_path / "x.npy").values)
    assert in_memory(load(tmp_path / "x.npy", memory="resident").values)
    monkeypatch.setattr(mapped, "physical_memory", lambda: 4 * size)
    assert in_memory(load(tmp_path / "x.npy").values)


def test_the_machine_has_memory() -> None:
    assert 1 << 28 < mapped.physical_memory() < 1 << 50
    assert stays_in_file("mapped", 1)
    assert not stays_in_file("resident", 1 << 60)


def test_a_machine_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mapped.os, "sysconf")
    assert mapped.physical_memory() == mapped.UNKNOWN_MEMORY


def test_files_that_cannot_be_mapped(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(12, 5))
    np.save(tmp_path / "x.npy", x)
    zipped = tmp_path / "x.npy.gz"
    zipped.write_bytes(gzip.compress((tmp_path / "x.npy").read_bytes()))
    assert "cannot be mapped; decompress it" in refused(zipped, memory="mapped")
    assert np.array_equal(load(zipped).values, x.astype(np.float32))
    np.save(tmp_path / "f.npy", np.asfortranarray(x))
    assert "stored in Fortran order" in refused(tmp_path / "f.npy", memory="mapped")
    np.savez(tmp_path / "x.npz", x=x)
    assert "data.memory=mapped means nothing for a .npz" in refused(
        tmp_path / "x.npz", memory="mapped"
    )


@pytest.mark.parametrize("cut", [0, 5, 60, 200, -8])
def test_a_mapped_file_that_is_cut_off(cut: int, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RANDOM.normal(size=(12, 5)))
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:cut])
    assert "cannot be read as .npy" in refused(tmp_path / "x.npy", memory="mapped")


def test_a_mapped_file_that_is_none(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "x.npy", memory="mapped")
    (tmp_path / "y.npy").mkdir()
    assert "is a folder" in refused(tmp_path / "y.npy", memory="mapped")
    np.save(tmp_path / "o.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    assert "allow_pickle" in refused(tmp_path / "o.npy", memory="mapped")
    np.save(tmp_path / "e.npy", np.empty((0, 3)))
    assert "0 samples" in refused(tmp_path / "e.npy", memory="mapped")
    np.save(tmp_path / "v.npy", np.ones(5))
    assert "the array has shape (5,)" in refused(tmp_path / "v.npy", memory="mapped")


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RANDOM.normal(size=(12, 5)))
    rows = npy_rows(tmp_path / "x.npy", "mapped")
    assert isinstance(rows, NpyRows)
    shorter = (tmp_path / "x.npy").read_bytes()[:-40]
    (tmp_path / "x.npy").unlink()
    (tmp_path / "x.npy").write_bytes(shorter)
    with pytest.raises(DataError, match="became shorter"):
        rows[:]
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match="can no longer be read"):
        rows[:]


def test_what_is_wrong_with_mapped_numbers_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaestro.data.rows.CHUNK_BYTES", 200)  # several pieces
    x = RANDOM.random((40, 5))
    x[33, 2] = np.nan
    np.save(tmp_path / "x.npy", x)
    assert "the first is sample 33" in refused(tmp_path / "x.npy", memory="mapped")
    x[33, 2] = 1.5
    np.save(tmp_path / "x.npy", x)
    message = refused(tmp_path / "x.npy", memory="mapped", values="unit")
    assert "values=unit was asked for" in message
    assert "to 1.5" in message
    assert load(tmp_path / "x.npy", memory="mapped").spec.values == "real"
    x[33, 2] = 0
    np.save(tmp_path / "x.npy", x)
    assert load(tmp_path / "x.npy", memory="mapped").spec.values == "unit"


def test_rows_one_after_another(tmp_path: Path) -> None:
    parts = [RANDOM.normal(size=(n, 4)) for n in (5, 1, 8)]
    for number, part in enumerate(parts):
        np.save(tmp_path / f"{number}.npy", part)
    rows = [npy_rows(tmp_path / f"{n}.npy", "mapped") for n in range(3)]
    whole, several = np.concatenate(parts), joined([*rows[:2], parts[2]])
    assert isinstance(several, Joined)
    assert several.shape == (14, 4)
    for numbers in (slice(None), slice(3, 9), np.array([13, 5, 0, 5, 4, 6]), np.arange(0)):
        assert np.array_equal(several[numbers], whole[numbers])
    assert joined(rows[:1]) is rows[0]
    doubled = changed(several, lambda x: (2 * x).astype(np.float32)[:, :2])
    assert (doubled.shape, doubled.dtype) == ((14, 2), np.float32)
    assert np.array_equal(doubled[ORDER], (2 * whole[ORDER, :2]).astype(np.float32))


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(500, 40)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    rows = npy_rows(tmp_path / "x.npy", "mapped")
    orders = [np.random.default_rng(seed).integers(0, 500, 64) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for order, read in zip(orders, pool.map(rows.__getitem__, orders), strict=True):
            assert np.array_equal(read, x[order])


MEASURED = """
import sys
from vaestro.data.arrays import ArraysConfig, load_arrays
def peak():  # of this process alone; ru_maxrss takes over that of the process it came from
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
before = peak()
data = load_arrays(ArraysConfig(path=sys.argv[1], memory=sys.argv[2]))
data.values[:64]
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_opening_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    held = np.lib.format.open_memmap(path, "w+", np.float64, (2500, 10_000))  # 200 MB
    held[:] = np.arange(10_000) / 7
    held.flush()
    del held
    extra = {}
    for memory in ("mapped", "resident"):
        command = [sys.executable, "-c", MEASURED, str(path), memory]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        extra[memory] = float(done.stdout)
    path.unlink()
    assert extra["mapped"] < 40
    assert extra["resident"] > 190
