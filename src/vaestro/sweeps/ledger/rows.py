"""What the ledger is given and gives back, as plain values.

sweep ── batches ── trials
A batch is what one worker trains at a time, as one population. A worker holds it by a *lease*:
until a moment, under a *token* that grows by one with every holder. Whoever holds an older token
is *fenced*: nothing that it says is taken.
"""

import json
from typing import Any, Literal, NamedTuple

from vaestro.foundation.plain import plain

SweepState = Literal["running", "stopped", "finished"]
BatchState = Literal["waiting", "leased", "done"]
TrialState = Literal["waiting", "finished", "pruned", "failed"]
Outcome = Literal["finished", "pruned", "failed"]
"""How a trial ends."""
Values = dict[str, float | None]
"""Figures by name; null where a figure is not finite."""


class Sweep(NamedTuple):
    """A search over recipes."""

    id: str
    name: str
    root: str
    """The folder (or address) under which its runs lie."""
    definition: dict[str, Any]
    """What makes it this sweep and no other, as JSON."""
    trials: int
    """How many trials it shall have in all."""
    state: SweepState
    asked: int
    """How many trials were asked so far; the next one has this number."""
    search: dict[str, Any]
    """What the sampler remembers, as JSON."""


class Proposal(NamedTuple):
    """A trial that is about to be asked."""

    params: dict[str, Any]
    """The chosen values by name, as JSON."""
    edits: list[str]
    """The same as assignments `field.path=value`."""
    attrs: dict[str, Any]
    """What the sampler notes about it, as JSON."""


class Trial(NamedTuple):
    """A point of a sweep, and what came of it."""

    number: int
    """0, 1, 2, ... over the sweep."""
    batch: int
    place: int
    """Its place in the batch: 0, 1, 2, ..."""
    params: dict[str, Any]
    edits: list[str]
    attrs: dict[str, Any]
    state: TrialState
    values: Values | None
    reason: str | None
    """Why it was pruned or failed, in a line."""
    facts: dict[str, Any]
    """What else is known of it, as JSON; empty before it ended."""
    told: int | None
    """Its place in the order in which results came in over the sweep: 0, 1, 2, ..."""


class Lease(NamedTuple):
    """The right to train a batch, until it runs out or another holds a higher token."""

    sweep: str
    batch: int
    token: int
    owner: str
    folder: str | None
    """Where the last holder worked; None when nobody did."""
    trials: tuple[Trial, ...]
    """All trials of the batch by place, those that ended among them."""


class Batch(NamedTuple):
    """Where a batch stands."""

    number: int
    """0, 1, 2, ... over the sweep, in the order in which they were asked."""
    state: BatchState
    token: int
    owner: str
    """Who holds it, or held it last."""
    seconds_left: float | None
    """Until its lease runs out, negative when it has; None when it is not leased."""
    steps: int
    """Steps that its holder last told."""
    attempts: int
    """How many holders it has had."""
    folder: str | None
    trials: tuple[int, ...]
    """The numbers of its trials by place."""


def as_stored(value: Any) -> Any:
    """`value` as JSON gives it back: lists for tuples, null for numbers that are not finite.

    Raises TypeError when it holds something that JSON does not have.
    """
    return json.loads(json.dumps(plain(value), allow_nan=False))


def as_text(words: str | None) -> str | None:
    """`words` as every database takes it: without NUL, and with ? for what UTF-8 does not have."""
    return None if words is None else words.replace("\0", "").encode("utf-8", "replace").decode()
