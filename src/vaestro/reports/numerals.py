"""Numbers as a reader wants them: few digits, a true minus sign, thin spaces between thousands."""

import re
from typing import Any

from vaestro.reports.facts import finite

NONE = "–"  # noqa: RUF001  (an en dash stands for "no number")
THIN = "\u202f"
MINUS = "\u2212"


def number(value: Any) -> str:
    """Four figures or so: 12 345, 512.3, 21.30, 0.0123, 3.1e−5; a dash for no finite number."""
    known = finite(value)
    if known is None:
        return NONE
    if isinstance(value, int):
        return typeset(f"{value:,}")
    size = abs(known)
    if size == 0 or 0.1 <= size < 100:
        return typeset(f"{known:.2f}")
    if 100 <= size < 1e7:
        return typeset(f"{known:,.1f}" if size < 1000 else f"{known:,.0f}")
    return typeset(f"{known:.3g}")


def counted(value: Any, one: str, many: str | None = None) -> str:
    """`value` with its noun: 1 step, 12 345 steps."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def share(value: float) -> str:
    """A fraction as a percentage without decimals."""
    return f"{100 * value:.0f}{THIN}%"


def duration(seconds: Any) -> str:
    """Seconds as 4.2 s, 3 min 20 s or 2 h 5 min."""
    known = finite(seconds)
    if known is None:
        return NONE
    if known < 60:
        return f"{known:.1f} s"
    minutes, rest = divmod(round(known), 60)
    hours, within = divmod(minutes, 60)
    return f"{hours} h {within} min" if hours else f"{minutes} min {rest} s"


def typeset(text: str) -> str:
    """Python's digits with a true minus, thin spaces for commas and a short exponent."""
    shorter = re.sub(r"e([+-])0*(\d)", lambda part: f"e{part[1].strip('+')}{part[2]}", text)
    return shorter.replace("-", MINUS).replace(",", THIN)
