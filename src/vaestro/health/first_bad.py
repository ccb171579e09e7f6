"""The first operation of a training step whose result is not finite although what it reads is.

Shape letters: B batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from vaestro.foundation.randomness import seed_layers
from vaestro.foundation.samples import Batch
from vaestro.health.task_copy import AnyTask
from vaestro.probability.beta import BetaState
from vaestro.training.guard import gradient_norm

_UNSET = ("aten.empty", "aten.new_empty")
"""Operations that give memory as it is: what lies there means nothing."""


@dataclass(frozen=True)
class Bad:
    """`operation`: its name, such as exp; `layer`: in or behind which it ran; `backward`: in the
    gradient; `value`: nan or inf; `read`: the largest absolute number that it was given; `rows`:
    the places in the batch that are bad, empty where the tensor has no batch axis."""

    operation: str
    layer: str
    backward: bool
    value: str
    read: float
    rows: tuple[int, ...]

    @property
    def place(self) -> tuple[str, str, bool]:
        """Where in the step it happened, whatever the batch and the precision."""
        return self.operation, self.layer, self.backward


@dataclass(frozen=True)
class Trace:
    """One step, watched: its bad operations in order, whether loss and gradients are finite in the
    end, and the largest absolute number on the way that is finite."""

    bad: tuple[Bad, ...]
    finite: bool
    largest: float


@dataclass
class _Place:
    """Where the step is: the layer that was entered, or whose output's gradient came, last."""

    layer: str = "the input"
    backward: bool = False


@dataclass
class _Watch:
    batch: int
    place: _Place = field(default_factory=_Place)
    bad: list[Bad] = field(default_factory=list)
    largest: float = 0.0


class _Watching(TorchDispatchMode):
    """Sees every operation of torch, those of the backward pass too."""

    def __init__(self, watch: _Watch) -> None:
        TorchDispatchMode.__init__(self)
        self.watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not str(func).startswith(_UNSET):
            self._look(str(func), list(_tensors((args, kwargs))), list(_tensors(result)))
        return result

    def _look(self, name: str, read: list[Tensor], made: list[Tensor]) -> None:
        self.watch.largest = max(self.watch.largest, *(_largest(t) for t in made), 0.0)
        broken = next((t for t in made if not _finite(t)), None)
        if broken is None or not all(map(_finite, read)):
            return
        place = self.watch.place
        self.watch.bad.append(
            Bad(
                name.removeprefix("aten.").partition(".")[0],
                place.layer,
                place.backward,
                "nan" if bool(torch.isnan(broken).any()) else "inf",
                max((float(t.abs().max()) for t in read if t.numel()), default=0.0),
                _rows(broken, self.watch.batch),
            )
        )


def watched_step(task: AnyTask, batch: Batch, control: BetaState, step: int, seed: int) -> Trace:
    """Every operation of `step` that makes something not finite of finite numbers.

    Forward, backward and the guard's norm of the gradients; nothing is updated. A graph may make
    infinities on purpose and drop them again: those are in the trace of a finite step too.
    """
    watch = _Watch(len(batch.x))
    module = task.module.train()
    with _followed(module, watch.place), torch.enable_grad(), _Watching(watch):
        seed_layers(seed, step, batch.x.device)
        loss = task.terms(batch, control, step).loss
        watch.place.backward = True
        parameters = [p for p in module.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        watch.place.layer, watch.place.backward = "the norm of all gradients", False
        norm = gradient_norm([g for g in gradients if g is not None])
    finite = bool(torch.isfinite(loss.detach() + norm))
    return Trace(tuple(watch.bad), finite, watch.largest)


@contextmanager
def _followed(module: nn.Module, place: _Place) -> Iterator[None]:
    """`place` follows the step through the layers of `module`, forward and back."""
    handles = [
        handle
        for name, layer in module.named_modules()
        if name and not list(layer.children())
        for handle in (
            layer.register_forward_pre_hook(_entering(place, name)),
            layer.register_forward_hook(_leaving(place, name)),
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _entering(place: _Place, name: str) -> Callable[..., None]:
    def enter(_module: nn.Module, _inputs: object) -> None:
        place.layer = name

    return enter


def _leaving(place: _Place, name: str) -> Callable[..., None]:
    def leave(_module: nn.Module, _inputs: object, output: object) -> None:
        place.layer = f"what follows {name}"
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(_returning(place, name))

    return leave


def _returning(place: _Place, name: str) -> Callable[[Tensor], None]:
    def back(_gradient: Tensor) -> None:
        place.layer = name

    return back


class SameNoise(TorchFunctionMode):
    """In it, 64-bit normal draws are the 32-bit ones of the same generator, widened."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.randn and kwargs.get("dtype") is torch.float64:
            return func(*args, **{**kwargs, "dtype": torch.float32}).double()
        return func(*args, **kwargs)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        if values.is_floating_point():
            yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _largest(tensor: Tensor) -> float:
    """The largest absolute number of those that are finite."""
    known = torch.nan_to_num(tensor.detach(), nan=0.0, posinf=0.0, neginf=0.0)
    return float(known.abs().max()) if known.numel() else 0.0


def _rows(tensor: Tensor, batch: int) -> tuple[int, ...]:
    if tensor.dim() == 0 or len(tensor) != batch:
        return ()
    bad = ~torch.isfinite(tensor.reshape(batch, -1)).all(1)
    return tuple(bad.nonzero().flatten().tolist())
