"""A set of samples by what is known of them: a label, or a covariate above or below a number.

Shape letters: N samples of a split.
"""

import re

import numpy as np

from vaestro.data.dataset import DataSet
from vaestro.experiments.requested_condition import label_number
from vaestro.foundation.errors import DataError, nearest

_COMPARISON = re.compile(r"^\s*(.+?)\s*([<>])\s*([-+.\deE]+)\s*$")


def members(text: str, data: DataSet, rows: np.ndarray) -> np.ndarray:
    """Which of `rows` (N,), numbers of samples of `data`, are in the set, as (N,) of bool.

    `text` is a label by name or number, or NAME>NUMBER or NAME<NUMBER of a covariate. Raises
    DataError for what the data do not know, and for a set without a sample.
    """
    compared = _COMPARISON.match(text)
    inside = _by_covariate(compared, data, rows) if compared else _by_label(text, data, rows)
    if not inside.any():
        raise DataError(f"{text}: none of the {len(rows)} samples is in this set; name another")
    return inside


def _by_label(text: str, data: DataSet, rows: np.ndarray) -> np.ndarray:
    if data.labels is None:
        raise DataError(
            f"{text}: the data have no labels; a set is NAME>NUMBER or NAME<NUMBER of a covariate"
            + (f" ({', '.join(data.covariates)})" if data.covariates else ", and they have none")
        )
    inside: np.ndarray = data.labels[rows] == label_number(text, data.spec)
    return inside


def _by_covariate(compared: re.Match[str], data: DataSet, rows: np.ndarray) -> np.ndarray:
    name, sign, text = compared.groups()
    if name not in data.covariates:
        known = list(data.covariates)
        hint = nearest(name, known) if known else "the data have no covariates"
        raise DataError(f"{compared.string}: there is no covariate {name!r}; {hint}")
    try:
        border = float(text)
    except ValueError:
        raise DataError(f"{compared.string}: {text!r} is no number") from None
    values = data.covariates[name][rows]
    return np.asarray(values > border if sign == ">" else values < border)
