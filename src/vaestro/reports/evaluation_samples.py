"""What an evaluation found about samples, as small tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaestro.reports.facts import finite, mapping
from vaestro.reports.numerals import number
from vaestro.reports.quantities import Row, Section, with_error

FIGURES = (
    ("frechet", "Fréchet distance"),
    ("kernel", "Kernel distance"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("density", "Density"),
    ("coverage", "Coverage"),
)
OF_COPIES = (
    ("distance", "Distance to the nearest training sample"),
    ("distance_held", "that of held-out data"),
    ("ratio", "Ratio of both"),
    ("z", "Mann and Whitney's z of both"),
    ("close", "Share nearer than 5 % of the data"),
    ("second", "Nearest over second nearest, near 0 for copies"),
    ("second_held", "that of held-out data"),
)
REAL = "training samples"


def compared(samples: Mapping[str, Any]) -> Iterator[Section]:
    """A table for each space: every source of samples, and training samples as the floor."""
    sources = mapping(samples.get("sources"))
    for name, space in mapping(samples.get("spaces")).items():
        columns = [mapping(mapping(mapping(s).get("spaces")).get(name)) for s in sources.values()]
        columns.append(mapping(mapping(space).get("floor")))
        rows = (
            Row(label, "", tuple(with_error(column, key) for column in columns))
            for key, label in FIGURES
        )
        size, count = number(mapping(space).get("dimensions")), number(samples.get("n"))
        note = f"{size} dimensions, {count} of each, beside {count} held-out samples"
        yield Section(f"Samples as {name}", (*map(str, sources), REAL), tuple(rows), note)


def copied(samples: Mapping[str, Any]) -> Iterator[Section]:
    """Whether training samples are repeated, for every source."""
    found = {n: mapping(mapping(s).get("copying")) for n, s in _sources(samples)}
    found = {name: figures for name, figures in found.items() if figures}
    for first in list(found.values())[:1]:
        rows = (
            Row(label, "", tuple(number(figures.get(key)) for figures in found.values()))
            for key, label in OF_COPIES
        )
        note = f"{number(first.get('training'))} training samples, as {first.get('space')}"
        yield Section("Are training samples repeated", tuple(found), tuple(rows), note)


def shaped(samples: Mapping[str, Any]) -> Iterator[Section]:
    """What streamlines and volumes are like, for every source."""
    found = {name: _flat(mapping(mapping(s).get("shape"))) for name, s in _sources(samples)}
    labels = list(dict.fromkeys(label for figures in found.values() for label in figures))
    rows = (
        Row(label, "", tuple(number(figures.get(label)) for figures in found.values()))
        for label in labels
    )
    yield Section("What samples are like", tuple(found), tuple(rows))


def _sources(samples: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(str(name), source) for name, source in mapping(samples.get("sources")).items()]


def _flat(shape: Mapping[str, Any]) -> dict[str, Any]:
    """quantity and figure, in words -> the figure."""
    return {
        f"{quantity} {key}".replace("_", " "): value
        for quantity, figures in shape.items()
        for key, value in mapping(figures).items()
        if finite(value) is not None
    }
