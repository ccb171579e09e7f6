"""Which covariates a model reads, and in which order they stand beside every batch."""

from vaestro.foundation.errors import RecipeError, nearest
from vaestro.foundation.samples import SampleSpec
from vaestro.models.condition import CovariatesConfig
from vaestro.models.config import ModelConfig
from vaestro.probability.priors.regression import RegressionConfig


def told_covariates(config: ModelConfig) -> tuple[str, ...]:
    """The names of the columns of Given.covariates: those of the condition first, then the prior's
    and the predictor's where they are not among them; empty when the model reads none."""
    condition, prior, predictor = config.condition, config.prior, config.predictor
    names = condition.names if isinstance(condition, CovariatesConfig) else ()
    regressed = (prior.covariate,) if isinstance(prior, RegressionConfig) else ()
    predicted = () if predictor is None else (predictor.covariate,)
    return tuple(dict.fromkeys(names + regressed + predicted))


def require_told(config: ModelConfig, spec: SampleSpec) -> None:
    """Raise RecipeError unless the data have every covariate that the model reads."""
    known = list(spec.covariate_names)
    for name in told_covariates(config):
        if name not in known:
            raise RecipeError(
                f"the model reads the covariate {name!r}, and the data have "
                + (f"no such covariate; {nearest(name, known)}" if known else "no covariates")
            )
