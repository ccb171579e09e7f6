"""What a file of arrays or a table holds, as stored there, and the data set that it makes.

Shape letters: N samples, * the sample's axes.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from vaestro.data.dataset import DataSet, checked, require_samples
from vaestro.data.labels import as_labels
from vaestro.data.layout import NEW_AXIS, Layout, arranged, channel_axis
from vaestro.data.mapped import changed
from vaestro.data.rounding import rounding_note
from vaestro.data.rows import Rows
from vaestro.data.storage import AskedKind, stored
from vaestro.foundation.errors import DataError


class Content(NamedTuple):
    """values: (N, *) in the file's own number type and layout; labels: (N,) or (N, 1), whole
    numbers or text, or None; covariates: (N,) each; the official parts: sample numbers or None;
    names: of the columns (or channels), or None; notes: what was left out, a sentence each."""

    values: Rows
    labels: np.ndarray | None = None
    covariates: Mapping[str, np.ndarray] = {}
    official_test: np.ndarray | None = None
    official_validation: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def data_set_of(name: str, content: Content, kind: AskedKind, layout: Layout) -> DataSet:
    """`content` with its axes in order, in its storage type, and checked.

    Raises DataError in one line for text, no samples, NaN, or axes, labels and covariates that do
    not fit.
    """
    values = content.values
    if values.dtype.kind not in "fiub":
        raise DataError(f"{name}: the array holds {values.dtype}; numbers are needed")
    require_samples(name, values, least=1)
    shape = tuple(values.shape)
    channel = channel_axis(name, shape, layout)
    natural = changed(values, partial(arranged, channel=channel))
    kept = stored(name, natural, kind)
    labels = None if content.labels is None else as_labels(name, content.labels)
    named = content.names is not None and len(content.names) == kept.values.shape[1]
    return checked(
        name,
        kept.values,
        kept.kind,
        scale=kept.scale,
        levels=kept.levels,
        labels=None if labels is None else labels.numbers,
        label_names=None if labels is None else labels.names,
        covariates=content.covariates,
        official_test=content.official_test,
        official_validation=content.official_validation,
        names=content.names if named else None,
        notes=(
            *content.notes,
            *(_guess(shape, channel) if layout == "auto" else ()),
            *(rounding_note(natural, content.names) if kept.values.dtype == np.float32 else ()),
        ),
    )


def _guess(shape: tuple[int, ...], channel: int) -> tuple[str, ...]:
    """What was made of axes that other people might read otherwise."""
    if (len(shape) == 3 and channel == NEW_AXIS) or (len(shape) != 3 and channel == 1):
        return ()
    channels = "no axis of channels" if channel == NEW_AXIS else f"the channels on axis {channel}"
    what = "streamlines" if len(shape) == 3 else "pictures" if len(shape) == 4 else "volumes"
    what = "volumes" if len(shape) == 4 and channel == NEW_AXIS else what
    return (
        f"shape {shape} was read as {what} with {channels}; if that is wrong, give data.layout",
    )
