"""The cells of a study: its trials with one setting and every seed, as means with intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from vaestro.foundation.yaml_text import read_yaml
from vaestro.reports.study.facts import LEVEL, Mean
from vaestro.sweeps.ledger.rows import Trial


class Cell(NamedTuple):
    """One setting of a study. `means` has the figures that some seed has."""

    params: dict[str, Any]
    trials: tuple[Trial, ...]
    means: dict[str, Mean]
    verdicts: dict[str, int]

    @property
    def label(self) -> str:
        """The setting in a few words: the fields by their last names."""
        return ", ".join(f"{short_name(name)} {in_words(v)}" for name, v in self.params.items())


def cells(trials: Sequence[Trial], figures: Sequence[str]) -> list[Cell]:
    """The cells in the order of their first trial."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(str(_setting(trial)), []).append(trial)
    return [_cell(group, figures) for group in groups.values()]


def short_name(field: str) -> str:
    """The last name of a field's path; the one before it where the last says nothing."""
    *before, last = field.split(".")
    return before[-1] if last in ("value", "kind") and before else last


def in_words(value: Any) -> str:
    """A value as a label has it: `{kind: fixed, value: 1}` is fixed 1."""
    read = read_yaml(value, "a value") if isinstance(value, str) else value
    if isinstance(read, dict):
        plain = ("kind", "value")
        parts = (
            in_words(v) if name in plain else f"{name} {in_words(v)}" for name, v in _kinds(read)
        )
        return " ".join(parts)
    if isinstance(read, list):
        return " ".join(map(in_words, read))
    return f"{read:g}" if isinstance(read, float) else str(value)


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of at least one number with its interval."""
    numbers = np.asarray(values, dtype=float)
    n = len(numbers)
    if n == 1:
        return Mean(float(numbers[0]), None, 1)
    spread = float(numbers.std(ddof=1)) / math.sqrt(n)
    return Mean(float(numbers.mean()), float(student.ppf((1 + LEVEL) / 2, n - 1)) * spread, n)


def as_row(cell: Cell) -> dict[str, Any]:
    """The cell as plain values."""
    return {
        "set": dict(cell.params),
        "seeds": len(cell.trials),
        "verdicts": dict(cell.verdicts),
        **{name: mean._asdict() for name, mean in cell.means.items()},
        "trials": [trial.number for trial in cell.trials],
    }


def known(trials: Sequence[Trial], name: str) -> list[float]:
    """The figure's finite values, in the order of the trials."""
    values = ((trial.values or {}).get(name) for trial in trials)
    return [value for value in values if value is not None and math.isfinite(value)]


def _cell(trials: Sequence[Trial], figures: Sequence[str]) -> Cell:
    means = {name: mean_of(found) for name in figures if (found := known(trials, name))}
    words = [str(trial.facts.get("verdict") or trial.state) for trial in trials]
    verdicts = {word: words.count(word) for word in dict.fromkeys(words)}
    return Cell(_setting(trials[0]), tuple(trials), means, verdicts)


def _setting(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.params.items() if name != "seed"}


def _kinds(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The fields, the kind first."""
    return sorted(values.items(), key=lambda item: item[0] != "kind")
