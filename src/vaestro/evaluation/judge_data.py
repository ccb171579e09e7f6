"""What the judges of a conditional model learn from and what they are tried on.

Shape letters: N real samples, V covariates, K latents, * the sample's axes.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.judge import View
from vaestro.foundation.samples import Batch, Given
from vaestro.models.vae import VAE

MOST_ROWS = 10_000
MOST_NUMBERS = 30_000_000
"""The most samples that judges learn from, and how many numbers these may have."""
FIFTH = 5
"""Of the training split itself every fifth sample is kept from the judges, to try them on."""


class Seen(NamedTuple):
    """Samples (N, *) in natural units, posterior means (N, K), labels (N,) and covariates (N, V) or
    None, what a predictor says of its own covariate (N,) or None, and the samples' numbers (N,) in
    their data set."""

    x: Tensor
    z: Tensor
    given: Given
    predicted: Tensor | None
    number: Tensor

    def at(self, rows: Tensor) -> "Seen":
        """Some of the rows."""
        predicted = None if self.predicted is None else self.predicted[rows]
        given = self.given.part(rows)
        return Seen(self.x[rows], self.z[rows], given, predicted, self.number[rows])


class Judged(NamedTuple):
    """What judges learn from, what they are tried on, and their views of samples and of z."""

    learn: Seen
    held: Seen
    of_x: View
    of_z: View


def rows_for(elements: int) -> int:
    """How many samples of so many elements judges learn from."""
    return max(1, min(MOST_ROWS, MOST_NUMBERS // elements))


def judged(vae: VAE, learn: Iterable[Batch], held: Iterable[Batch] | None) -> Judged:
    """The judges' views of `learn`, to be tried on `held` or on a fifth of `learn`."""
    known, tried = learned_and_held(vae, learn, held)
    return Judged(known, tried, View(known.x, own_units=len(vae.shape) == 1), View(known.z))


def learned_and_held(
    vae: VAE, learn: Iterable[Batch], held: Iterable[Batch] | None
) -> tuple[Seen, Seen]:
    """Samples to learn from, and others to try it on: `held`, or a fifth of `learn`."""
    known = _seen(vae, learn)
    if held is not None:
        return known, _seen(vae, held)
    rows = torch.arange(len(known.x))
    tried = known.at(rows[::FIFTH])
    return (known.at(rows[rows % FIFTH > 0]) if len(rows) > 1 else known), tried


def _seen(vae: VAE, batches: Iterable[Batch]) -> Seen:
    """Every batch with its posterior means, on the CPU."""
    parts = []
    for batch in batches:
        z, given = vae.encode(batch.x, batch.given).mean, batch.given
        said = None if vae.predictor is None else vae.predict(batch.x, given)[0].cpu()
        told, number = given.on(torch.device("cpu")), batch.indices.cpu()
        parts.append(Seen(batch.truth.cpu(), z.cpu(), told, said, number))
    given = Given.joined([part.given for part in parts])
    x, z, number = (torch.cat([getattr(p, name) for p in parts]) for name in ("x", "z", "number"))
    predicted = [part.predicted for part in parts if part.predicted is not None]
    return Seen(x, z, given, torch.cat(predicted) if predicted else None, number)
