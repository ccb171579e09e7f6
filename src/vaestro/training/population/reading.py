"""What the members of a population read in a step.

Shape letters: K members, B batch, V covariates, * the sample's axes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.data.stream import BatchStream
from vaestro.foundation.samples import Batch
from vaestro.training.population.member import Member


class Reading(NamedTuple):
    """The batches of K members: x (K, B, *) in model space, label (K, B), covariates (K, B, V),
    indices (K, B); or without the first axis where all read the same batch (`shared`)."""

    x: Tensor
    label: Tensor | None
    covariates: Tensor | None
    indices: Tensor
    shared: bool

    @classmethod
    def one(cls, batch: Batch) -> "Reading":
        """The same batch for all."""
        return cls(batch.x, batch.label, batch.covariates, batch.indices, True)

    def batch(self, row: int) -> Batch:
        """What member `row` reads."""
        x, label, covariates, indices = self[:4]
        if not self.shared:
            x, indices = x[row], indices[row]
            label = None if label is None else label[row]
            covariates = None if covariates is None else covariates[row]
        return Batch(x, label, indices, None, covariates)


def read(members: Sequence[Member]) -> Reading:
    """The next batch of each member, read once where members share it, and in one go where they
    share the data."""
    streams = [_stream(member) for member in members]
    steps = [member.state.step for member in members]
    asked = {(id(s.samples), s.seed, t) for s, t in zip(streams, steps, strict=True)}
    if len(asked) == 1:
        return Reading.one(streams[0].batch(steps[0]))
    places = [stream.positions(step) for stream, step in zip(streams, steps, strict=True)]
    epoch, samples = places[0][0], streams[0].samples
    if all(e == epoch for e, _ in places) and all(s.samples is samples for s in streams):
        together = samples.read(torch.cat([positions for _, positions in places]), epoch)
        columns = [together.x, together.label, together.covariates, together.indices]
        each = [None if c is None else c.unflatten(0, (len(members), -1)) for c in columns]
    else:
        batches = [stream.batch(step) for stream, step in zip(streams, steps, strict=True)]
        rows = zip(*((b.x, b.label, b.covariates, b.indices) for b in batches), strict=True)
        each = [None if row[0] is None else torch.stack(row) for row in rows]
    x, label, covariates, indices = each
    assert x is not None and indices is not None, "a batch has samples and their numbers"
    return Reading(x, label, covariates, indices, False)


def _stream(member: Member) -> BatchStream:
    stream = member.loop.batches
    assert isinstance(stream, BatchStream), "members read from the data of a run"
    return stream
