"""What float32 rounds away: a time in seconds since 1970, a number of a record beside small ones.

Shape letters: N samples, M of them looked at, D elements of a sample.
"""

import numpy as np

from vaestro.data.rows import Rows

MOST_SAMPLES, FEWEST, MOST_NUMBERS = 1024, 16, 200_000
"""So many samples, and numbers in all, are looked at, evenly spread over the data."""
FELT = 0.01
"""A rounding by so much of an element's spread is told."""
NOISE = 1e-12
"""What varies by less of its own size is the rounding of float64, and nobody's data."""
MOST_NAMED = 3


def rounding_note(rows: Rows, names: tuple[str, ...] | None) -> tuple[str, ...]:
    """A sentence about elements of `rows` (N, *) whose differences float32, with its 24 bits, does
    not keep: large numbers that vary little, or numbers below 1e-38; none where there are none.

    `names` are those of the elements, if they have any.
    """
    exact = 2 if rows.dtype.kind in "iu" else 4 if rows.dtype.kind == "f" else 8
    if rows.dtype.itemsize <= exact:
        return ()
    lost = np.flatnonzero(_lost(rows))
    if not len(lost):
        return ()
    called = [names[i] if names and i < len(names) else f"element {i}" for i in lost[:MOST_NAMED]]
    more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
    return (
        f"{', '.join(called)}{more}: float32 keeps 7 digits, too few for what these vary by; "
        "subtract what is common to all samples, or give them in other units",
    )


def _lost(rows: Rows) -> np.ndarray:
    """Which of the D elements lose what they vary by, (D,) of bool."""
    elements = int(np.prod(rows.shape[1:]))
    count = min(len(rows), MOST_SAMPLES, max(FEWEST, MOST_NUMBERS // elements))
    places = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    alone = [rows[i : i + 1] for i in places.tolist()]  # scattered rows would be mapped, and stay
    some = np.concatenate(alone).reshape(count, elements).astype(np.float64, copy=False)
    with np.errstate(over="ignore", under="ignore"):  # what is too large is refused elsewhere
        error = np.abs(some - some.astype(np.float32)).max(0)
    low, high = some.min(0), some.max(0)
    varies = high - low > NOISE * np.maximum(np.abs(low), np.abs(high))
    lost: np.ndarray = varies & (error > FELT * (high - low))
    return lost
