"""New samples for a model that exists: read from any file that data are read from.

Shape letters: N samples, * the sample's axes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.arrays import ArraysConfig, read_content
from vaestro.data.dataset import require_finite, require_samples
from vaestro.data.from_python import as_array
from vaestro.data.images.idx import IdxConfig, read_idx
from vaestro.data.layout import framed_as
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
from vaestro.data.storage import natural_of
from vaestro.data.streamlines.streamlines import (
    StreamlinesConfig,
    from_lines,
    is_ragged_lines,
    natural_lines,
)
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
        return natural_samples(str(path), _plain(path, guessed), spec)
    alike = _alike(guessed, source)
    if isinstance(alike, StreamlinesConfig):  # those of a labelled run need no labels themselves
        x = natural_lines(alike, path).values
    else:
        x = load_data(alike).natural(slice(None))
    _require_shape(str(path), x, spec)
    return x


def natural_samples(name: str, values: Any, spec: SampleSpec, any_real: bool = False) -> np.ndarray:
    """Natural samples (N, *) of an array, tensor, DataFrame or list, float32: another layout of the
    axes is put in order, bytes are read as those of the training data were, and streamlines of
    several lengths are resampled.

    With `any_real`, fractions may lie outside the training data's kind of values: new rows through
    a scaler that was fitted on others do. Raises DataError for what `read_samples` does.
    """
    if spec.domain == "streamline" and is_ragged_lines(values):
        return _resampled(name, values, spec)
    x = framed_as(as_array(values, name), spec.shape)
    if any_real and x.dtype.kind == "f":
        spec = replace(spec, values="real")
    _require_shape(name, x, spec)
    require_samples(name, x, least=1)
    require_finite(name, x)
    return natural_of(name, x, spec)


def _resampled(name: str, lines: Any, spec: SampleSpec) -> np.ndarray:
    """Streamlines of several lengths as training has them. Raises DataError for unusable ones: rows
    that were left out would leave the others at another place than their lines."""
    data = from_lines(lines, points=spec.shape[-1], name=name)
    if len(data.values) < len(lines):
        raise DataError(f"{name}: {data.notes[0]}; take them out, so that each has its row")
    x = data.natural(slice(None))
    _require_shape(name, x, spec)
    return x


def _plain(path: Path, guessed: ArraysConfig | IdxConfig) -> np.ndarray:
    """The array in a file that holds one, as it is stored there."""
    if path.is_dir():
        raise DataError(f"{path} is a folder and a file is needed")
    if isinstance(guessed, IdxConfig):
        return read_idx(path)
    return as_array(read_content(ArraysConfig(path=str(path), memory="resident")).values, path.name)


def _alike(guessed: Source, source: Source | None) -> Source:
    """The run's own source, if it is of the guessed kind, with the new path."""
    if source is None or source.kind != guessed.kind:
        return guessed
    return source.model_copy(update={"path": getattr(guessed, "path", None)})


def _require_shape(name: str, x: np.ndarray, spec: SampleSpec) -> None:
    if x.shape[1:] != spec.shape:
        raise DataError(
            f"{name}: samples of shape {x.shape[1:]} and the run was trained on {spec.shape}; "
            f"give an array (samples, {', '.join(map(str, spec.shape))})"
        )
