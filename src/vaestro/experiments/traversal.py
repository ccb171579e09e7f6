"""A walk along a run's latent dimensions, and what each of them does to held-out samples.

Shape letters: N held-out samples, K latents, D dimensions walked, V values each.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.encode import Encoded
from vaestro.experiments.run import Run
from vaestro.foundation.errors import DataError
from vaestro.generation.geometry import geometry
from vaestro.generation.meanings import Held, Meaning, meanings
from vaestro.generation.sampling import decode_all
from vaestro.generation.traversals import Traversal, by_kl, traverse

SPLIT = "validation"
MOST, FEWEST, MOST_NUMBERS = 2000, 64, 20_000_000
"""At most so many held-out codes are decoded, of large samples so many numbers in all, and at
least so many codes."""
SHOWN = 10
"""So many dimensions are walked unless they are named."""


class Walked(NamedTuple):
    """The walk, and what each of its dimensions does, row by row."""

    walk: Traversal
    meanings: list[Meaning]


def walked(run: Run, dimensions: list[int] | None = None, steps: int = 7) -> Walked:
    """Walk `dimensions`, or the ten with the largest KL, live ones first; `steps` values from -3 to
    3. Raises DataError for a dimension that the model does not have."""
    encoded = run.encode(SPLIT)
    chosen = dimensions or by_kl(_carried(run, encoded), min(SHOWN, run.vae.latent))
    wrong = [d for d in chosen if not 0 <= d < run.vae.latent]
    if wrong:
        raise DataError(
            f"--dims {wrong[0]}: the model has latent dimensions 0 to {run.vae.latent - 1}"
        )
    walk = traverse(run.vae, chosen, values=torch.linspace(-3, 3, steps))
    flat = geometry(walk.samples.flatten(0, 1).numpy(), run.spec)
    rows = {name: values.reshape(len(chosen), steps) for name, values in flat.items()}
    return Walked(walk, meanings(_held(run, encoded), chosen, rows))


def _carried(run: Run, encoded: Encoded) -> Tensor:
    """What each dimension carries, (K,): its mean KL, or the variance of a point's codes."""
    return encoded.kl.mean(0) if run.vae.head.stochastic else encoded.mean.var(0)


def _held(run: Run, encoded: Encoded) -> Held:
    """Held-out codes with all that is known of them, evenly spread over the split."""
    most = max(FEWEST, min(MOST, MOST_NUMBERS // run.spec.elements))
    rows = torch.linspace(0, len(encoded.mean) - 1, min(most, len(encoded.mean))).round().long()
    given = encoded.given.part(rows)
    codes = encoded.mean[rows]
    decoded = decode_all(run.vae, codes, given)
    return Held(
        codes.double(),
        encoded.kl.double().mean(0) if run.vae.head.stochastic else None,
        given.label,
        {name: values[rows.numpy()] for name, values in run.covariates(SPLIT).items()},
        geometry(decoded.numpy(), run.spec),
    )
