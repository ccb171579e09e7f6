"""The tables of docs/answers.md from the numbers in results/answers.json."""

from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]
Column = tuple[str, Callable[[Record], Any]]


def _of(name: str) -> Callable[[Record], Any]:
    return lambda row: row[name]


def _told(name: str) -> Callable[[Record], Any]:
    return lambda row: row["forecast"][name]


def _percent(name: str) -> Callable[[Record], Any]:
    return lambda row: f"{100 * row[name]:.1f} %"


def _greys(name: str) -> Callable[[Record], Any]:
    """A root mean squared error of pixels in [0, 1]."""
    return lambda row: f"{255 * row[name]:.1f}"


COMPONENTS: tuple[Column, ...] = (
    ("components", _of("components")),
    ("variance left, training views", _percent("left_train")),
    ("unseen objects", _percent("left_held_out")),
    ("error in greys, training", _of("rms_greys_train")),
    ("unseen", _of("rms_greys_held_out")),
)
TANH: tuple[Column, ...] = (
    ("component", _of("component")),
    ("standard deviation", _of("std")),
    ("largest", _of("largest")),
    ("outside -1 to 1", _percent("outside")),
)
PCA_VAE: tuple[Column, ...] = (
    ("model", _of("name")),
    ("forecast: largest eigenvalue, held out", _told("held_out")),
    ("live, forecast", _told("live")),
    ("live", _of("live")),
    ("KL, nats", _of("prior_term")),
    ("data term, unseen", _of("data_term")),
    ("error in greys, training", _greys("rms_train")),
    ("unseen", _greys("rms_held_out")),
)
X_VAR: tuple[Column, ...] = (
    ("x_var", _of("x_var")),
    ("beta", _of("beta")),
    ("beta at variance 1", _of("beta_at_unit_variance")),
    ("largest eigenvalue", _told("largest_eigenvalue")),
    ("forecast", _told("verdict")),
    ("live of 12", _of("live")),
    ("KL, nats", _of("prior_term")),
    ("error, held out", _of("rms_held_out")),
)
DEATHS: tuple[Column, ...] = (
    ("learning rate", _of("rate")),
    ("behind the last layer", _of("output")),
    ("runs", _of("runs")),
    ("dead output", _of("dead")),
    ("no live dimension", _of("no_live")),
    ("worst data term", _of("worst_data_term")),
)
STREAMLINES: tuple[Column, ...] = (
    ("beta, mm^2", _of("beta_mm2")),
    ("the sigma it means, mm", _of("sigma_mm")),
    ("live of 8", _of("live")),
    ("KL, nats", _of("prior_term")),
    ("error, mm", _of("rms_held_out")),
    ("doctor", _of("verdict")),
)
MNIST: tuple[Column, ...] = (
    ("x_var", _of("x_var")),
    ("largest eigenvalue within a digit", _of("largest_eigenvalue")),
    ("forecast", _of("verdict")),
    ("live of 100", _of("live")),
)


def tables(answers: dict[str, Record]) -> Iterator[str]:
    """Every table whose numbers are there, as Markdown."""
    for name, columns, field in (
        ("components", COMPONENTS, "rows"),
        ("tanh", TANH, "rows"),
        ("fitted", PCA_VAE, "rows"),
        ("capacity", PCA_VAE, "rows"),
        ("x_var", X_VAR, "rows"),
        ("deaths", DEATHS, "rows"),
        ("streamlines", STREAMLINES, "rows"),
        ("handwriting", MNIST, "forecast"),
        ("handwriting", DEATHS, "rows"),
    ):
        if name in answers:
            yield _table(columns, answers[name][field])


def _table(columns: tuple[Column, ...], rows: list[Record]) -> str:
    lines = [" | ".join(name for name, _ in columns), "|".join("---" for _ in columns)]
    lines += [" | ".join(_shown(value(row)) for _, value in columns) for row in rows]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines) + "\n"


def _shown(value: Any) -> str:
    """A number with four digits at most and no exponent."""
    if isinstance(value, float):
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return text if "e" not in text else f"{value:.6f}".rstrip("0")
    return f"{value:,}" if isinstance(value, int) else str(value)
