"""Samples beside data: distances in named spaces of features, and whether training is repeated.

Shape letters: N samples, M held-out data, D numbers of a feature, * the sample's axes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.judge import evenly
from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.neighbours import Neighbours, keep_neighbours, neighbours_of
from vaestro.evaluation.references import References
from vaestro.evaluation.shape import shape_of_samples
from vaestro.evaluation.spaces import Spaces, spaces
from vaestro.foundation.randomness import Stream, generator
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.generation.sampling import conditions, sample
from vaestro.metrics.frechet import frechet_distance
from vaestro.metrics.kid import kernel_distance
from vaestro.metrics.manifold import NEIGHBOURS, manifold
from vaestro.models.vae import VAE

MOST = 1000
"""Samples of each source, and as many data."""
Sources = Mapping[str, FittedPrior | None]


class Real(NamedTuple):
    """The data that samples are compared with: as many held-out as training ones, and all training
    samples at hand."""

    held: Seen
    like: Seen
    learn: Seen


def sample_quality(
    vae: VAE, learn: Seen, held: Seen, references: References, sources: Sources, seed: int
) -> dict[str, Any]:
    """{"n", "neighbours", "spaces", "missing", "classifier_accuracy", "sources"}: `spaces` has of
    each space its number of dimensions and, as its floor, what as many training samples have;
    `sources` has by name what samples of that prior have. Every comparison is with the same n
    held-out samples. Samples are means of p(x|z), without observation noise.
    """
    count = min(MOST, len(held.x), len(learn.x))
    if count <= NEIGHBOURS:
        return {"n": count, "reason": f"{count} held-out samples; {NEIGHBOURS + 1} are needed"}
    few, like = (seen.at(evenly(len(seen.x), count)) for seen in (held, learn))
    real = Real(few, like, learn)
    known = spaces(vae, learn, held, references)
    features = {
        name: (space(real.held.x, real.held.given), space(real.like.x, real.like.given))
        for name, space in known.by_name.items()
    }
    compared = {
        name: _of_source(vae, references, real, known, features, (prior, seed))
        for name, prior in sources.items()
    }
    pairs = {name: near for name, (_, near) in compared.items() if near is not None}
    keep_neighbours(references.kept, pairs)
    return {
        "n": count,
        "neighbours": NEIGHBOURS,
        "spaces": {
            name: {"dimensions": held.shape[1], "floor": _compared(held, like)}
            for name, (held, like) in features.items()
        },
        "missing": known.missing,
        "classifier_accuracy": known.accuracy,
        "sources": {name: figures for name, (figures, _) in compared.items()},
    }


def _of_source(
    vae: VAE,
    references: References,
    real: Real,
    known: Spaces,
    features: dict[str, tuple[Tensor, Tensor]],
    drawn_from: tuple[FittedPrior | None, int],
) -> tuple[dict[str, Any], Neighbours | None]:
    fitted, seed = drawn_from
    count = len(real.held.x)
    given = conditions(vae, count, seed, Stream.EVALUATION)
    made = sample(vae, count, seed, stream=Stream.EVALUATION, given=given, fitted=fitted)
    random = generator(seed, Stream.EVALUATION, 4)
    found = {
        name: _compared(features[name][0], space(made, given))
        for name, space in known.by_name.items()
    }
    near = neighbours_of(known, real.learn, real.held.x, made)
    return {
        "spaces": found,
        "copying": None if near is None else near.figures,
        "shape": shape_of_samples(references.spec, made, real.held.x, real.like.x, random),
    }, near


def _compared(real: Tensor, made: Tensor) -> dict[str, float | None]:
    """All figures of features (M, D) and (N, D); null where samples are not finite."""
    if not bool(torch.isfinite(made).all()):
        names = ("frechet", "kernel", "kernel_standard_error")
        return dict.fromkeys((*names, "precision", "recall", "density", "coverage"))
    kernel = kernel_distance(real, made)
    return {
        "frechet": frechet_distance(real, made),
        "kernel": kernel.distance,
        "kernel_standard_error": kernel.standard_error,
        **manifold(real, made)._asdict(),
    }
