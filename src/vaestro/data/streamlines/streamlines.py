"""Tractograms as a data source: a .trk, .tck or .trx file, or a folder of them.

Shape letters: N streamlines, K points a streamline.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.streamlines.folders import GroupsFrom, bundle_name, within
from vaestro.data.streamlines.gather import Gathered, gathered, numbered
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.prepare import Prepared, prepared
from vaestro.data.streamlines.streamline_files import format_of
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

Points = Annotated[int, Field(ge=2)]


class StreamlinesConfig(Config):
    """`path`: a tractogram file or a folder of them. `points` a streamline, evenly spaced along it;
    `orient`: all streamlines of a bundle run one way. `labels`, the bundle of a streamline: "file"
    (its name), "folder" (the name of the file's folder), "auto" (file names where they differ, else
    folders), "none", or the name of whole numbers per streamline in the files. `groups`, what a
    split never divides: "folder", "file", "none", or "auto" (folders that repeat the same names).
    """

    kind: Literal["streamlines"] = "streamlines"
    path: str | None = None
    points: Points = 256
    orient: bool = True
    labels: str = "auto"
    groups: GroupsFrom = "auto"


def load_streamlines(config: StreamlinesConfig) -> DataSet:
    """Streamlines (N, 3, K) in natural millimetres, with labels, groups and covariates.

    Covariates: what `covariates.measured` tells, and numbers per streamline that every file has.
    Raises DataError for missing, damaged or empty files, or when no streamline is usable.
    """
    if config.path is None:
        raise DataError(
            "this recipe needs data.path: a tractogram (.trk, .tck, .trx) or a folder of them; "
            "give --set data.path=FILE"
        )
    path = Path(config.path)
    held = gathered(path, config.labels, config.groups)
    name = bundle_name(path) if path.is_file() else path.resolve().name
    return _data_set(name, held, config.points, config.orient)


def is_tractogram(path: Path) -> bool:
    """Whether `path` is named as a tractogram file, or is a folder that holds such files."""
    return next(within(path), None) is not None if path.is_dir() else format_of(path) is not None


def is_ragged_lines(data: Any) -> bool:
    """Whether `data` is what `from_lines` alone can take: a nibabel ArraySequence, or a list of
    arrays or tensors (n, 3) of unequal n."""
    if type(data).__name__ == "ArraySequence":
        return True
    if not isinstance(data, (list, tuple)):
        return False
    shapes = [tuple(getattr(line, "shape", ())) for line in data]
    return len(set(shapes)) > 1 and all(len(s) == 2 and s[1] == 3 for s in shapes)


def natural_lines(config: StreamlinesConfig, path: Path) -> Prepared:
    """New streamlines for a run with these settings: values (N, 3, K) in millimetres, the numbers
    `kept` of the streamlines they are, and notes. One streamline is enough; labels are not needed.

    Raises what `load_streamlines` raises.
    """
    held = gathered(path, config.labels, config.groups, lenient=True)
    ready = prepared(path.name, held.lines, _bundles(held), config.points, config.orient)
    return ready._replace(notes=held.notes + ready.notes)


def from_lines(
    lines: Iterable[Any],
    labels: Any = None,
    *,
    covariates: Mapping[str, Any] | None = None,
    groups: Any = None,
    frame: Frame | None = None,
    points: int = 256,
    orient: bool = True,
    name: str = "lines",
) -> DataSet:
    """A data set from streamlines in Python: arrays (n, 3) in millimetres, a nibabel ArraySequence,
    or one array (N, n, 3). labels, covariates, groups: one a streamline; labels may be text.

    Raises DataError for lines of another shape, `points` below 2, or when no line is usable.
    """
    held = Lines.of(lines)
    given = {"labels": labels, "groups": groups, **(covariates or {})}
    columns = {key: np.asarray(v) for key, v in given.items() if v is not None}
    for key, column in columns.items():
        if column.shape != (len(held),):
            raise DataError(
                f"{name}: {len(held)} streamlines and {key} of shape {column.shape}; "
                "one value a streamline is needed"
            )
    numbers, names = columns.pop("labels", None), None
    if numbers is not None and numbers.dtype.kind not in "iubf":
        numbers, names = numbered(numbers.astype(str).tolist())
    grouping = columns.pop("groups", None)
    if grouping is not None:
        grouping = np.unique(grouping, return_inverse=True)[1].astype(np.int64)
    file_numbers = np.zeros(len(held), np.int64)
    all_of_it = Gathered(held, file_numbers, numbers, names, grouping, columns, frame, ())
    return _data_set(name, all_of_it, points, orient)


def _data_set(name: str, held: Gathered, points: int, orient: bool) -> DataSet:
    ready = prepared(name, held.lines, _bundles(held), points, orient)
    clashing = sorted(held.covariates.keys() & ready.covariates.keys())
    notes = held.notes + ready.notes
    if clashing:
        notes += (f"{', '.join(clashing)}: measured here, not taken from the file",)
    return checked(
        name,
        ready.values,
        "real",
        labels=None if held.labels is None else held.labels[ready.kept],
        label_names=held.label_names,
        covariates={k: v[ready.kept] for k, v in held.covariates.items()} | ready.covariates,
        groups=None if held.groups is None else held.groups[ready.kept],
        frame=held.frame,
        notes=notes,
    )


def _bundles(held: Gathered) -> np.ndarray:
    """What is oriented together: streamlines of one label, else of one file."""
    return held.file_numbers if held.labels is None else held.labels
