"""Samples to files, in the format of their field that the ending names.

Shape letters: N samples, R rows, C columns, * the sample's axes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.images.grid import is_picture, near_square, tiled
from vaestro.data.streamlines.streamline_files import write_tractogram
from vaestro.data.tiles.curves import overlay
from vaestro.data.tiles.look import look_at
from vaestro.data.tiles.row_names import named
from vaestro.data.tiles.tile import grid, tile
from vaestro.data.volumes.volume_files import write_volumes
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import Domain, SampleSpec

ANY = (".npz", ".npy", ".csv", ".png")
FIELDS: dict[Domain, tuple[str, ...]] = {
    "vector": (".parquet",),
    "image": (),
    "streamline": (".trk", ".tck", ".trx"),
    "volume": (".mrc", ".map", ".nii", ".nii.gz"),
}
PAIRS, DRAWN_PAIRS = 16, 8
"""Pairs in a row, of pictures and of samples that are drawn as pictures."""
MOST_TILES = 64


def write_samples(path: Path, samples: np.ndarray, spec: SampleSpec) -> None:
    """Write samples (N, *) of `spec`, natural units.

    Any: .npz (`samples`), .npy, .csv (a row a sample), .png (a picture to look at). Streamlines:
    .trk, .tck, .trx in the frame of their file; volumes: .mrc, .map, .nii, .nii.gz, one stack;
    vectors: .parquet. Raises DataError for another ending.
    """
    require_writable(path, spec)
    _require_some(path, samples)
    if path.suffix == ".png":
        _write_png(path, _sheet(samples, spec))
    else:
        _write(path, samples, spec, {"samples": samples})


def write_pairs(path: Path, originals: np.ndarray, copies: np.ndarray, spec: SampleSpec) -> None:
    """Write originals and reconstructions (N, *): .png with each original above its copy, .npz with
    `original` and `reconstruction`, else each original followed by its copy."""
    require_writable(path, spec)
    _require_some(path, originals)
    if path.suffix == ".png":
        width = min(PAIRS if is_picture(spec.shape) else DRAWN_PAIRS, len(originals))
        blank = -len(originals) % width
        pad = np.ones((blank, *originals.shape[1:]), originals.dtype)
        if not is_picture(spec.shape):
            pad = np.full_like(pad, originals.min())
        pairs = [
            np.concatenate([x, pad]).reshape(-1, width, *x.shape[1:]) for x in (originals, copies)
        ]
        _write_png(path, _table(np.stack(pairs, 1).reshape(-1, width, *spec.shape), spec))
        return
    both = np.stack([originals, copies], 1).reshape(-1, *originals.shape[1:])
    _write(path, both, spec, {"original": originals, "reconstruction": copies})


def write_rows(
    path: Path, samples: np.ndarray, spec: SampleSpec, names: list[str] | None = None
) -> None:
    """Write a table of samples (R, C, *): a traversal or interpolations, one a row; a picture has
    the R `names` at the left of its rows."""
    require_writable(path, spec)
    if path.suffix == ".png":
        sheet = _table(samples, spec)
        _write_png(path, sheet if names is None else named(sheet, names))
        return
    arrays = path.suffix in (".npz", ".npy")
    flat = samples if arrays else samples.reshape(-1, *spec.shape)
    _write(path, flat, spec, {"samples": samples})


def require_writable(path: Path, spec: SampleSpec) -> None:
    """Raise DataError unless samples of `spec` can be written to a file with this ending."""
    legal = FIELDS[spec.domain] + ANY
    if not path.name.endswith(legal):
        raise DataError(
            f"--out {path}: samples of shape {spec.shape} are written as {', '.join(legal)}; "
            f"{path.suffix or 'no ending'} is not one of them"
        )


def _require_some(path: Path, samples: np.ndarray) -> None:
    if len(samples) == 0:
        raise DataError(f"--out {path}: there are no samples to write; give at least 1")


def _write(path: Path, samples: np.ndarray, spec: SampleSpec, named: dict[str, np.ndarray]) -> None:
    if path.suffix in (".trk", ".tck", ".trx"):
        write_tractogram(path, [line.T for line in samples], spec.frame, None)
    elif path.name.endswith(FIELDS["volume"]):
        write_volumes(path, samples, spec.frame)
    elif path.suffix == ".parquet":
        _write_parquet(path, samples, spec)
    elif path.suffix == ".csv":
        _write_csv(path, samples.reshape(len(samples), -1), spec)
    else:
        _write_arrays(path, samples, named)


def _sheet(samples: np.ndarray, spec: SampleSpec) -> np.ndarray:
    """Samples (N, *) as one picture, bytes: as many as are there of images, else the first ones."""
    if is_picture(spec.shape):
        return tiled(near_square(samples))
    look = look_at(samples, spec.values)
    if look.kind == "curves":
        return _bytes(overlay(samples, look))
    shown = samples[:MOST_TILES]
    columns = max(1, round(len(shown) ** 0.5))
    return _bytes(grid([tile(sample, look) for sample in shown], columns))


def _table(samples: np.ndarray, spec: SampleSpec) -> np.ndarray:
    """Samples (R, C, *) in their rows and columns as one picture, bytes."""
    if is_picture(spec.shape):
        return tiled(samples)
    flat = samples.reshape(-1, *spec.shape)
    look = look_at(flat, spec.values)
    return _bytes(grid([tile(sample, look) for sample in flat], samples.shape[1]))


def _bytes(picture: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return whole


def _write_png(path: Path, sheet: np.ndarray) -> None:
    from PIL import Image

    picture = sheet[..., 0] if sheet.shape[-1] == 1 else sheet
    with new_file(path) as staging:
        Image.fromarray(picture).save(staging)


def _names(spec: SampleSpec) -> list[str]:
    """What the columns of a table are called."""
    named = spec.names if spec.domain == "vector" else None
    return list(named or (f"x{i}" for i in range(spec.elements)))


def _write_csv(path: Path, rows: np.ndarray, spec: SampleSpec) -> None:
    header = ",".join(f'"{n}"' if "," in n else n for n in _names(spec))
    with new_file(path) as staging:
        np.savetxt(staging, rows, delimiter=",", header=header, comments="", fmt="%.8g")


def _write_parquet(path: Path, rows: np.ndarray, spec: SampleSpec) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with new_file(path) as staging:
        parquet.write_table(pa.table(dict(zip(_names(spec), rows.T, strict=True))), staging)


def _write_arrays(path: Path, plain: np.ndarray, named: dict[str, Any]) -> None:
    with new_file(path) as staging:
        if path.suffix == ".npy":
            np.save(staging, plain, allow_pickle=False)
        else:
            np.savez_compressed(staging, allow_pickle=False, **named)
