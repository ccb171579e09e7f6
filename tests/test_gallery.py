"""The doctor's blind examination: planted bugs are named, healthy models are left in peace.

The entries and their right names (tests/gallery) were made without looking at the doctor's code.
"""

import pytest

from tests.gallery.bugs import BUGS
from tests.gallery.entry import Entry
from tests.gallery.healthy import HEALTHY
from tests.gallery.table import Row, as_text, examined

ENTRIES = {entry.name: entry for entry in [*BUGS, *HEALTHY]}
SHARE = 0.9
"""Of the planted bugs, how many must be named rightly (18 of 20)."""


def test_the_gallery_is_large_enough_and_its_names_differ() -> None:
    assert len(BUGS) >= 22
    assert len(HEALTHY) >= 22
    assert len(ENTRIES) == len(BUGS) + len(HEALTHY)
    assert all(entry.kinds <= entry.verdicts for entry in BUGS)


def test_an_entry_trains_the_same_twice() -> None:
    entry = ENTRIES["KL without its minus sign"]
    assert entry.made()["history"] == entry.made()["history"]


@pytest.mark.parametrize(
    "entry",
    [
        ENTRIES["linear, Gaussian data"],
        ENTRIES["beta 20"],
        ENTRIES["data term averaged over elements"],
        ENTRIES["optimiser without the decoder"],
    ],
    ids=lambda entry: entry.name,
)
def test_four_of_them(entry: Entry) -> None:
    (row,) = examined([entry])
    assert row.genuine, row.facts
    assert row.right, (row.verdict, row.first, row.more)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(examined(ENTRIES.values()))


@pytest.mark.slow
def test_every_entry_is_what_it_says(rows: list[Row]) -> None:
    """Measured without the doctor: the collapsed have no KL, the healthy are live and settled."""
    assert {row.entry.name: row.facts for row in rows if not row.genuine} == {}


@pytest.mark.slow
def test_the_doctor_names_the_bugs_and_spares_the_healthy(rows: list[Row]) -> None:
    print("\n" + as_text(rows))
    bugs = [row for row in rows if row.entry.kinds]
    missed = [row.cells() for row in bugs if not row.right]
    alarms = [row.cells() for row in rows if not row.entry.kinds and not row.right]
    assert len(bugs) - len(missed) >= SHARE * len(bugs), missed
    assert len(alarms) <= 1, alarms
