"""The priors by name, how each is built, and which posteriors each can be told from."""

from typing import Annotated

import torch
from pydantic import Field

from vaestro.foundation.config import ByKind
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig
from vaestro.probability.priors.adversarial import Adversarial, AdversarialConfig, require_point
from vaestro.probability.priors.mixture import Mixture, MixtureConfig
from vaestro.probability.priors.prior import Prior
from vaestro.probability.priors.regression import Regression, RegressionConfig
from vaestro.probability.priors.standard_normal import StandardNormal, StandardNormalConfig

AnyPriorConfig = StandardNormalConfig | MixtureConfig | RegressionConfig | AdversarialConfig

PriorConfig = Annotated[Annotated[AnyPriorConfig, Field(discriminator="kind")], ByKind]
"""A prior by its kind, alone or with its fields."""


def build_prior(
    config: AnyPriorConfig,
    latent: int,
    spec: SampleSpec,
    told: tuple[str, ...],
    generator: torch.Generator,
) -> Prior:
    """The prior that `config` describes over `latent` dimensions, for samples of `spec`.

    `told`: the names of the columns of Given.covariates. Raises RecipeError when the data lack the
    covariate that the prior depends on.
    """
    match config:
        case MixtureConfig():
            return Mixture(config, latent, generator)
        case RegressionConfig():
            _require(config.covariate, spec)
            labels = _labels(spec) if config.labels else 0
            return Regression(config, latent, told.index(config.covariate), generator, labels)
        case AdversarialConfig():
            told_labels = _labels(spec) if config.labels else 0
            return Adversarial(config, latent, told_labels, generator)
        case _:
            return StandardNormal()


def require_density(prior: AnyPriorConfig, posterior: GaussianConfig | DeterministicConfig) -> None:
    """Raise ValueError, in one line for a recipe's reader, when `posterior` does not fit `prior`.

    A learned prior learns from the posterior's density, which a point lacks. The mixture's KL is
    estimated from a draw of z, which must come from the Gaussian that the KL measures.
    """
    if isinstance(prior, StandardNormalConfig):
        return
    if isinstance(prior, AdversarialConfig):
        require_point(posterior)
        return
    if isinstance(posterior, DeterministicConfig):
        raise ValueError(
            f"prior.kind={prior.kind} needs a posterior with a density, and posterior.kind="
            "deterministic has none; give posterior.kind=gaussian or prior.kind=standard-normal"
        )
    if isinstance(prior, MixtureConfig) and posterior.epsilon_std != 1:
        raise ValueError(
            f"prior.kind=mixture estimates its KL from draws of the posterior, and "
            f"posterior.epsilon_std={posterior.epsilon_std:g} draws from another Gaussian; "
            "give posterior.epsilon_std=1"
        )


def _labels(spec: SampleSpec) -> int:
    if spec.label_count is None:
        raise RecipeError(
            "model.prior.labels=true needs labelled data, and these have no labels; give "
            "data.labels_key, or model.prior.labels=false"
        )
    return spec.label_count


def _require(covariate: str, spec: SampleSpec) -> None:
    known = list(spec.covariate_names)
    if covariate not in known:
        raise RecipeError(
            f"model.prior.covariate is {covariate!r}, and the data have "
            + (f"no such covariate; {nearest(covariate, known)}" if known else "no covariates")
        )
