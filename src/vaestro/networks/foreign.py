"""Any torch module as the encoder or the decoder, and weights from a file for it.

A module is asked once what it gives: on a batch of two, in eval mode, without gradients; its modes,
its buffers and torch's global random state are as before afterwards.

Shape letters: B batch, E condition width, K latents, L latents at a place, F features, C channels,
P outputs per element, * the sample's axes.
"""

import inspect
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vaestro.foundation.errors import CheckpointError, RecipeError, one_line
from vaestro.networks.body import Conditioning, Shape, require_one_level
from vaestro.networks.initialise import LAYERS

Gives = Literal["features", "posterior"]
P = TypeVar("P")
UNTOLD = Conditioning()
"""No condition at all."""


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
        self.guest = _Guest(module, "encoder", conditioning, frozen)
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
            f"{self.guest.name} gives {_described(given)}; an encoder's features are one tensor "
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
            f"{self.guest.name} gives {_described(given)}; with gives=posterior an encoder gives "
            "(mean, raw scale) of equal shapes, or one tensor (B, 2, ...) with the mean first"
        )


class PassThroughHead(nn.Module, Generic[P]):
    """The head of an encoder that gives its posterior: no layer, `posterior(mean, raw scale)`.

    `latents`: the shape of the one level; `posterior` takes two tensors (B, K) of at least 32 bits.
    """

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
        self.epsilon_std = epsilon_std if stochastic else 0.0

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
        self.guest = _Guest(module, "decoder", conditioning, frozen)
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
        """Zeros and a draw from N(0, I), whose output is no accident of the weights."""
        noise = torch.randn(latent, generator=torch.Generator().manual_seed(0))
        return lambda like: torch.stack([torch.zeros(latent), noise]).to(like)

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
        wanted = " or ".join(_shown(shape) for shape in dict.fromkeys(legal))
        raise RecipeError(
            f"{self.guest.name} gives {_described(given)}; {maps} outputs for each element of "
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


class _Probed(NamedTuple):
    """What a module gave, the last layer with weights that it passed, whether that was its end."""

    given: Any
    last: nn.Module | None
    is_end: bool


class _Guest(nn.Module):
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
        needed, can_be_told = _arguments(module)
        self.width = conditioning.width
        self.told = conditioning.width > 0 and can_be_told
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

    def train(self, mode: bool = True) -> "_Guest":
        """As ever, but a frozen module stays in eval mode: batch norms and dropout rest."""
        super().train(mode)
        if self.frozen:
            self.module.eval()
        return self

    def forward(self, x: Tensor, condition: Tensor | None) -> Any:
        """What the module gives for x, as it gives it."""
        return self.module(x, condition) if self.told else self.module(x)

    def probe(self, sample: Callable[[Tensor], Tensor]) -> _Probed:
        """What the module gives for `sample` (2, ...) of its own number type and device.

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
                given = self(x, x.new_zeros(2, self.width))
        except Exception as fault:  # the user's own code: anything can come out of it
            reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
            raise RecipeError(f"{self.name} fails on {_described(x)}: {reason}") from fault
        finally:
            for hook in hooks:
                hook.remove()
        self._require_usable(given)
        if not passed:
            return _Probed(given, None, False)
        last, out = passed[-1]
        is_end = isinstance(given, Tensor) and torch.equal(out.flatten(), given.flatten())
        return _Probed(given, last, is_end)

    @property
    def _like(self) -> nn.Parameter:
        return next(self.module.parameters())

    def _require_usable(self, given: Any) -> None:
        for tensor in given if isinstance(given, (tuple, list)) else (given,):
            if not isinstance(tensor, Tensor):
                continue  # told apart with a better reason by whoever reads it
            if not tensor.is_floating_point():
                raise RecipeError(f"{self.name} gives numbers of type {tensor.dtype}, not floats")
            if tensor.dim() == 0 or len(tensor) != 2:
                raise RecipeError(
                    f"{self.name} gives a tensor of shape {tuple(tensor.shape)} for 2 samples; its "
                    "first axis must be the batch"
                )
            if not tensor.isfinite().all():
                raise RecipeError(
                    f"{self.name} gives numbers that are not finite when it is first asked, for "
                    "zeros or unit noise"
                )


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


def _described(given: Any) -> str:
    """What came out of a module, in words."""
    if isinstance(given, Tensor):
        return _shown(tuple(given.shape[1:]))
    if isinstance(given, (tuple, list)):
        return f"a {type(given).__name__} of " + ", ".join(map(_described, given))
    return f"a {type(given).__name__}"


def _shown(shape: Shape) -> str:
    return f"({', '.join(['B', *map(str, shape)])})"


PREFIXES = ("encoder.", "decoder.", "module.", "model.", "_orig_mod.")
"""What whole models and torch's wrappers put before the names of a part's weights."""


def load_weights(module: nn.Module, path: Path | str) -> None:
    """Fill `module` from a state dict: .safetensors, or torch's .pt or .pth of tensors alone.

    The names must be the module's, or become so when prefixes (PREFIXES) are taken off; of a whole
    model's file the part under one prefix may serve. Raises CheckpointError with one line when the
    file is missing, damaged or of another kind, and when names or shapes differ.
    """
    path = Path(path)
    wanted = module.state_dict()
    if any(map(is_lazy, wanted.values())):
        raise CheckpointError(
            f"{type(module).__name__} has lazy layers of unknown shapes; pass a sample "
            f"through it before loading {path}"
        )
    weights = _fitting(_read(path), wanted, f"{path} does not fit {type(module).__name__}")
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds numbers that are not finite")
    module.load_state_dict(weights)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name."""
    if not path.is_file():
        raise CheckpointError(
            f"{path} is {'a folder' if path.is_dir() else 'missing'}; give a file"
        )
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise CheckpointError(f"{path} ends in {path.suffix!r}; legal: .safetensors, .pt, .pth")
    try:
        values = _opened(path)
    except Exception as fault:
        if isinstance(fault, pickle.UnpicklingError) and "global " in str(fault).lower():
            raise CheckpointError(
                f"{path} holds pickled objects, which can run code when they are opened; save the "
                "module's state_dict() instead"
            ) from None
        raise CheckpointError(
            f"{path} is damaged or no file of its kind ({type(fault).__name__})"
        ) from None
    if isinstance(values, dict) and isinstance(values.get("state_dict"), dict):
        values = values["state_dict"]  # a training checkpoint around the weights
    if not isinstance(values, dict) or not all(isinstance(v, Tensor) for v in values.values()):
        raise CheckpointError(f"{path} holds no state dict: names with tensors, and nothing else")
    return values


def _opened(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    with warnings.catch_warnings():  # about pickles of another age: what matters is an error
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _fitting(
    weights: dict[str, Tensor], wanted: dict[str, Tensor], complaint: str
) -> dict[str, Tensor]:
    """`weights` under the wanted names. Raises CheckpointError when no prefix makes them fit."""
    found = [w for w in _without_prefixes(weights) if w.keys() == wanted.keys()]
    alike = [w for w in found if not _misshapen(w, wanted)]
    if len(alike) > 1 and weights.keys() != wanted.keys():
        raise CheckpointError(
            f"{complaint} in one way only: more than one part of it has these names; save the part "
            "that is meant alone"
        )
    if alike:
        return alike[0]
    if found:
        raise CheckpointError(f"{complaint}: {_few(_misshapen(found[0], wanted))}")
    nearest = max(_without_prefixes(weights), key=lambda w: len(w.keys() & wanted.keys()))
    missing = [name for name in wanted if name not in nearest]
    unexpected = [name for name in nearest if name not in wanted]
    faults = [f"missing {_few(missing)}"] * bool(missing)
    faults += [f"unexpected {_few(unexpected)}"] * bool(unexpected)
    raise CheckpointError(f"{complaint}: {'; '.join(faults)}")


def _without_prefixes(weights: dict[str, Tensor], depth: int = 3) -> list[dict[str, Tensor]]:
    """The weights as they are, then each part of them under up to `depth` prefixes."""
    found = [weights]
    for prefix in PREFIXES if depth else ():
        part = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        found += _without_prefixes(part, depth - 1) if part else []
    return found


def _misshapen(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    return [
        f"{name} is {tuple(weights[name].shape)} in the file and {tuple(value.shape)} in the module"
        for name, value in wanted.items()
        if weights[name].shape != value.shape
    ]


def _few(names: list[str]) -> str:
    """The first three, and how many more there are."""
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
