"""New samples for a model that exists: read from any file that data are read from.

Shape letters: N samples, * the sample's axes.
"""

from pathlib import Path

import numpy as np

from vaestro.data.arrays import ArraysConfig, read_content
from vaestro.data.dataset import require_finite, require_samples
from vaestro.data.from_python import as_array
from vaestro.data.images.idx import IdxConfig, read_idx
from vaestro.data.layout import framed_as
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
from vaestro.data.storage import natural_of
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec


def read_samples(path: Path, spec: SampleSpec, source: Source | None = None) -> np.ndarray:
    """Natural samples (N, *) in `path`, float32. `source`: where the run's own data came from;
    its settings (points of a streamline, size of a crop, ...) are used again.

    One sample is enough. Raises DataError for a damaged file, another shape, NaN, or numbers that
    the run's kind of values does not have.
    """
    guessed = guess_source(path)
    if isinstance(guessed, (ArraysConfig, IdxConfig)):
        return _from_array(path, _plain(path, guessed, source), spec)
    data = load_data(_alike(guessed, source))
    x = data.natural(slice(None))
    _require_shape(path, x, spec)
    return x


def _plain(path: Path, guessed: ArraysConfig | IdxConfig, source: Source | None) -> np.ndarray:
    """The array in a file that holds one, as it is stored there."""
    if path.is_dir():
        raise DataError(f"{path} is a folder and a file is needed")
    if isinstance(guessed, IdxConfig):
        return read_idx(path)
    return as_array(read_content(ArraysConfig(path=str(path), memory="resident")).values, path.name)


def _from_array(path: Path, array: np.ndarray, spec: SampleSpec) -> np.ndarray:
    x = framed_as(array, spec.shape)
    _require_shape(path, x, spec)
    require_samples(path.name, x, least=1)
    require_finite(path.name, x)
    return natural_of(path.name, x, spec)


def _alike(guessed: Source, source: Source | None) -> Source:
    """The run's own source, if it is of the guessed kind, with the new path."""
    if source is None or source.kind != guessed.kind:
        return guessed
    return source.model_copy(update={"path": getattr(guessed, "path", None)})


def _require_shape(path: Path, x: np.ndarray, spec: SampleSpec) -> None:
    if x.shape[1:] != spec.shape:
        raise DataError(
            f"{path} holds samples of shape {x.shape[1:]} and the run was trained on {spec.shape}"
        )
