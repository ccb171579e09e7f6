"""Samples to files and back, in the format that the ending names.

Shape letters: N samples, R rows, C columns, * the sample's axes.
"""

from pathlib import Path

import numpy as np

from vaestro.data.arrays import ENDINGS, ArraysConfig, framed, read_content
from vaestro.data.dataset import require_finite, require_samples
from vaestro.data.from_python import as_array
from vaestro.data.grid import is_picture, near_square, tiled
from vaestro.data.idx import is_idx, read_idx
from vaestro.data.storage import natural_of
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import SampleSpec

LEGAL_FILES = ".npz, .npy, .csv (also .gz), or an idx file"


def write_samples(path: Path, samples: np.ndarray, spec: SampleSpec) -> None:
    """Write samples (N, *): .png (images), .npz (`samples`), .npy, .csv (a row a sample).

    Raises DataError for another ending, or for a .png of samples that are no images.
    """
    require_writable(path, spec)
    _require_some(path, samples)
    if path.suffix == ".png":
        _write_png(path, tiled(near_square(samples)))
    elif path.suffix == ".csv":
        _write_csv(path, samples.reshape(len(samples), -1))
    else:
        _write_arrays(path, samples, {"samples": samples})


def write_pairs(
    path: Path, originals: np.ndarray, copies: np.ndarray, spec: SampleSpec, columns: int = 16
) -> None:
    """Write originals and reconstructions (N, *): .png with each original above its copy, .npz with
    `original` and `reconstruction`, or the interleaved rows in .npy and .csv."""
    require_writable(path, spec)
    _require_some(path, originals)
    if path.suffix == ".png":
        blank = -len(originals) % columns if len(originals) > columns else 0
        pad = np.ones((blank, *originals.shape[1:]), originals.dtype)
        width = min(columns, len(originals))
        pairs = [
            np.concatenate([x, pad]).reshape(-1, width, *x.shape[1:]) for x in (originals, copies)
        ]
        _write_png(path, tiled(np.stack(pairs, 1).reshape(-1, width, *originals.shape[1:])))
        return
    both = np.stack([originals, copies], 1).reshape(-1, *originals.shape[1:])
    if path.suffix == ".csv":
        _write_csv(path, both.reshape(len(both), -1))
    else:
        _write_arrays(path, both, {"original": originals, "reconstruction": copies})


def write_rows(path: Path, samples: np.ndarray, spec: SampleSpec) -> None:
    """Write a table of samples (R, C, *): a traversal or interpolations, one a row."""
    require_writable(path, spec)
    if path.suffix == ".png":
        _write_png(path, tiled(samples))
    elif path.suffix == ".csv":
        _write_csv(path, samples.reshape(samples.shape[0] * samples.shape[1], -1))
    else:
        _write_arrays(path, samples, {"samples": samples})


def require_writable(path: Path, spec: SampleSpec) -> None:
    """Raise DataError unless samples of `spec` can be written to a file with this ending."""
    legal = ((".png",) if is_picture(spec.shape) else ()) + ENDINGS
    if path.suffix not in legal:
        raise DataError(
            f"--out {path}: samples of shape {spec.shape} are written as {', '.join(legal)}; "
            f"{path.suffix or 'no ending'} is not one of them"
        )


def read_samples(path: Path, spec: SampleSpec) -> np.ndarray:
    """Natural samples (N, *) from .npz, .npy, .csv (gzipped or not) or idx, float32.

    One sample is enough. Raises DataError for a damaged file, another shape, NaN, or numbers that
    the run's kind of values does not have.
    """
    x = framed(_content(path))
    if x.shape[1:] != spec.shape:
        raise DataError(
            f"{path} holds samples of shape {x.shape[1:]} and the run was trained on {spec.shape}"
        )
    require_samples(path.name, x, least=1)
    require_finite(path.name, x)
    return natural_of(path.name, x, spec)


def _content(path: Path) -> np.ndarray:
    if Path(path.name.removesuffix(".gz")).suffix in ENDINGS:
        return as_array(read_content(ArraysConfig(path=str(path))).values, path.name)
    if "idx" in path.name or is_idx(path):
        return read_idx(path)
    raise DataError(f"{path} is no file that samples are read from; legal: {LEGAL_FILES}")


def _require_some(path: Path, samples: np.ndarray) -> None:
    if len(samples) == 0:
        raise DataError(f"--out {path}: there are no samples to write; give at least 1")


def _write_png(path: Path, sheet: np.ndarray) -> None:
    from PIL import Image

    picture = sheet[..., 0] if sheet.shape[-1] == 1 else sheet
    with new_file(path) as staging:
        Image.fromarray(picture).save(staging)


def _write_csv(path: Path, rows: np.ndarray) -> None:
    header = ",".join(f"x{i}" for i in range(rows.shape[1]))
    with new_file(path) as staging:
        np.savetxt(staging, rows, delimiter=",", header=header, comments="", fmt="%.8g")


def _write_arrays(path: Path, plain: np.ndarray, named: dict[str, np.ndarray]) -> None:
    with new_file(path) as staging:
        if path.suffix == ".npy":
            np.save(staging, plain, allow_pickle=False)
        else:
            np.savez_compressed(staging, allow_pickle=False, **named)
