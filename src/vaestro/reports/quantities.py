"""The measured quantities of a run by name, and figures with their standard errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaestro.reports.facts import finite
from vaestro.reports.numerals import MINUS, NONE, number

NATS = "nats per sample"
QUANTITIES = (
    ("loss", "Loss", "as configured"),
    ("elbo", "ELBO", NATS),
    ("nll", f"{MINUS}log p(x), importance-weighted", NATS),
    ("bits_per_dimension", "Bits per dimension", "bits"),
    ("data_term", "Data term", NATS),
    ("prior_term", "Prior term", NATS),
    ("skip_term", "Prior term around the bottleneck", NATS),
    ("mse", "Mean squared error", "per element"),
    ("unit_mse", "Mean squared error over the data's variance", "share"),
    ("psnr", "PSNR", "dB"),
    ("ssim", "Structural similarity", "at most 1"),
    ("atom_count_error", "Atoms too many or too few, by element", "atoms"),
    ("model_space_data_term", "Data term in model space", NATS),
    ("model_space_mse", "Mean squared error in model space", "per component"),
    ("live_dimensions", "Live dimensions", ""),
    ("mutual_information", "Mutual information", "nats"),
    ("prior_mismatch", "Prior mismatch", "nats"),
    ("n", "Samples", ""),
)
"""Key of a record, label and unit, in the order of a table."""


@dataclass(frozen=True)
class Row:
    """One measured quantity under the columns of a table."""

    label: str
    unit: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A table under a heading; `columns` name its values; `note` says what they are measured on."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def with_error(figures: Mapping[str, Any], key: str, error: str | None = None) -> str:
    """A figure with its standard error, if it has one: under `error`, or key_standard_error."""
    value = finite(figures.get(key))
    if value is None:
        return NONE
    beside = finite(figures.get(error or f"{key}_standard_error"))
    shown = number(figures.get(key))
    return shown if beside is None else f"{shown} ± {number(beside)}"
