"""The cache: kept, told apart, made again when damaged, and done without where it must be."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.cache import FOLDER_VARIABLE, cache_folder, cached_array


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def whole() -> Iterator[np.ndarray]:
    yield from np.arange(12, dtype=np.int32).reshape(2, 2, 3)


def never() -> Iterator[np.ndarray]:
    raise AssertionError("made again")
    yield np.empty(0)


def cached(make: Any = whole, **key: Any) -> np.ndarray:
    return cached_array("numbers", key, (4, 3), np.int32, make)


def test_the_cache_keeps_and_tells_apart(folder: Path) -> None:
    first = cached(a=1)
    assert isinstance(first, np.memmap) and first.tolist() == np.arange(12).reshape(4, 3).tolist()
    assert cached(never, a=1).tolist() == first.tolist()
    with pytest.raises(AssertionError, match="made again"):
        cached(never, a=2)
    assert len(list(folder.glob("numbers-*"))) == 1 and not list(folder.glob("*partial*"))
    assert np.load(next(folder.glob("numbers-*"))).tolist() == first.tolist()


@pytest.mark.parametrize("damage", ["cut off", "empty", "flipped", "longer", "other"])
def test_a_damaged_cache_is_made_again(folder: Path, damage: str) -> None:
    cached(a=1)
    path = next(folder.glob("numbers-*"))
    content = bytearray(path.read_bytes())
    if damage == "cut off":
        content = content[:-7]
    elif damage == "empty":
        content.clear()
    elif damage == "flipped":
        content[-10] ^= 1
    elif damage == "longer":
        content += b"\0"
    else:
        content[:6] = b"PK\3\4zz"
    path.write_bytes(content)
    assert cached(a=1).tolist() == np.arange(12).reshape(4, 3).tolist()
    assert cached(never, a=1)[3, 2] == 11


def test_without_a_place_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    made = cached(a=1)
    assert not isinstance(made, np.memmap) and made[3].tolist() == [9, 10, 11]


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaestro.foundation.files.sync", full)
    made = cached(disk="full")
    assert not isinstance(made, np.memmap) and made[3, 2] == 11
    assert not list(folder.glob("*partial*"))


def test_what_a_killed_process_left_is_removed(folder: Path) -> None:
    cached(left=1)
    path = next(folder.glob("numbers-*"))
    old, new = (path.with_name(f".{path.stem}.{pid}.partial.npy") for pid in (1, 2))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))
    path.unlink()
    cached(left=1)
    assert path.exists() and new.exists() and not old.exists()
    new.unlink()


def test_two_processes_at_once(folder: Path) -> None:
    code = (
        "import json, time, numpy as np\n"
        "from vaestro.data.cache import cached_array\n"
        "def slow():\n"
        "    for row in range(4):\n"
        "        time.sleep(0.05)\n"
        "        yield np.full((1, 3), row)\n"
        "print(json.dumps(cached_array('both', {}, (4, 3), 'i4', slow).tolist()))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)
    ]
    told = [json.loads(process.communicate()[0]) for process in running]
    assert told == [[[row] * 3 for row in range(4)]] * 2
    assert len(list(folder.glob("both-*"))) == 1 and not list(folder.glob(".both*"))


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "vaestro"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "vaestro"
