"""New samples for a model that exists: read from any file that data are read from.

Shape letters: N samples, * the sample's axes.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaestro.data.arrays import ArraysConfig
from vaestro.data.content import Content
from vaestro.data.dataset import DataSet, require_finite, require_samples
from vaestro.data.from_python import as_array, columns_called
from vaestro.data.images.idx import IdxConfig, read_idx
from vaestro.data.layout import framed_as
from vaestro.data.read_again import named_alike, read_again
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
from vaestro.data.storage import natural_of, require_near
from vaestro.data.streamlines.streamlines import (
    StreamlinesConfig,
    from_lines,
    is_ragged_lines,
    natural_lines,
)
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec


class NewSamples(NamedTuple):
    """values: natural samples (N, *), float32; labels: (N,) whole numbers or text, or None;
    covariates: (N,) each, by name: what a conditional model is told of them."""

    values: np.ndarray
    labels: np.ndarray | None = None
    covariates: Mapping[str, np.ndarray] = {}


def read_samples(path: Path, spec: SampleSpec, source: Source | None = None) -> np.ndarray:
    """Natural samples (N, *) in `path`, float32; otherwise as `read_new`."""
    return read_new(path, spec, source).values


def read_new(path: Path, spec: SampleSpec, source: Source | None = None) -> NewSamples:
    """The samples in `path`. `source`: where the run's own data came from; its settings (columns,
    keys, points of a streamline, size of a crop, ...) are used again.

    One sample is enough. Raises DataError for a damaged file, another shape, other columns, NaN, or
    numbers that the run's kind of values does not have.
    """
    guessed = guess_source(path)
    if isinstance(guessed, (ArraysConfig, IdxConfig)):
        content = _plain(path, guessed, spec, source)
        x = natural_samples(str(path), content.values, spec, names=content.names)
        return NewSamples(x, content.labels, content.covariates)
    alike = _alike(guessed, source)
    if isinstance(alike, StreamlinesConfig):  # those of a labelled run need no labels themselves
        new = NewSamples(natural_lines(alike, path).values)
    else:
        new = _of(load_data(alike))
    _require_shape(str(path), new.values, spec)
    return new


def natural_samples(
    name: str,
    values: Any,
    spec: SampleSpec,
    any_real: bool = False,
    names: tuple[str, ...] | None = None,
) -> np.ndarray:
    """Natural samples (N, *) of an array, tensor, DataFrame or list, float32: another layout of the
    axes is put in order, bytes are read as those of the training data were, and streamlines of
    several lengths are resampled.

    Columns of a DataFrame, or those that `names` tells, are taken by the names of the training
    data's. With `any_real`, fractions may lie outside the training data's kind of values: new rows
    through a scaler that was fitted on others do. Raises DataError for what `read_samples` does.
    """
    if spec.domain == "streamline" and is_ragged_lines(values):
        return _resampled(name, values, spec)
    called = columns_called(values) if names is None else names
    x = framed_as(named_alike(name, as_array(values, name), called, spec), spec.shape)
    if any_real and x.dtype.kind == "f":
        require_near(name, x, spec)
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


def _plain(
    path: Path, guessed: ArraysConfig | IdxConfig, spec: SampleSpec, source: Source | None
) -> Content:
    """The array in a file that holds one, as it is stored there, and what stands beside it."""
    if path.is_dir():
        raise DataError(f"{path} is a folder and a file is needed")
    if isinstance(guessed, IdxConfig):
        return Content(read_idx(path))
    content = read_again(path, source if isinstance(source, ArraysConfig) else None, spec)
    return content._replace(values=as_array(content.values, path.name))


def _of(data: DataSet) -> NewSamples:
    """All of `data`, with labels by their names."""
    called = data.spec.label_names
    named = data.labels is not None and called is not None
    labels = np.array(called)[data.labels] if named else data.labels
    return NewSamples(data.natural(slice(None)), labels, data.covariates)


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
