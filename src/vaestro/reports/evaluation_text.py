"""An evaluation record as tables for a terminal."""

from collections.abc import Mapping
from typing import Any

from vaestro.reports.conditioning import effect_lines
from vaestro.reports.evaluation import sections
from vaestro.reports.facts import finite, mapping
from vaestro.reports.numerals import number
from vaestro.reports.quantities import QUANTITIES, Row, Section, with_error

ALWAYS = ("elbo", "nll")
"""Shown with a dash where they are not defined; what else is not, is left out."""
LEAST_WIDTH = 12


def printed(record: Mapping[str, Any]) -> str:
    """Every figure that people read, the quick ones first, then a table for each section."""
    other = mapping(record.get("settings")).get("data")
    measured = f"{record.get('split')} split" if other is None else other
    head = f"{record.get('run')}, {measured}, {number(record.get('n'))} samples:"
    lines = [head, *_lines(_quick(record))]
    cap = finite(record.get("mutual_information_cap"))
    if cap is not None:
        lines.append(
            f"(the mutual information is an estimate that cannot exceed {cap:.6g}; what it misses "
            "is counted as prior mismatch)"
        )
    lines += effect_lines(record)
    for section in sections(record):
        note = f" ({section.note})" if section.note else ""
        lines += ["", f"{section.heading}{note}:", *_lines(section)]
    return "\n".join(lines)


def _quick(record: Mapping[str, Any]) -> Section:
    rows = [
        Row(label, unit, (with_error(record, key),))
        for key, label, unit in QUANTITIES
        if key != "n" and (key in ALWAYS or finite(record.get(key)) is not None)
    ]
    return Section("", ("value",), tuple(rows))


def _lines(section: Section) -> list[str]:
    """Values under each other; the columns' names only where there is more than one."""
    several = len(section.columns) > 1
    rows = [(_named(row), row.values) for row in section.rows]
    if several:
        rows.insert(0, ("", section.columns))
    width = max(len(name) for name, _ in rows)
    widths = [
        max(LEAST_WIDTH, *(len(values[place]) for _, values in rows))
        for place in range(len(section.columns))
    ]
    return [
        f"  {name:<{width}}" + "".join(f"  {v:>{w}}" for v, w in zip(values, widths, strict=True))
        for name, values in rows
    ]


def _named(row: Row) -> str:
    return f"{row.label}, {row.unit}" if row.unit else row.label
