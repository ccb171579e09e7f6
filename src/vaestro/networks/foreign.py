"""Any torch module as the encoder or the decoder.

Shape letters: B batch, E condition width, K latents, L latents at a place, F features, C channels,
P outputs per element, * the sample's axes.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import UNTOLD, Conditioning, Shape, require_one_level
from vaestro.networks.guest import Guest, described, shown

Gives = Literal["features", "posterior"]
P = TypeVar("P")


class ForeignEncoder(nn.Module):
    """A module (B, *) -> features (B, F) or (B, C, *grid), or with gives=posterior q(z|x) itself.

    With `posterior` it gives (mean, raw scale), each (B, K) or (B, L, *grid), or one tensor
    (B, 2, ...) with the mean at index 0; `PassThroughHead` then stands for the head. A forward with
    a second argument, without a default or with None, is given the condition (B, E) there. A
    `frozen` module keeps its weights and stays in eval mode. Raises RecipeError with one line when
    the module cannot serve.
    """

    skip_channels: tuple[int, ...] = ()

    def __init__(
        self,
        module: nn.Module,
        shape: Shape,
        conditioning: Conditioning = UNTOLD,
        gives: Gives = "features",
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.guest = Guest(module, "encoder", conditioning, frozen)
        self.gives = gives
        self.joins = self.guest.told or gives == "posterior"
        if gives == "posterior" and conditioning.width and not self.guest.told:
            raise RecipeError(
                f"{self.guest.name} gives the posterior itself and its forward takes no condition; "
                "give its forward a second argument, or model.condition.into=decoder"
            )
        given = self.guest.probe(lambda like: like.new_zeros(2, *shape)).given
        self.out_shapes = (tuple(self._features(given).shape[1:]),)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """x: (B, *); returns one level: (B, F), (B, C, *grid), or (B, 2, ...) for a posterior."""
        return (self._features(self.guest(x, condition)),)

    def _features(self, given: Any) -> Tensor:
        if self.gives == "posterior":
            return self._posterior(given)
        if isinstance(given, Tensor) and 2 <= given.dim() <= 5:
            return given
        raise RecipeError(
            f"{self.guest.name} gives {described(given)}; an encoder's features are one tensor "
            "(B, F) or (B, C, *grid) with 1 to 3 axes of a grid (a mean and a raw scale: "
            "gives=posterior)"
        )

    def _posterior(self, given: Any) -> Tensor:
        if isinstance(given, (tuple, list)) and len(given) == 2:
            mean, raw = given
            if isinstance(mean, Tensor) and isinstance(raw, Tensor) and mean.shape == raw.shape:
                given = torch.stack([mean, raw], dim=1)
        if isinstance(given, Tensor) and 3 <= given.dim() <= 6 and given.shape[1] == 2:
            return given
        raise RecipeError(
            f"{self.guest.name} gives {described(given)}; with gives=posterior an encoder gives "
            "(mean, raw scale) of equal shapes, or one tensor (B, 2, ...) with the mean first"
        )


def noise_scale(std: float) -> Tensor:
    """The standard deviation of a sampler's noise as a buffer, so that the members of a population
    may differ in it. In 64 bits until the model chooses; not saved: its home is the recipe."""
    return torch.tensor(std, dtype=torch.float64)


class PassThroughHead(nn.Module, Generic[P]):
    """The head of an encoder that gives its posterior: no layer, `posterior(mean, raw scale)`.

    `latents`: the shape of the one level; `posterior` takes two tensors (B, K) of at least 32 bits;
    `epsilon_std`: the standard deviation of the sampler's noise.
    """

    epsilon_std: Tensor

    def __init__(
        self,
        latents: tuple[Shape, ...],
        posterior: Callable[[Tensor, Tensor], P],
        stochastic: bool = True,
        epsilon_std: float = 1.0,
    ) -> None:
        super().__init__()
        self.latents = latents
        self.latent = prod(require_one_level(latents))
        self.posterior = posterior
        self.stochastic = stochastic
        scale = noise_scale(epsilon_std if stochastic else 0.0)
        self.register_buffer("epsilon_std", scale, persistent=False)

    def forward(self, features: tuple[Tensor, ...]) -> P:
        """features: one level (B, 2, ...), the mean and the raw scale."""
        (both,) = features
        wide = both.float() if both.dtype in (torch.bfloat16, torch.float16) else both
        mean, raw = wide.flatten(2).unbind(1)
        return self.posterior(mean, raw)

    def divided(self, z: Tensor) -> tuple[Tensor, ...]:
        """z: (B, K) -> the latents in their own shape."""
        return (z.reshape(len(z), *self.latents[0]),)


class ForeignDecoder(nn.Module):
    """A module (B, K) or (B, L, *grid) -> (B, P, *), its channels laid out in any usual way.

    It may give (B, P, *), (B, P * C, *grid), the flat (B, P * elements), and (B, *) where P is 1.
    A forward with a second argument is given the condition (B, E) there; else it is joined to the
    latents. Give `starts_at_mean=False` with trained weights: `start_at` then leaves
    their bias alone. Raises RecipeError with one line when the module cannot serve.
    """

    def __init__(
        self,
        module: nn.Module,
        latents: tuple[Shape, ...],
        shape: Shape,
        outputs: int,
        conditioning: Conditioning = UNTOLD,
        frozen: bool = False,
        starts_at_mean: bool = True,
    ) -> None:
        super().__init__()
        self.guest = Guest(module, "decoder", conditioning, frozen)
        self.conditioning = UNTOLD if self.guest.told else conditioning
        self.shape = (outputs, *shape)
        latent = require_one_level(latents)
        probed = self.guest.probe(
            self._samples((latent[0] + self.conditioning.joined, *latent[1:]))
        )
        self._outputs(probed.given)
        self._head = (probed.last or module,)  # in a tuple: it is registered in the guest already
        self.starts_at_mean = starts_at_mean and not frozen and probed.is_end

    @staticmethod
    def _samples(latent: Shape) -> Callable[[Tensor], Tensor]:
        """Zeros, and draws from N(0, I) near and far on both sides: a function behind the last
        layer that changes only negative numbers is not missed by an accident of the weights."""
        random = torch.Generator().manual_seed(0)
        draws = [scale * torch.randn(latent, generator=random) for scale in (1, 8)]
        both = [draw for one in draws for draw in (one, -one)]
        return lambda like: torch.stack([torch.zeros(latent), *both]).to(like)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """One level: (B, K) or (B, L, *grid); returns (B, P, *)."""
        (z,) = latents
        return self._outputs(self.guest(self.conditioning.join(z, condition), condition))

    @property
    def head(self) -> nn.Module:
        """The last layer with weights that the latents pass; without one, the module."""
        return self._head[0]

    def _outputs(self, given: Any) -> Tensor:
        maps, first, *rest = self.shape
        legal = (self.shape, (maps * first, *rest), (prod(self.shape),))
        if isinstance(given, Tensor) and tuple(given.shape[1:]) in legal:
            return given.reshape(len(given), *self.shape)
        wanted = " or ".join(shown(shape) for shape in dict.fromkeys(legal))
        raise RecipeError(
            f"{self.guest.name} gives {described(given)}; {maps} outputs for each element of "
            f"samples {self.shape[1:]} are needed: {wanted}"
        )

    def start_at(self, outputs: Tensor) -> None:
        """The last layer's bias becomes `outputs` (P, *), or their means over the grid.

        The module stays as it is when it is frozen, when anything follows that layer, and when its
        bias has neither one number an element nor one a channel.
        """
        bias = getattr(self.head, "bias", None)
        if not self.starts_at_mean or not isinstance(bias, Tensor):
            return
        means = outputs.flatten(2).mean(2) if outputs.dim() > 2 else outputs
        for wanted in (outputs.flatten(), means.flatten()):
            if wanted.shape == bias.shape:
                with torch.no_grad():
                    bias.copy_(wanted)
