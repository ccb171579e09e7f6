"""Which columns of a table are the values, the labels and the covariates."""

from pathlib import Path
from typing import NamedTuple

from vaestro.foundation.errors import DataError


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
    that is value and covariate at once, or no columns left for the values."""
    labels = None if wanted.labels is None else _place(path, names, wanted.labels)
    covariates = [_place(path, names, name) for name in wanted.covariates]
    if wanted.columns is not None:
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


def _place(path: Path, names: list[str], name: str) -> int:
    if names.count(name) > 1:
        raise DataError(f"{path} has {names.count(name)} columns called {name!r}; rename them")
    if name not in names:
        raise DataError(f"{path} has no column {name!r}; legal: {', '.join(names)}")
    return names.index(name)
