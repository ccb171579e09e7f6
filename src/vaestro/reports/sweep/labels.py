"""The names, units and better directions of figures, as a sweep's page writes them."""

from vaestro.reports.numerals import MINUS, number
from vaestro.reports.quantities import QUANTITIES
from vaestro.reports.sweep.facts import Figure, Trial

SHORT = {"nll": f"{MINUS}log p(x)"}
_KNOWN = {key: (label, unit) for key, label, unit in QUANTITIES}


def label(name: str) -> str:
    """A figure's name for people: data_term is the Data term."""
    return SHORT.get(name) or _KNOWN.get(name, (name, ""))[0]


def inside(name: str) -> str:
    """The same within a sentence."""
    words = label(name)
    return words[0].lower() + words[1:] if words[1:2].islower() else words


def unit(name: str) -> str:
    """The unit of a figure, "" for a count."""
    return _KNOWN.get(name, ("", ""))[1]


def titled(name: str) -> str:
    """A figure with its unit in brackets, as an axis has it."""
    return f"{label(name)} ({unit(name)})" if unit(name) else label(name)


def value(name: str, known: float | None) -> str:
    """A figure's value, without decimals where it counts something."""
    return number(round(known) if known is not None and not unit(name) else known)


def better(figure: Figure) -> str:
    """Which way is better, in words."""
    return "lower is better" if figure.direction == "minimize" else "higher is better"


def told(trial: Trial, figures: tuple[Figure, ...]) -> str:
    """A trial's figures in a row: data term 12.30, prior term 4.10."""
    return ", ".join(f"{inside(f.name)} {value(f.name, trial.value(f.name))}" for f in figures)
