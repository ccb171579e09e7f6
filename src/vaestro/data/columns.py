"""Which columns of a table are the values, the labels and the covariates."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vaestro.foundation.errors import DataError

MOST_LISTED = 12


class Wanted(NamedTuple):
    """Which columns are the labels, the covariates and the values; without `columns` the values
    are all that remain."""

    labels: str | None = None
    covariates: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None


class Roles(NamedTuple):
    """The same by the places of the columns."""

    values: list[int]
    labels: int | None
    covariates: list[int]


def roles(path: Path, names: list[str], wanted: Wanted) -> Roles:
    """Where the wanted columns stand. Raises DataError for an unknown or doubled name, a column
    that is asked for twice or is value and covariate at once, or no columns left for the values."""
    labels = None if wanted.labels is None else _place(path, names, wanted.labels)
    covariates = [_place(path, names, name) for name in wanted.covariates]
    if wanted.columns is not None:
        _require_once(path, wanted.columns)
        values = [_place(path, names, name) for name in wanted.columns]
        both = [names[i] for i in values if i in covariates]
        if both:
            raise DataError(
                f"{path}: {both[0]} is named in data.columns and in data.covariate_keys; "
                "a column is one of the two"
            )
    else:
        values = [i for i in range(len(names)) if i != labels and i not in covariates]
    if not values:
        raise DataError(
            f"{path}: labels and covariates are all the {len(names)} columns; name fewer of them, "
            "a column of values is needed"
        )
    return Roles(values, labels, covariates)


def column_names(names: list[str], places: list[int]) -> tuple[str, ...] | None:
    """The names of the value columns; None for a DataFrame's counting, which is no name."""
    counted = [str(i) for i in range(len(names))]
    return None if names == counted else tuple(names[i] for i in places)


def places_of(name: str, held: Sequence[str], learned: Sequence[str]) -> list[int]:
    """Where the columns that a run has `learned` stand among those that new data have; others are
    left out. Raises DataError for missing ones, and for a name that is there twice."""
    missing = [column for column in learned if column not in held]
    if missing:
        raise DataError(
            f"{name} has no column {listed(missing)}, and the run was trained on "
            f"{listed(learned)}; it has {listed(held)}: name its columns as those, or give an "
            "array without names, which is read by position"
        )
    twice = next((column for column in learned if list(held).count(column) > 1), None)
    if twice is not None:
        raise DataError(f"{name} has two columns called {twice!r}; rename one of them")
    return [list(held).index(column) for column in learned]


def listed(names: Sequence[str]) -> str:
    """The names with commas, the first ones of many."""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return (", ".join(names[:MOST_LISTED]) or "none") + more


def _require_once(path: Path, columns: tuple[str, ...]) -> None:
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}: data.columns names {twice!r} {columns.count(twice)} times; name each column "
            "once"
        )


def _place(path: Path, names: list[str], name: str) -> int:
    if names.count(name) > 1:
        raise DataError(f"{path} has {names.count(name)} columns called {name!r}; rename them")
    if name not in names:
        raise DataError(f"{path} has no column {name!r}; legal: {', '.join(names)}")
    return names.index(name)
