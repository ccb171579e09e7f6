"""The regression prior p(z|r): where in latent space a sample belongs that has the covariate r.

Shape letters: B batch, K latents, N samples, V covariates, W width.
"""

from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.empirical import Standard
from vaestro.probability.normal import bounded, kl, log_normal
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.prior import Prior, density_needed


class LineConfig(Config):
    """Means on a straight line through latent space, one variance for all."""

    kind: Literal["line"] = "line"


class CurveConfig(Config):
    """Means on a curve, a variance for each dimension and place: a network of `width` units."""

    kind: Literal["curve"] = "curve"
    width: int = Field(default=32, ge=1)


class RegressionConfig(Config):
    """p(z|r) for the continuous covariate named `covariate`, its mean a line or a curve in r.

    With `labels` it is p(z|r, y), a curve for each label y: where r alone leaves several kinds of
    samples possible, one Gaussian would cover what lies between them too.
    """

    kind: Literal["regression"] = "regression"
    covariate: str = Field(min_length=1)
    labels: bool = False
    form: Annotated[Annotated[LineConfig | CurveConfig, Field(discriminator="kind")], ByKind] = (
        LineConfig()
    )

    @model_validator(mode="after")
    def _one_line_for_all(self) -> Self:
        if self.labels and isinstance(self.form, LineConfig):
            raise ValueError("labels=true needs a curve for each label; give form=curve")
        return self


class Line(nn.Module):
    """mean = u r with |u| = 1, and one log-variance that starts at 0 (Zhao et al. 2019).

    The unit norm makes one standard deviation of r one unit of latent space. There is no offset:
    the encoder can move the origin.
    """

    def __init__(self, latent: int, generator: torch.Generator) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(latent, generator=generator))
        self.log_variance = nn.Parameter(torch.zeros(()))

    def forward(self, r: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """r: (B,) standardised; mean (B, K) and raw log-variance (), equal for all."""
        return r[:, None] * nn.functional.normalize(self.direction, dim=0), self.log_variance


class Curve(nn.Module):
    """mean and log-variance from a layer of W units (SiLU) in r, and the label if `labels` are
    told apart; the log-variances start at 0."""

    def __init__(
        self, width: int, latent: int, generator: torch.Generator, labels: int = 0
    ) -> None:
        super().__init__()
        self.labels = labels
        self.hidden = nn.Linear(1 + labels, width)
        self.last = nn.Linear(width, 2 * latent)
        for parameter in self.hidden.parameters():  # random biases bend the curve over all of r
            nn.init.normal_(parameter, generator=generator)
        nn.init.zeros_(self.last.weight)
        nn.init.normal_(self.last.weight[:latent], 0.0, width**-0.5, generator=generator)
        nn.init.zeros_(self.last.bias)

    def forward(self, r: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """r: (B,) standardised; label: (B,) if told; mean and raw log-variance, (B, K) each."""
        inputs = r[:, None]
        if self.labels and label is not None:
            inputs = torch.cat([inputs, nn.functional.one_hot(label, self.labels).to(r)], dim=1)
        outputs = self.last(nn.functional.silu(self.hidden(inputs)))
        # Autocast computes linear layers in bfloat16; densities need the range of float32.
        outputs = outputs.float() if outputs.dtype is torch.bfloat16 else outputs
        mean, log_variance = outputs.chunk(2, dim=1)
        return mean, log_variance


class Regression(Prior):
    """p(z|r) = N(m(r), diag exp(l(r))) (Zhao et al. 2019, arXiv 1904.05948), l in [-10, 10].

    `column`: where r stands in Given.covariates, which are in natural units; `fit` shows the prior
    the training data's r, by whose mean and spread it is standardised.
    """

    def __init__(
        self,
        config: RegressionConfig,
        latent: int,
        column: int,
        generator: torch.Generator,
        labels: int = 0,
    ) -> None:
        super().__init__()
        self.by_label = labels > 0
        self.covariate, self.column = config.covariate, column
        self.standard = Standard(1)
        self.form = (
            Curve(config.form.width, latent, generator, labels)
            if isinstance(config.form, CurveConfig)
            else Line(latent, generator)
        )

    def fit(self, values: Tensor) -> None:
        """Learn the scale of r from the training data, (N,) in natural units.

        Raises DataError when r is the same in all of them.
        """
        if bool((values == values[0]).all()):
            raise DataError(
                f"the covariate {self.covariate} is {float(values[0]):g} in every training sample; "
                "model.prior.kind=regression needs one that varies: choose another covariate"
            )
        self.standard.fit(values[:, None])

    def divergence(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """KL(q(z|x) || p(z|r)) of two diagonal Gaussians, (B, K). ValueError for a point."""
        return kl(posterior.mean, density_needed(posterior), *self._given(given))

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z|r); z: (..., B, K) and r of the B samples in `given`."""
        return log_normal(z, *self._given(given)).sum(-1)

    @torch.no_grad()
    def sample(
        self, count: int, latent: int, generator: torch.Generator, given: Given = NOTHING
    ) -> Tensor:
        """Draws (N, K) from p(z|r). Raises RecipeError when r was not given."""
        mean, log_variance = self._given(given)
        noise = torch.randn(count, latent, generator=generator, device=generator.device)
        return mean.to(noise) + torch.exp(0.5 * log_variance).to(noise) * noise

    def at(self, r: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """m and l, which broadcast to (B, K), for r: (B,) in natural units and labels (B,)."""
        standardised = self.standard(r.to(self.standard.mean)[:, None])[:, 0]
        mean, log_variance = self.form(standardised, label)
        return mean, bounded(log_variance)

    def _given(self, given: Given) -> tuple[Tensor, Tensor]:
        if self.by_label and given.label is None:
            raise RecipeError(
                "the prior depends on the label (model.prior.labels=true), and it was not given; "
                "give it with every sample"
            )
        return self.at(self._asked(given), given.label if self.by_label else None)

    def _asked(self, given: Given) -> Tensor:
        """r (B,). Raises RecipeError when it was not given."""
        if given.covariates is None or given.covariates.shape[1] <= self.column:
            raise RecipeError(
                f"the prior depends on the covariate {self.covariate}, and it was not given; give "
                f"{self.covariate} with every sample"
            )
        return given.covariates[:, self.column]
