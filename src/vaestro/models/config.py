"""The model's part of a recipe."""

from typing import Self

from pydantic import Field, model_validator

from vaestro.foundation.config import Config
from vaestro.models.condition import ConditionConfig, UnconditionalConfig
from vaestro.models.predictor import PredictorConfig, require_unseen
from vaestro.networks.dense import DenseConfig
from vaestro.networks.kinds import NetworkConfig
from vaestro.probability.likelihoods.bernoulli import BernoulliConfig
from vaestro.probability.likelihoods.kinds import LikelihoodConfig
from vaestro.probability.posterior import GaussianConfig, PosteriorConfig
from vaestro.probability.priors.kinds import PriorConfig, require_density
from vaestro.probability.priors.standard_normal import StandardNormalConfig


class ModelConfig(Config):
    """`latent` dimensions between an encoder and a decoder, and the distributions at both ends.

    With `spatial` the latents lie on the encoder's smallest grid, `latent` of them at each place,
    as latent diffusion wants them. `encoder` and `decoder` are the networks; `posterior` is the
    distribution of a sample's latents, `prior` that of all of them, and `likelihood` that of a
    sample given its latents. `condition`: what both networks are told beside; `predictor`: a
    covariate that is read from the encoder's features, and costs its nats.
    """

    latent: int = Field(default=16, ge=1, le=2**20)
    spatial: bool = False
    condition: ConditionConfig = UnconditionalConfig()
    encoder: NetworkConfig = DenseConfig()
    decoder: NetworkConfig = DenseConfig()
    posterior: PosteriorConfig = GaussianConfig()
    likelihood: LikelihoodConfig = BernoulliConfig()
    prior: PriorConfig = StandardNormalConfig()
    predictor: PredictorConfig | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        require_density(self.prior, self.posterior)
        if self.predictor is not None:
            require_unseen(self.predictor, self.condition)
        return self
