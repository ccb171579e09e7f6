"""TrackVis .trk and MRtrix .tck, read and written through nibabel.

Sources: http://trackvis.org/docs/?subsect=fileformat and the "Tracks file format" page of MRtrix3.
Coordinates are RASMM: millimetres, right, anterior and superior positive, (0, 0, 0) in the middle
of a voxel. Both formats store float32; .trk stores them after its affine, which costs at most
0.0001 mm for coordinates below 500 mm. Shape letters: N lines.
"""

import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.tractogram import Tractogram, require_invertible
from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.samples import Frame

TRK_MAGIC = b"TRACK"
TCK_MAGIC = b"mrtrix tracks"
TRK_HEADER = 1000
PLAIN = Frame.of(np.eye(4), (1, 1, 1))
"""The frame of a .trk whose lines know none: voxels of 1 mm, axes of the world."""
MOST_NAMES, LONGEST_NAME = 10, 20


def read_trk(path: Path, raw: bytes) -> Tractogram:
    """The tractogram in the bytes `raw` of a .trk. Raises DataError for a damaged header, an affine
    that does not invert, or fewer lines than the header says."""
    from nibabel.streamlines.trk import TrkFile

    header = _trk_header(path, raw)
    said = int(header["nb_streamlines"])
    if said == 0 and len(raw) == TRK_HEADER:  # nibabel trips over its quantities per streamline
        return Tractogram(Lines.of([]))
    file, notes = _loaded(path, TrkFile, raw)
    lines = Lines.of(file.streamlines)
    if len(lines) < said:
        raise DataError(
            f"{path} says {said} streamlines and holds {len(lines)}: it is cut off; fetch it again"
        )
    used = _trk_size(header, lines)
    if used < len(raw):
        notes.append(
            f"{path.name}: {len(raw) - used} bytes after the last streamline were not read"
        )
    if list(file.tractogram.data_per_point):
        names = ", ".join(file.tractogram.data_per_point)
        notes.append(f"{path.name}: the values at each point ({names}) were not read")
    frame = Frame.of(file.header["voxel_to_rasmm"], file.header["dimensions"])
    per_streamline = {
        name: _column(np.asarray(values))
        for name, values in file.tractogram.data_per_streamline.items()
    }
    return Tractogram(lines, frame, per_streamline, tuple(notes))


def read_tck(path: Path, raw: bytes) -> Tractogram:
    """The tractogram in the bytes `raw` of a .tck, which has no affine. Raises DataError for a
    damaged header or a missing end mark."""
    from nibabel.streamlines.tck import TckFile

    file, notes = _loaded(path, TckFile, raw)
    lines = Lines.of(file.streamlines)
    said = str(file.header.get("count", "")).strip()
    if said.isdigit() and int(said) != len(lines):
        notes.append(
            f"{path.name}: the header says {int(said)} streamlines, {len(lines)} have points"
        )
    return Tractogram(lines, None, {}, tuple(notes))


def trk_bytes(lines: Lines, frame: Frame | None, per_streamline: Mapping[str, np.ndarray]) -> bytes:
    """The .trk of `lines` in `frame`; per_streamline: (N,) or (N, k) each. Voxel sizes and voxel
    order follow from the affine. Raises DataError for what the format cannot hold."""
    from nibabel import orientations
    from nibabel.streamlines.trk import TrkFile

    _require_names(per_streamline)
    frame = frame or PLAIN
    require_invertible("the frame of the streamlines", frame.matrix)
    if max(frame.dimensions) > np.iinfo(np.int16).max:
        raise DataError(f"a .trk holds at most 32767 voxels an axis, not {frame.dimensions}")
    axes: Any = orientations.aff2axcodes
    header = {
        "voxel_to_rasmm": frame.matrix.astype(np.float32),
        "dimensions": frame.dimensions,
        "voxel_sizes": frame.voxel_sizes,
        "voxel_order": "".join(axes(frame.matrix)).encode(),
    }
    return _saved(TrkFile, lines, per_streamline, header)


def tck_bytes(lines: Lines) -> bytes:
    """The .tck of `lines`."""
    from nibabel.streamlines.tck import TckFile

    return _saved(TckFile, lines, {}, None)


def _saved(
    format_: Any, lines: Lines, per_streamline: Mapping[str, np.ndarray], header: Any
) -> bytes:
    from nibabel.streamlines import tractogram

    columns = {
        name: np.asarray(values, np.float32).reshape(len(lines), -1)
        for name, values in per_streamline.items()
    }
    wide = [line.astype(np.float64) for line in lines]  # the affine is applied in 64 bits
    content = BytesIO()
    holder: Any = tractogram.Tractogram
    held = holder(wide, data_per_streamline=columns, affine_to_rasmm=np.eye(4))
    format_(held, header=header).save(content)
    return content.getvalue()


def _loaded(path: Path, format_: Any, raw: bytes) -> tuple[Any, list[str]]:
    """What nibabel makes of the bytes, and what it warned of."""
    with warnings.catch_warnings(record=True) as warned, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            file = format_.load(BytesIO(raw))
        except Exception as fault:  # a damaged file can raise anything in a foreign parser
            raise DataError(
                f"{path} is damaged or cut off ({one_line(str(fault))[:160]}); fetch it again"
            ) from None
    return file, [f"{path.name}: {one_line(str(warning.message))}" for warning in warned]


def _trk_header(path: Path, raw: bytes) -> Any:
    """The header fields by name, in this machine's byte order."""
    from nibabel.streamlines.trk import header_2_dtype

    if len(raw) < TRK_HEADER:
        raise DataError(f"{path} is cut off in its header: {len(raw)} of {TRK_HEADER} bytes")
    header = np.frombuffer(raw[:TRK_HEADER], header_2_dtype)
    if header["hdr_size"][0] != TRK_HEADER:
        header = header.view(header.dtype.newbyteorder())
    if header["hdr_size"][0] != TRK_HEADER or header["nb_streamlines"][0] < 0:
        raise DataError(f"{path} has a damaged .trk header; fetch it again")
    affine = header["voxel_to_rasmm"][0]
    if header["version"][0] > 1 and affine[3, 3] != 0:  # else none was recorded: the identity
        require_invertible(str(path), affine)
    sizes = header["voxel_sizes"][0]
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise DataError(f"{path} says voxel sizes {sizes.tolist()} mm; they must be above 0")
    return header[0]


def _trk_size(header: Any, lines: Lines) -> int:
    """How many bytes the header and these lines take."""
    scalars, properties = header["nb_scalars_per_point"], header["nb_properties_per_streamline"]
    point, line = 4 * (3 + int(scalars)), 4 * (1 + int(properties))
    return TRK_HEADER + point * len(lines.points) + line * len(lines)


def _column(values: np.ndarray) -> np.ndarray:
    """One number a line as (N,); several stay (N, k)."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _require_names(per_streamline: Mapping[str, np.ndarray]) -> None:
    """Raise DataError for more or longer names than the .trk header has room for."""
    room = {name: LONGEST_NAME - 2 * (np.ndim(v) > 1) for name, v in per_streamline.items()}
    long = [name for name in room if not name.isascii() or not 0 < len(name) <= room[name]]
    if len(per_streamline) > MOST_NAMES or long:
        raise DataError(
            f"a .trk names at most {MOST_NAMES} quantities in at most {LONGEST_NAME - 2} ASCII "
            f"letters each, not {', '.join(long or per_streamline)}; write a .trx instead"
        )
