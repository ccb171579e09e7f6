"""The named spaces of features in which samples and data are compared.

Shape letters: N samples, D numbers of a feature, K latents, * the sample's axes.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.classifier import PARTS, Trained, classifier_of
from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.linear import linear_code
from vaestro.evaluation.references import References
from vaestro.foundation.samples import Given
from vaestro.models.vae import VAE

COMPONENTS = 64
MOST_LATENTS = 2048

Space = Callable[[Tensor, Given], Tensor]
"""Features (N, D), on the CPU, of natural samples (N, *) under conditions."""


class Spaces(NamedTuple):
    """The spaces by name; why others are missing; the accuracy of the classifier on held-out
    samples, or None."""

    by_name: dict[str, Space]
    missing: dict[str, str]
    accuracy: float | None


def spaces(vae: VAE, learn: Seen, held: Seen, references: References) -> Spaces:
    """pixels      the numbers of a sample themselves
    pca         the first 64 principal components of training samples
    latent      the run's own posterior means, so not one to compare runs in
    classifier  64 features of a classifier of the training labels
    """
    found: dict[str, Space] = {"pixels": _pixels}
    missing = {}
    line = (
        linear_code(learn.x.flatten(1), COMPONENTS)
        if references.spec.elements > COMPONENTS
        else None
    )
    if line is None:
        missing["pca"] = f"samples of {references.spec.elements} elements are as small as they are"
    else:
        found["pca"] = lambda x, given: (x.flatten(1).double() - line.mean) @ line.vectors
    if vae.latent <= MOST_LATENTS:
        found["latent"] = lambda x, given: _latents(vae, x, given)
    else:
        missing["latent"] = f"{vae.latent} dimensions; at most {MOST_LATENTS} are looked at"
    trained = classifier_of(learn, held, references.spec, references.kept)
    if trained is None:
        missing["classifier"] = "the training samples have no labels, or all the same one"
    else:
        found["classifier"] = lambda x, given: _classified(trained, x)
    return Spaces(found, missing, None if trained is None else trained.accuracy)


def _pixels(x: Tensor, given: Given) -> Tensor:
    return x.flatten(1).double()


@torch.no_grad()
def _latents(vae: VAE, x: Tensor, given: Given) -> Tensor:
    place = next(vae.parameters())
    parts = []
    for start in range(0, len(x), PARTS):
        some = slice(start, start + PARTS)
        told = given.part(some).on(place.device)
        parts.append(vae.latents(x[some].to(place.device, place.dtype), told).double().cpu())
    return torch.cat(parts)


@torch.no_grad()
def _classified(trained: Trained, x: Tensor) -> Tensor:
    parts = [trained.classifier.features(part).double() for part in x.float().split(PARTS)]
    return torch.cat(parts)
