"""q(r|x): a continuous covariate read from the encoder's features.

Shape letters: B batch, F features, C channels, N training samples, * a grid.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config, Widths
from vaestro.models.condition import ConditionKind, CovariatesConfig
from vaestro.networks.initialise import initialise, initialise_head
from vaestro.probability.empirical import Standard
from vaestro.probability.normal import bounded, log_normal


class PredictorConfig(Config):
    """Reads the covariate named `covariate` through ReLU layers of `hidden` widths.

    `weight` multiplies its cost in the loss; at 1 a nat of it counts as one of the data term.
    """

    covariate: str = Field(min_length=1)
    hidden: Widths = ()
    weight: float = Field(default=1.0, gt=0)


class Prediction(NamedTuple):
    """q(r|x) = N(mean, exp(log_variance)) of the standardised covariate, (B,) each."""

    mean: Tensor
    log_variance: Tensor


class Predictor(nn.Module):
    """Features -> N(mean, variance) of r, both learned (Zhao et al. 2019, arXiv 1904.05948).

    `fit` shows it the training data's r, by whose mean and spread it is standardised; figures that
    leave it are in natural units. Log-variances lie within [-10, 10].
    """

    def __init__(self, config: PredictorConfig, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.covariate, self.weight = config.covariate, config.weight
        self.standard = Standard(1)
        sizes = (features, *config.hidden)
        layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.hidden = nn.Sequential(*(part for layer in layers for part in layer))
        self.last = nn.Linear(sizes[-1], 2)
        initialise(self.hidden, "he", generator)
        initialise_head(self.last, generator)
        # Adam moves each of F weights by the learning rate at once; dividing the features by the
        # root of F, and starting with weights as much larger, keeps that a small step for any F.
        self.scale = features**-0.5
        first = layers[0][0] if layers else self.last
        with torch.no_grad():
            first.weight.div_(self.scale)

    def fit(self, values: Tensor) -> None:
        """Learn mean and spread of r from the training data, (N,) in natural units."""
        self.standard.fit(values[:, None])

    def forward(self, features: Tensor) -> Prediction:
        """features: (B, F), or (B, C, *), which are flattened."""
        raw = self.last(self.hidden(features.flatten(1) * self.scale))
        # Autocast computes linear layers in bfloat16; densities need the range of float32.
        mean, log_variance = (raw.float() if raw.dtype is torch.bfloat16 else raw).unbind(1)
        return Prediction(mean, bounded(log_variance))

    def nll(self, prediction: Prediction, r: Tensor) -> Tensor:
        """-log q(r|x) in nats (B,) of r: (B,), as a density of natural units.

        ((s - mean)^2 / variance + log variance + log 2 pi) / 2 of the standardised s, and log std.
        """
        standardised = self.standard(r[:, None])[:, 0]
        return self.standard.std.log() - log_normal(standardised, *prediction)

    def predict(self, prediction: Prediction) -> tuple[Tensor, Tensor]:
        """The mean and the standard deviation of r in natural units, (B,) each."""
        value = self.standard.natural(prediction.mean[:, None])[:, 0]
        return value, torch.exp(0.5 * prediction.log_variance) * self.standard.std


def require_unseen(config: PredictorConfig, condition: ConditionKind) -> None:
    """Raise ValueError, in one line for a recipe's reader, when the encoder is told the answer."""
    if not isinstance(condition, CovariatesConfig) or condition.into not in ("encoder", "both"):
        return
    if config.covariate in condition.names:
        raise ValueError(
            f"predictor.covariate={config.covariate} is told to the encoder that it is to be read "
            f"from (condition.into={condition.into}); give condition.into=decoder"
        )
