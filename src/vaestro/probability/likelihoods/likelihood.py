"""The likelihood interface: p(x | decoder outputs), in nats per sample, constants included.

Shape letters: B batch, P outputs per element (1 for a mean, 2 with a spread), * the sample's axes.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import SampleSpec, ValueKind


class Likelihood(nn.Module, ABC):
    """p(x | outputs) over a whole sample.

    The decoder yields `outputs` of shape (B, P, *) with P = `outputs_per_element`; a likelihood
    may also own learned parameters and buffers (a shared variance), which are trained, saved and
    restored with the model. Every method is deterministic but for the generator it is handed.
    Concrete classes are final.
    """

    outputs_per_element: int = 1
    discrete: bool = False
    """Whether log_prob is a probability mass (nats comparable to bits), not a density."""

    supports: tuple[ValueKind, ...] = ("binary", "unit", "counts", "real")
    """The kinds of value this likelihood is defined on."""

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
                f"model.likelihood.kind={type(self).__name__} needs data that are "
                f"{' or '.join(self.supports)}, and these are {spec.values}"
            )


def sum_elements(values: Tensor) -> Tensor:
    """Sum (B, *) over every axis but the first: (B,)."""
    return values.flatten(1).sum(1)
