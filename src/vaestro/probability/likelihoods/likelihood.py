"""The likelihood interface: p(x | decoder outputs), in nats per sample, constants included.

Shape letters: B batch, P outputs per element (1 for a mean, 2 with a spread), * the sample's axes.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import SampleSpec, ValueKind

FITTING: dict[ValueKind, str] = {
    "binary": "give model.likelihood.kind=bernoulli",
    "unit": "give model.likelihood.kind=bernoulli or continuous-bernoulli",
    "counts": "give model.likelihood.kind=poisson or negative-binomial",
    "real": "give model.likelihood.kind=gaussian, or transform.kind=none if a transform made them "
    "real",
}
"""What to do when samples of this kind meet a likelihood that is not defined on them."""


class Likelihood(nn.Module, ABC):
    """p(x | outputs) over a whole sample.

    The decoder yields `outputs` of shape (B, P, *) with P = `outputs_per_element`; a likelihood
    may also own learned parameters and buffers (a shared variance), which are trained, saved and
    restored with the model. Every method is deterministic but for the generator it is handed.
    `log_prob` refuses a shape that would broadcast (`require_outputs`). Nothing reads a tensor's
    value on the host, so every method but `sample` works under torch.func.vmap.
    Concrete classes are final.
    """

    kind: str = ""
    """The kind's name in a recipe, for messages."""

    outputs_per_element: int = 1
    discrete: bool = False
    """Whether log_prob is a probability mass (nats comparable to bits), not a density."""

    supports: tuple[ValueKind, ...] = ("binary", "unit", "counts", "real")
    """The kinds of value this likelihood is defined on."""

    @property
    def fixed_variance(self) -> float | None:
        """The sigma^2 of a Gaussian whose variance is fixed; None for every other likelihood."""
        return None

    def shown(self, x: Tensor) -> Tensor:
        """What an encoder of ours is shown of model-space samples x: (B, *), of the same shape."""
        return x

    @abstractmethod
    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """log p(x | outputs), summed over every non-batch axis. x: (B, *); returns (B,) nats."""

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """E[x | outputs] in natural units, (B, *)."""

    @abstractmethod
    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of x from p(x | outputs), (B, *)."""

    @abstractmethod
    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The constant outputs (P, *) whose mean is nearest to `data_mean` (*).

        They become the output layer's bias, so that training starts at the best constant.
        """

    def check(self, spec: SampleSpec) -> None:
        """Raise RecipeError when samples of this kind lie outside the likelihood's support."""
        if spec.values not in self.supports:
            raise RecipeError(
                f"model.likelihood.kind={self.kind or type(self).__name__} needs data that are "
                f"{' or '.join(self.supports)}, and these are {spec.values}; {FITTING[spec.values]}"
            )

    def require_outputs(self, x: Tensor, outputs: Tensor) -> None:
        """Raise DataError unless outputs are (B, P, *) for x (B, *), so that nothing broadcasts."""
        wanted = (len(x), self.outputs_per_element, *x.shape[1:])
        if outputs.shape != wanted:
            raise DataError(
                f"samples of shape {tuple(x.shape)} need decoder outputs of shape {wanted}, and "
                f"these are {tuple(outputs.shape)}; give samples of the shape the model was built "
                "for, batch first"
            )


def sum_elements(values: Tensor) -> Tensor:
    """Sum (B, *) over every axis but the first: (B,)."""
    return values.flatten(1).sum(1)


def location_and_raw(outputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """(B, P, *) as the first output (B, *) and, where P is 2, the raw spread (B, *)."""
    if outputs.shape[1] == 1:
        return outputs.squeeze(1), None  # a view: its gradient needs no copy
    location, raw = outputs.unbind(1)
    return location, raw
