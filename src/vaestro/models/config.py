"""The model's part of a recipe."""

from pydantic import Field

from vaestro.foundation.config import Config
from vaestro.networks.dense import DenseConfig
from vaestro.networks.kinds import NetworkConfig
from vaestro.probability.likelihoods.bernoulli import BernoulliConfig
from vaestro.probability.likelihoods.kinds import LikelihoodConfig
from vaestro.probability.posterior import GaussianConfig, PosteriorConfig
from vaestro.probability.priors import PriorConfig, StandardNormalConfig


class ModelConfig(Config):
    """`latent` dimensions between an encoder and a decoder, and the distributions at both ends."""

    latent: int = Field(default=16, ge=1)
    encoder: NetworkConfig = DenseConfig()
    decoder: NetworkConfig = DenseConfig()
    posterior: PosteriorConfig = GaussianConfig()
    likelihood: LikelihoodConfig = BernoulliConfig()
    prior: PriorConfig = StandardNormalConfig()
