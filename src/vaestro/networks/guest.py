"""A module of the user's: asked what it needs and what it gives, told the condition, kept at rest.

A module is asked once, on a batch of two, in eval mode, without gradients; its modes, its buffers
and torch's global random state are as before afterwards.

Shape letters: B batch, E condition width.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vaestro.foundation.errors import RecipeError, one_line
from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.initialise import LAYERS


class Probed(NamedTuple):
    """What a module gave, the last layer with weights that it passed, whether that was its end."""

    given: Any
    last: nn.Module | None
    is_end: bool


class Guest(nn.Module):
    """The module itself, told the condition if it takes one, kept in eval mode when frozen."""

    def __init__(
        self, module: nn.Module, side: str, conditioning: Conditioning, frozen: bool
    ) -> None:
        super().__init__()
        if not isinstance(module, nn.Module):
            raise RecipeError(
                f"the {side} is {one_line(repr(module))[:80]}; give an instance of torch.nn.Module"
            )
        self.name = f"the {side} {type(module).__name__}"
        if next(module.parameters(), None) is None:
            raise RecipeError(f"{self.name} has no parameters; nothing in it could be trained")
        needed, takes = _arguments(module)
        self.width = conditioning.width
        self.told = conditioning.width > 0 and takes
        self._require_use(conditioning, needed)
        self.module, self.frozen = module, frozen
        if frozen:
            module.requires_grad_(False).eval()
        self.training = module.training  # not train(): a module may hold parts that rest

    def _require_use(self, conditioning: Conditioning, needed: int) -> None:
        """Raise RecipeError when the module needs a condition and has none, or the reverse."""
        if needed >= 2 and not self.told:
            raise RecipeError(
                f"{self.name} needs a condition (its forward takes {needed} arguments) and is told "
                "none; give model.condition"
            )
        if conditioning.film and not self.told and conditioning.width:
            raise RecipeError(
                f"model.condition.how=film acts inside a network, and the forward of {self.name} "
                "takes no condition; give it a second argument, or model.condition.how=join"
            )

    def train(self, mode: bool = True) -> "Guest":
        """As ever, but a frozen module stays in eval mode: batch norms and dropout rest."""
        super().train(mode)
        if self.frozen:
            self.module.eval()
        return self

    def forward(self, x: Tensor, condition: Tensor | None) -> Any:
        """What the module gives for x, as it gives it."""
        return self.module(x, condition) if self.told else self.module(x)

    def probe(self, sample: Callable[[Tensor], Tensor]) -> Probed:
        """What the module gives for `sample` (B, ...) of its own number type and device.

        Raises RecipeError when it fails, loses the batch, or gives numbers that are not finite.
        """
        x = sample(torch.zeros((), dtype=self._like.dtype, device=self._like.device))
        passed: list[tuple[nn.Module, Tensor]] = []
        hooks = [
            layer.register_forward_hook(lambda layer, _, out: passed.append((layer, out)))
            for layer in self.module.modules()
            if isinstance(layer, LAYERS)
        ]
        try:
            with _undisturbed(self.module):
                given = self(x, x.new_zeros(len(x), self.width))
        except Exception as fault:  # the user's own code: anything can come out of it
            reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
            raise RecipeError(f"{self.name} fails on {described(x)}: {reason}") from fault
        finally:
            for hook in hooks:
                hook.remove()
        self._require_usable(given, len(x))
        if not passed:
            return Probed(given, None, False)
        last, out = passed[-1]
        is_end = isinstance(given, Tensor) and torch.equal(out.flatten(), given.flatten())
        return Probed(given, last, is_end)

    @property
    def _like(self) -> nn.Parameter:
        return next(self.module.parameters())

    def _require_usable(self, given: Any, samples: int) -> None:
        for tensor in given if isinstance(given, (tuple, list)) else (given,):
            if not isinstance(tensor, Tensor):
                continue  # told apart with a better reason by whoever reads it
            if not tensor.is_floating_point():
                raise RecipeError(f"{self.name} gives numbers of type {tensor.dtype}, not floats")
            if tensor.dim() == 0 or len(tensor) != samples:
                raise RecipeError(
                    f"{self.name} gives a tensor of shape {tuple(tensor.shape)} for {samples} "
                    "samples; its first axis must be the batch"
                )
            if not tensor.isfinite().all():
                raise RecipeError(
                    f"{self.name} gives numbers that are not finite when it is first asked, for "
                    "zeros or for noise"
                )


def can_be_told(module: nn.Module) -> bool:
    """Whether the module's forward takes a condition as its second argument."""
    return _arguments(module)[1]


def _arguments(module: nn.Module) -> tuple[int, bool]:
    """How many arguments the module's forward needs, and whether the second can be a condition.

    It can when it has no default or the default None; a flag (`verbose=False`) is none, nor is a
    second argument of torch's own layers (a transposed convolution's output_size).
    """
    parameters = list(inspect.signature(module.forward).parameters.values())
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    if type(module).__module__.startswith("torch.nn.modules."):
        return needed, False
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return needed, True
    if len(places) < 2:
        return needed, False
    return needed, places[1].default is None or places[1].default is inspect.Parameter.empty


@contextmanager
def _undisturbed(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; modes, buffers and torch's random state are put back."""
    modes = [(part, part.training) for part in module.modules()]
    kept = [
        (part, name, buffer, buffer.clone())
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
        if not is_lazy(buffer)
    ]
    devices = {p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(sorted(devices)), torch.no_grad():
        module.eval()
        try:
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            for part, name, buffer, value in kept:
                setattr(part, name, buffer.copy_(value))


def described(given: Any) -> str:
    """What came out of a module, in words."""
    if isinstance(given, Tensor):
        return shown(tuple(given.shape[1:]))
    if isinstance(given, (tuple, list)):
        return f"a {type(given).__name__} of " + ", ".join(map(described, given))
    return f"a {type(given).__name__}"


def shown(shape: Shape) -> str:
    return f"({', '.join(['B', *map(str, shape)])})"
