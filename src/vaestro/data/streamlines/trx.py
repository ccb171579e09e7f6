"""The .trx format: a zip of a JSON header and plain arrays.

Source: https://github.com/tee-ar-ex/trx-spec, "specifications.md". Members: header.json
(DIMENSIONS, VOXEL_TO_RASMM, NB_STREAMLINES, NB_VERTICES), positions.3.TYPE (RASMM millimetres),
offsets.TYPE (the first point of each line, and in newer files the number of points at the end),
dps/NAME.TYPE or dps/NAME.k.TYPE (numbers per streamline). Arrays are little-endian.
Shape letters: N lines, P points, k numbers a line.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.tractogram import Tractogram, require_invertible
from vaestro.data.streamlines.trk_tck import PLAIN
from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.samples import Frame

TRX_MAGIC = b"PK"
TYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {
    "float16",
    "float32",
    "float64",
    "ushort",
}


def read_trx(path: Path, raw: bytes) -> Tractogram:
    """The tractogram in the bytes `raw` of a .trx. Raises DataError when a member is missing or
    damaged, or does not fit the others."""
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            members = {name: archive.read(name) for name in archive.namelist() if _wanted(name)}
        header = json.loads(members.pop("header.json"))
        frame = Frame.of(np.array(header["VOXEL_TO_RASMM"], float), header["DIMENSIONS"])
        said = int(header["NB_STREAMLINES"]), int(header["NB_VERTICES"])
        arrays = {name: _array(name, content) for name, content in members.items()}
        points, offsets = _member(arrays, "positions"), _member(arrays, "offsets").reshape(-1)
        per_streamline = {
            PurePosixPath(name).name.split(".")[0]: values
            for name, values in arrays.items()
            if name.startswith("dps/")
        }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as fault:
        raise _damaged(path, str(fault)) from None
    except (KeyError, ValueError, TypeError, OverflowError) as fault:
        raise _damaged(path, f"{type(fault).__name__}: {fault}") from None
    require_invertible(str(path), frame.matrix)
    lines = _lines(path, points, offsets, said)
    odd = [name for name, values in per_streamline.items() if len(values) != len(lines)]
    if odd:
        raise _damaged(path, f"dps/{odd[0]} has {len(per_streamline[odd[0]])} rows")
    return Tractogram(lines, frame, per_streamline)


def trx_bytes(lines: Lines, frame: Frame | None, per_streamline: Mapping[str, np.ndarray]) -> bytes:
    """The .trx of `lines` in `frame`, in float32; per_streamline: (N,) or (N, k) each."""
    frame = frame or PLAIN
    header = {
        "DIMENSIONS": frame.dimensions,
        "VOXEL_TO_RASMM": frame.affine,
        "NB_STREAMLINES": len(lines),
        "NB_VERTICES": len(lines.points),
    }
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("positions.3.float32", lines.points.astype("<f4").tobytes())
        archive.writestr("offsets.uint32", lines.starts.astype("<u4").tobytes())
        for name, values in per_streamline.items():
            columns = np.asarray(values, "<f4").reshape(len(lines), -1)
            width = f".{columns.shape[1]}" if columns.shape[1] > 1 else ""
            archive.writestr(f"dps/{name}{width}.float32", columns.tobytes())
    return content.getvalue()


def _wanted(name: str) -> bool:
    return name == "header.json" or name.startswith(("positions.", "offsets.", "dps/"))


def _array(name: str, content: bytes) -> np.ndarray:
    """A member as its name says: NAME.TYPE is (N,), NAME.k.TYPE is (N, k)."""
    parts = PurePosixPath(name).name.split(".")
    if parts[-1] not in TYPES:
        raise ValueError(f"{name} has the unknown number type {parts[-1]}")
    kind = "uint16" if parts[-1] == "ushort" else parts[-1]
    values = np.frombuffer(content, np.dtype(kind).newbyteorder("<"))
    return values.reshape(-1, int(parts[1])) if len(parts) == 3 else values


def _member(arrays: Mapping[str, np.ndarray], stem: str) -> np.ndarray:
    for name, values in arrays.items():
        if name.startswith(f"{stem}."):
            return values
    raise KeyError(f"{stem} is missing")


def _lines(path: Path, points: np.ndarray, offsets: np.ndarray, said: tuple[int, int]) -> Lines:
    """The lines, after a check that positions, offsets and header agree."""
    count, vertices = said
    if points.ndim != 2 or points.shape[1] != 3 or len(points) != vertices:
        raise _damaged(path, f"positions have shape {points.shape}, the header says {vertices}")
    if len(offsets) not in (count, count + 1):
        raise _damaged(path, f"{len(offsets)} offsets, the header says {count} streamlines")
    starts = np.append(offsets[:count].astype(np.int64), vertices)
    if starts[0] != 0 or (np.diff(starts) < 0).any() or int(offsets[-1:].sum()) > vertices:
        raise _damaged(path, "the offsets do not rise from 0 to the number of points")
    return Lines.from_counts(points, np.diff(starts))


def _damaged(path: Path, why: Any) -> DataError:
    return DataError(f"{path} is a damaged .trx ({one_line(str(why))[:160]}); fetch it again")
