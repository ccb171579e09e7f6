"""What a diffusion prior is told: nothing, labels, or covariates; and what it is told instead when
guidance asks for the prior without them.

Shape letters: B batch, E width of the embedding, L labels, V covariates.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import ByKind, Config, Names
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.probability.empirical import Standard


class UntoldConfig(Config):
    """Nothing is told: p(z)."""

    kind: Literal["none"] = "none"


class _ToldConfig(Config):
    """`dropout`: the share of training samples that are told nothing, so that the same denoiser
    also knows p(z) (classifier-free guidance, Ho and Salimans 2022, algorithm 1)."""

    dropout: float = Field(default=0.1, ge=0, lt=1)


class LabelsConfig(_ToldConfig):
    """p(z|label): a learned vector a label."""

    kind: Literal["labels"] = "labels"


class CovariatesConfig(_ToldConfig):
    """p(z|covariates): the standardised numbers of these `names` through two layers, and with
    `labels` a vector for the label beside them."""

    kind: Literal["covariates"] = "covariates"
    names: Names
    labels: bool = False


ToldKind = LabelsConfig | CovariatesConfig
ConditionKind = UntoldConfig | ToldKind
DiffusionConditionConfig = Annotated[Annotated[ConditionKind, Field(discriminator="kind")], ByKind]


class ConditionEmbedding(nn.Module):
    """(labels (B,), covariates (B, V), or both) -> (B, E); a learned vector for those not told."""

    def __init__(
        self, config: ToldKind, labels: int, embedding: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.names = () if isinstance(config, LabelsConfig) else config.names
        self.by_label = isinstance(config, LabelsConfig) or config.labels
        self.nothing = nn.Parameter(torch.zeros(embedding))
        self.label = nn.Embedding(labels, embedding) if self.by_label else None
        self.standard = Standard(len(self.names)) if self.names else None
        self.numbers = (
            nn.Sequential(
                nn.Linear(len(self.names), embedding), nn.SiLU(), nn.Linear(embedding, embedding)
            )
            if self.names
            else None
        )
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0.0, 0.5, generator=generator)

    def forward(self, given: Given, dropped: Tensor) -> Tensor:
        """given: of B samples; dropped: (B,), true where the condition is not told."""
        parts: list[Tensor] = []
        if self.label is not None:
            parts.append(self.label(_told(given.label, "labels")))
        if self.numbers is not None and self.standard is not None:
            numbers = _told(given.covariates, "covariates").to(self.standard.mean)
            parts.append(self.numbers(self.standard(numbers)))
        embedded = torch.stack(parts).sum(0)
        return torch.where(dropped[:, None], self.nothing, embedded)


def _told(values: Tensor | None, what: str) -> Tensor:
    if values is None:
        raise RecipeError(
            f"the diffusion prior is conditioned on {what} and none were given; give them with "
            "what is drawn"
        )
    return values


def build_condition(
    config: ConditionKind, spec: SampleSpec, embedding: int, generator: torch.Generator
) -> ConditionEmbedding | None:
    """The embedding of `config`, or None. Raises RecipeError when the data have no such thing."""
    if isinstance(config, UntoldConfig):
        return None
    if (isinstance(config, LabelsConfig) or config.labels) and spec.label_count is None:
        raise RecipeError(
            f"condition={config.kind} tells the diffusion prior labels, and the run's data have "
            "none; give condition=none"
        )
    names = () if isinstance(config, LabelsConfig) else config.names
    for name in names:
        if name not in spec.covariate_names:
            known = ", ".join(spec.covariate_names) or "none"
            raise RecipeError(
                f"condition.names has {name!r}, and the run's data have no such covariate; legal: "
                f"{known}"
            )
    return ConditionEmbedding(config, spec.label_count or 0, embedding, generator)
