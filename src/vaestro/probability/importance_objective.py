"""The importance-weighted objective (IWAE; Burda, Grosse and Salakhutdinov 2016, eq. 8).

Shape letters: S samples of z for each x, B batch, K latents.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.log_mean import log_mean_exp
from vaestro.probability.objective import Terms
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig

_PLAIN: dict[str, tuple[Any, ...]] = {
    "beta": (1, {"kind": "constant", "value": 1}, {"value": 1}),
    "reduction": ("sum",),
    "free_bits": (0,),
}
"""Fields of the ELBO, each with the ways to write the only value that this bound has."""


class ImportanceConfig(Config):
    """The bound from `samples` draws of z for each sample of data; one draw is the ELBO.

    It is a bound on log p(x) only if neither term is weighted: beta is 1, the reduction sum, no
    free bits. A recipe may say so, and nothing else.
    """

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=5, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _unweighted(cls, values: Any) -> Any:
        """Drop the ELBO's fields where they change nothing, and refuse them where they would."""
        if not isinstance(values, Mapping):
            return values
        for name, legal in _PLAIN.items():
            if name in values and values[name] not in legal:
                raise ValueError(
                    f"kind=iwae is a bound on log p(x) only with {name}={legal[0]}, and "
                    f"{name}={values[name]} was given; leave it out, or give kind=elbo"
                )
        return {name: value for name, value in values.items() if name not in _PLAIN}


def importance_bound(log_weights: Tensor) -> Tensor:
    """log (1/S) sum_s w_s, (S, B) -> (B,) nats; w_s = p(x|z_s) p(z_s) / q(z_s|x), z_s from q(z|x).

    In expectation at most log p(x), rising with S. Its gradient weighs that of each log w_s by
    w_s / sum w (section 3 there).
    """
    return log_mean_exp(log_weights)


def importance_terms(log_likelihood: Tensor, log_ratio: Tensor, kl: Tensor) -> Terms:
    """The cost of a batch: the loss is minus the mean bound.

    log_likelihood: log p(x|z_s), (S, B); log_ratio: log p(z_s) - log q(z_s|x), (S, B); kl: (B, K),
    or (S, B, K) for a prior that estimates it; nats. Both terms are reported as the ELBO has them,
    means over the draws; their sum is, in expectation, at least the loss.
    """
    per_dimension = kl.flatten(0, -2).mean(0)
    loss = -importance_bound(log_likelihood + log_ratio).mean()
    return Terms(loss, -log_likelihood.mean(), per_dimension.sum(), per_dimension)


def require_weights(posterior: GaussianConfig | DeterministicConfig) -> None:
    """Raise ValueError, in one line for a recipe's reader, unless draws of `posterior` have the
    density that the importance weights divide by."""
    if isinstance(posterior, DeterministicConfig):
        raise ValueError(
            "objective.kind=iwae needs a posterior with a density, and model.posterior.kind="
            "deterministic has none; give model.posterior.kind=gaussian or objective.kind=elbo"
        )
    if posterior.epsilon_std != 1:
        raise ValueError(
            f"objective.kind=iwae weighs draws by the posterior's density, and model.posterior."
            f"epsilon_std={posterior.epsilon_std:g} draws from another Gaussian; give "
            "model.posterior.epsilon_std=1"
        )
