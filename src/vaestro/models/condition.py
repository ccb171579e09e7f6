"""What a model is conditioned on: labels or continuous covariates, and where they enter.

Shape letters: B batch, E condition width, V covariates.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import ByKind, Config, Names
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.networks.body import UNTOLD, Conditioning
from vaestro.probability.empirical import Standard


class OneHotConfig(Config):
    """A label as L numbers, one of them 1; the whole `repeat` times over, to weigh more."""

    kind: Literal["one-hot"] = "one-hot"
    repeat: int = Field(default=1, ge=1)


class NumbersConfig(Config):
    """Covariates as they are, standardised over the training data."""

    kind: Literal["numbers"] = "numbers"


class EmbeddingConfig(Config):
    """A learned vector of `width`: a row a label, or a small network of the covariates."""

    kind: Literal["embedding"] = "embedding"
    width: int = Field(default=16, ge=1)


class _Entering(Config):
    """`into`: which networks are told; `how`: joined to their inputs, or by FiLM in each layer."""

    into: Literal["encoder", "decoder", "both", "neither"] = "both"
    how: Literal["join", "film"] = "join"


class UnconditionalConfig(Config):
    """Nothing is told: p(x), not p(x|c)."""

    kind: Literal["none"] = "none"


class LabelsConfig(_Entering):
    """The label of each sample."""

    kind: Literal["labels"] = "labels"
    encoding: Annotated[
        Annotated[OneHotConfig | EmbeddingConfig, Field(discriminator="kind")], ByKind
    ] = OneHotConfig()


class CovariatesConfig(_Entering):
    """The covariates of these `names`, and with `labels` the label beside them, one-hot."""

    kind: Literal["covariates"] = "covariates"
    names: Names
    labels: bool = False
    encoding: Annotated[
        Annotated[NumbersConfig | EmbeddingConfig, Field(discriminator="kind")], ByKind
    ] = NumbersConfig()


ConditionKind = UnconditionalConfig | LabelsConfig | CovariatesConfig
ConditionConfig = Annotated[Annotated[ConditionKind, Field(discriminator="kind")], ByKind]


class Condition(nn.Module):
    """(labels (B,), covariates (B, V), or both) -> (B, E)."""

    def __init__(self, config: LabelsConfig | CovariatesConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.config = config
        self.by_label = isinstance(config, LabelsConfig) or config.labels
        self.labels = spec.label_count or 0
        names = () if isinstance(config, LabelsConfig) else config.names
        self.standard = Standard(len(names)) if names else None
        self.embedding = self._embedding(len(names))

    def _embedding(self, covariates: int) -> nn.Module:
        encoding = self.config.encoding
        if not isinstance(encoding, EmbeddingConfig):
            return nn.Identity()
        if isinstance(self.config, LabelsConfig):
            return nn.Embedding(self.labels, encoding.width)
        width = encoding.width
        return nn.Sequential(nn.Linear(covariates, width), nn.SiLU(), nn.Linear(width, width))

    @property
    def width(self) -> int:
        """E"""
        encoding, config = self.config.encoding, self.config
        beside = self.labels if isinstance(config, CovariatesConfig) and config.labels else 0
        if isinstance(encoding, EmbeddingConfig):
            return encoding.width + beside
        if isinstance(encoding, OneHotConfig):
            return self.labels * encoding.repeat
        return beside + (len(config.names) if isinstance(config, CovariatesConfig) else 0)

    def entering(self, side: Literal["encoder", "decoder"]) -> Conditioning:
        """How the condition enters the network on `side`."""
        if self.config.into in (side, "both"):
            return Conditioning(self.width, self.config.how == "film")
        return UNTOLD

    def forward(self, given: Given) -> Tensor:
        """(B, E). Raises RecipeError when what it needs was not given."""
        if isinstance(self.config, LabelsConfig):
            return self._of_labels(given.label)
        numbers = self._of_numbers(given.covariates)
        if not self.config.labels:
            return numbers
        return torch.cat([numbers, self._of_labels(given.label).to(numbers)], dim=1)

    def _of_labels(self, labels: Tensor | None) -> Tensor:
        if labels is None:
            raise RecipeError(
                "the model is conditioned on labels and none were given; take a split of the run, "
                "a file that has them as the run's own or as `vaestro encode` writes them, or from "
                "Python give labels=..."
            )
        if isinstance(self.embedding, nn.Embedding):
            embedded: Tensor = self.embedding(labels)
            return embedded
        one_hot = nn.functional.one_hot(labels, self.labels).to(torch.get_default_dtype())
        encoding = self.config.encoding
        repeat = encoding.repeat if isinstance(encoding, OneHotConfig) else 1
        return one_hot.repeat_interleave(repeat, dim=1)

    def _of_numbers(self, covariates: Tensor | None) -> Tensor:
        """The condition's own columns come first."""
        if covariates is None or self.standard is None:
            raise RecipeError(
                "the model is conditioned on covariates and none were given; take a split of the "
                "run, a file that has them as the run's own or as `vaestro encode` writes them, or "
                "from Python give covariates=..."
            )
        count = len(self.standard.mean)
        numbers: Tensor = self.embedding(self.standard(covariates[:, :count]))
        return numbers


def build_condition(
    config: ConditionKind, spec: SampleSpec, generator: torch.Generator
) -> Condition | None:
    """The condition of `config`, or None. Raises RecipeError when the data have no such thing."""
    if isinstance(config, UnconditionalConfig):
        return None
    if (isinstance(config, LabelsConfig) or config.labels) and spec.label_count is None:
        raise RecipeError(
            "model.condition needs labelled data, and these have no labels; give data.labels_key, "
            "or model.condition=none"
        )
    condition = Condition(config, spec)
    for parameter in condition.parameters():
        nn.init.normal_(parameter, 0.0, 0.5, generator=generator)
    return condition
