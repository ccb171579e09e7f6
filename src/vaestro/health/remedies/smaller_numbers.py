"""Edits that make a run's numbers smaller: the data's, a network's, the posterior's."""

from collections.abc import Iterable
from typing import Literal

from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.edits import Edits
from vaestro.models.build import SIDES
from vaestro.models.config import ModelConfig
from vaestro.networks.part import GivenConfig, PartConfig
from vaestro.probability.posterior import GaussianConfig
from vaestro.probability.scale import LogVariance
from vaestro.transforms.identity import NoneConfig

REAL = ("gaussian", "laplace", "student-t")
"""The likelihoods of real numbers, which bear any transform."""


def standardised(chosen: Chosen) -> Edits:
    """Data of mean 0 and variance 1, where they are as they came and the likelihood bears it."""
    untouched = isinstance(chosen.transform, NoneConfig)
    bears = untouched and chosen.model.likelihood.kind in REAL
    return ("transform.kind=standardise",) if bears else ()


def network_of_ours(model: ModelConfig, side: Literal["encoder", "decoder"]) -> str:
    """One of our networks in the place of another."""
    return f"model.{side}.kind={'convolution' if model.spatial else 'dense'}"


def normalised_encoder(model: ModelConfig) -> str:
    """An encoder of ours whose layers are normalised, whatever the size of the data."""
    kind = "convolution" if model.spatial else "dense"
    return f"model.encoder={{kind: {kind}, normalisation: batch}}"


def networks_of_ours(model: ModelConfig, places: Iterable[str]) -> Edits:
    """For a fault in a user's own network, at one of `places` in the model: one of ours."""
    named = " ".join(places)
    return tuple(
        network_of_ours(model, side)
        for side in SIDES
        if isinstance(getattr(model, side), PartConfig | GivenConfig) and side in named
    )


def ceiling(model: ModelConfig, high: float) -> Edits:
    """A posterior's log-variance bounded above by `high`, where its bound is higher."""
    posterior = model.posterior
    scale = posterior.scale if isinstance(posterior, GaussianConfig) else None
    lower = isinstance(scale, LogVariance) and scale.low < high < scale.high
    return (f"model.posterior.scale.high={high:g}",) if lower else ()
