"""The likelihood kinds by name, and how each is built."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from vaestro.foundation.config import ByKind
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.bernoulli import Bernoulli, BernoulliConfig
from vaestro.probability.likelihoods.continuous_bernoulli import (
    ContinuousBernoulli,
    ContinuousBernoulliConfig,
)
from vaestro.probability.likelihoods.discretised_logistic import (
    DiscretisedLogistic,
    DiscretisedLogisticConfig,
)
from vaestro.probability.likelihoods.gaussian import Gaussian, GaussianConfig
from vaestro.probability.likelihoods.laplace import Laplace, LaplaceConfig
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.likelihoods.negative_binomial import (
    NegativeBinomial,
    NegativeBinomialConfig,
)
from vaestro.probability.likelihoods.poisson import Poisson, PoissonConfig
from vaestro.probability.likelihoods.student_t import StudentT, StudentTConfig

AnyLikelihoodConfig = (
    BernoulliConfig
    | ContinuousBernoulliConfig
    | GaussianConfig
    | LaplaceConfig
    | StudentTConfig
    | PoissonConfig
    | NegativeBinomialConfig
    | DiscretisedLogisticConfig
)

LikelihoodConfig = Annotated[
    Annotated[AnyLikelihoodConfig, Field(discriminator="kind")],
    ByKind,
]
"""A likelihood by its kind, alone or with its fields."""

_FAMILIES: dict[type, Callable[[Any, SampleSpec], Likelihood]] = {
    BernoulliConfig: Bernoulli,
    ContinuousBernoulliConfig: ContinuousBernoulli,
    GaussianConfig: Gaussian,
    LaplaceConfig: Laplace,
    StudentTConfig: StudentT,
    PoissonConfig: Poisson,
    NegativeBinomialConfig: NegativeBinomial,
    DiscretisedLogisticConfig: DiscretisedLogistic,
}


def build_likelihood(config: AnyLikelihoodConfig, spec: SampleSpec) -> Likelihood:
    """The likelihood that `config` describes, for samples of `spec`.

    Raises RecipeError in one line when such samples lie outside its support.
    """
    likelihood = _FAMILIES[type(config)](config, spec)
    likelihood.check(spec)
    return likelihood
