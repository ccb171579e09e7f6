"""Tractograms to files and back: .trk and .tck (gzipped or not) and .trx.

Shape letters: N lines, n points of one line.
"""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.opening import read_bytes
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.tractogram import Tractogram
from vaestro.data.streamlines.trk_tck import (
    TCK_MAGIC,
    TRK_MAGIC,
    read_tck,
    read_trk,
    tck_bytes,
    trk_bytes,
)
from vaestro.data.streamlines.trx import TRX_MAGIC, read_trx, trx_bytes
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import write_bytes
from vaestro.foundation.samples import Frame

ENDINGS = (".trk", ".tck", ".trx")
_READERS = {TRK_MAGIC: read_trk, TCK_MAGIC: read_tck, TRX_MAGIC: read_trx}


def read_tractogram(path: Path) -> Tractogram:
    """The streamlines in `path` in RASMM millimetres, as they are, with all the file knows.

    The format is told by the content. Raises DataError when the file is missing, no tractogram,
    damaged, cut off, or without streamlines.
    """
    tractogram = read_any(path)
    if len(tractogram.lines) == 0:
        raise DataError(f"{path} holds 0 streamlines; give a tractogram with at least 1")
    return tractogram


def read_any(path: Path) -> Tractogram:
    """As `read_tractogram`, but a file with 0 streamlines is read too."""
    raw = read_bytes(path)
    for magic, read in _READERS.items():
        if raw.startswith(magic):
            return read(path, raw)
    raise DataError(
        f"{path} is no tractogram: it starts with {raw[:8].hex() or 'nothing'}; "
        f"legal: {', '.join(ENDINGS)} files of TrackVis, MRtrix and TRX"
    )


def write_tractogram(
    path: Path,
    lines: Iterable[Any],
    frame: Frame | None = None,
    per_streamline: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write N lines (n, 3) in RASMM millimetres to `path`, whole or not at all.

    The ending decides: .trk, .tck, or these with .gz, or .trx. `frame` is the grid that .trk and
    .trx name (without one: voxels of 1 mm along the axes); `per_streamline` has (N,) or (N, k)
    numbers by name, for which .tck has no room. Raises DataError for another ending, no lines, a
    line without points, or coordinates that are not finite.
    """
    held, columns = Lines.of(lines), dict(per_streamline or {})
    ending = format_of(path)
    _require_whole(path, held, columns)
    match ending:
        case ".trk":
            content = trk_bytes(held, frame, columns)
        case ".tck":
            content = tck_bytes(held)
        case ".trx":
            content = trx_bytes(held, frame, columns)
        case _:
            raise DataError(
                f"{path}: streamlines are written as {', '.join(ENDINGS)}; "
                f"{path.suffix or 'no ending'} is not one of them"
            )
    # No time stamp inside, so that equal streamlines are equal bytes.
    write_bytes(path, gzip.compress(content, mtime=0) if _zipped(path) else content)


def format_of(path: Path) -> str | None:
    """.trk, .tck or .trx if `path` is named as such a file (or .trk.gz, .tck.gz), else None."""
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix
    if ending not in ENDINGS or (_zipped(path) and ending == ".trx"):
        return None
    return ending


def _zipped(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _require_whole(path: Path, lines: Lines, columns: Mapping[str, np.ndarray]) -> None:
    if len(lines) == 0:
        raise DataError(f"{path}: there are no streamlines to write; give at least 1")
    if (lines.counts == 0).any():
        raise DataError(f"{path}: streamline {int((lines.counts == 0).argmax())} has no points")
    broken = ~np.isfinite(lines.points).all(1)
    if broken.any():
        number = int(lines.owners[broken.argmax()])
        raise DataError(f"{path}: streamline {number} holds NaN or infinite coordinates")
    if columns and format_of(path) == ".tck":
        raise DataError(
            f"{path}: a .tck has no room for numbers per streamline ({', '.join(columns)}); "
            "write a .trk or .trx, or leave them out"
        )
    for name, values in columns.items():
        if np.ndim(values) not in (1, 2) or len(values) != len(lines):
            raise DataError(
                f"{path}: {len(lines)} streamlines and {name} of shape {np.shape(values)}; "
                f"one row a streamline is needed"
            )
