"""Sweeps to put in ledgers, and ledgers to put them in."""

from collections.abc import Iterator
from contextlib import contextmanager

from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Lease, Proposal, Sweep

SWEEP = Sweep("s", "beta", "/runs", {"recipe": "mnist-dense"}, 1000, "running", 0, {})
LONG = 600.0
"""A lease that does not run out in a test."""
OUT = -1.0
"""A lease that ran out a second ago."""


@contextmanager
def opened(url: str, patience: float = 30.0, **said: list[str]) -> Iterator[Ledger]:
    """The ledger at `url` with the sweep in it; what it says goes to the list `said`."""
    lines = said.get("said")
    ledger = Ledger(url, patience, (lambda text: None) if lines is None else lines.append)
    try:
        ledger.create(SWEEP)
        yield ledger
    finally:
        ledger.close()


def proposals(count: int) -> list[Proposal]:
    """`count` trials to be asked."""
    return [Proposal({"beta": 1.5 + i}, [f"objective.beta={1.5 + i}"], {}) for i in range(count)]


def asked(ledger: Ledger, count: int = 2, owner: str = "a", seconds: float = LONG) -> Lease:
    """A new batch of `count` trials, leased to `owner`."""
    while True:
        seen = ledger.sweep("s").asked
        lease = ledger.add_batch("s", seen, proposals(count), {"asked": seen}, owner, seconds)
        if lease is not None:
            return lease
        assert ledger.sweep("s").asked > seen, "nobody asked meanwhile"


def finished(ledger: Ledger, lease: Lease, number: int) -> bool:
    """Whether the trial could be finished, with a figure that is its number."""
    return ledger.finish_trial(lease, number, "finished", {"elbo": -float(number)}, None, {})


def fenced(ledger: Ledger, lease: Lease) -> bool:
    """Whether nothing that the holder of `lease` says is taken."""
    number = lease.trials[0].number
    answers = [
        ledger.renew(lease, LONG, 7),
        ledger.set_folder(lease, "elsewhere"),
        ledger.finish_trial(lease, number, "failed", None, "too late", {}),
        ledger.reached(lease, number, 1, 0.0) is not None,
        ledger.finish_batch(lease),
        ledger.release(lease),
    ]
    assert len(set(answers)) == 1, answers
    return not answers[0]
