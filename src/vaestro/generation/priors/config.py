"""The priors that are fitted after training, by kind, with what can be set of each."""

from typing import Annotated, Literal

from pydantic import Field

from vaestro.foundation.config import ByKind, Config, Widths


class GaussianConfig(Config):
    """One Gaussian with a full covariance, in closed form; nothing to set."""

    kind: Literal["gaussian"] = "gaussian"


class MixtureConfig(Config):
    """A mixture of Gaussians, by expectation maximisation.

    `components` and `covariance` (full or diagonal) are chosen by the log density of a tenth of the
    latents that is set aside, unless given; at most `most` components are tried, on at most `rows`
    draws of the aggregate posterior.
    """

    kind: Literal["mixture"] = "mixture"
    components: Annotated[int, Field(ge=1)] | None = None
    covariance: Literal["full", "diagonal"] | None = None
    most: int = Field(default=64, ge=1)
    rows: int = Field(default=20_000, ge=10)


class _FlowFields(Config):
    """`layers` of an invertible network, each with two layers of `width` inside.

    Trained by Adam for at most `steps`, at a learning rate that falls linearly to a twentieth;
    stopped when `patience` looks in a row, one every 100 steps, find no better log density of a
    tenth of the latents that is set aside.
    """

    layers: int = Field(default=8, ge=2)
    width: int = Field(default=128, ge=1)
    steps: int = Field(default=4000, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=10, ge=1)


class FlowConfig(_FlowFields):
    """RealNVP (Dinh et al. 2017): couplings, as fast in one direction as in the other."""

    kind: Literal["flow"] = "flow"


class MafConfig(_FlowFields):
    """A masked autoregressive flow (Papamakarios et al. 2017): every number is changed by all those
    before it, so that a layer can do more, and drawing takes as many passes as there are latents.
    """

    kind: Literal["maf"] = "maf"
    layers: int = Field(default=5, ge=2)


class TwoStageConfig(Config):
    """A second VAE on the latents (Dai and Wipf 2019): `latent` dimensions (as many as the first
    has, at most 256, unless given) between dense layers of `widths`, a Gaussian likelihood with its
    optimal variance; trained for about `steps` steps on about `draws` z, as many of each training
    sample and at least one."""

    kind: Literal["two-stage"] = "two-stage"
    latent: Annotated[int, Field(ge=1)] | None = None
    widths: Widths = (256, 256)
    draws: int = Field(default=20_000, ge=1)
    steps: int = Field(default=4000, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)


FlowKind = FlowConfig | MafConfig
FitConfig = GaussianConfig | MixtureConfig | FlowKind | TwoStageConfig
AnyFitConfig = Annotated[Annotated[FitConfig, Field(discriminator="kind")], ByKind]


class Fitting(Config):
    """A prior to fit, by its kind alone or with its fields."""

    prior: AnyFitConfig
