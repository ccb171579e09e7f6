"""TrainState: all that exact resume needs, and nothing else does.

Random generators are absent on purpose: every draw is a function of (seed, stream, step).
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import CheckpointError
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Terms
from vaestro.training.optimiser import restore_slots, slots


@dataclass
class Meter:
    """Running sums of a window of training steps, in float64, on the device."""

    sums: tuple[Tensor, ...]
    count: int = 0

    @classmethod
    def empty(cls, latent: int, device: torch.device, labelled: bool = False) -> "Meter":
        """A meter with nothing in it; `latent` is the length of kl_per_dimension, `labelled` tells
        whether there is a label term."""
        shapes: tuple[tuple[int, ...], ...] = ((), (), (), (latent,), *([()] if labelled else []))
        return cls(tuple(torch.zeros(s, dtype=torch.float64, device=device) for s in shapes))

    def add(self, terms: Terms) -> None:
        """Count one step."""
        known = (value for value in terms if value is not None)
        for total, value in zip(self.sums, known, strict=True):
            total.add_(value.detach())
        self.count += 1

    def take(self) -> Terms:
        """The means of the window, on the CPU; the meter starts anew."""
        means = Terms(*((total / self.count).cpu() for total in self.sums))
        for total in self.sums:
            total.zero_()
        self.count = 0
        return means


@dataclass
class TrainState:
    """Everything that changes while a run trains.

    `step` counts finished steps. `average` are the EMA weights, `best` those of the best
    validation (both by name, empty when unused). `waited` counts validations since the best.
    `watched` is what the monitor remembers, as plain JSON; `remedies` counts how often the run
    began again with a remedy applied.
    """

    module: nn.Module
    optimiser: torch.optim.Optimizer
    control: BetaState
    meter: Meter
    step: int = 0
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_value: float | None = None
    waited: int = 0
    stopped: bool = False
    history_bytes: int = 0
    events_bytes: int = 0
    watched: dict[str, Any] = field(default_factory=dict)
    remedies: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state by a unique name."""
        return {
            **_prefixed("module", self.module.state_dict()),
            **_prefixed("optimiser", slots(self.optimiser, self.module)),
            **_prefixed("average", self.average),
            **_prefixed("best", self.best),
            **_prefixed("control", self.control._asdict()),
            **_prefixed("meter", {str(i): total for i, total in enumerate(self.meter.sums)}),
        }

    def numbers(self) -> dict[str, Any]:
        """Every number of the state."""
        return {
            "step": self.step,
            "meter_count": self.meter.count,
            "best_value": self.best_value,
            "waited": self.waited,
            "stopped": self.stopped,
            "history_bytes": self.history_bytes,
            "events_bytes": self.events_bytes,
            "watched": deepcopy(self.watched),
            "remedies": self.remedies,
        }

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Become the state that `tensors` and `numbers` describe.

        Raises CheckpointError, touching nothing, when a parameter is missing, foreign or of
        another shape.
        """
        weights = _under("module", tensors)
        check_weights(self.module, weights)
        self.module.load_state_dict(weights)
        restore_slots(self.optimiser, self.module, _under("optimiser", tensors).items())
        self.average, self.best = _under("average", tensors), _under("best", tensors)
        device = self.meter.sums[0].device
        self.control = BetaState(**{k: v.to(device) for k, v in _under("control", tensors).items()})
        for index, total in enumerate(self.meter.sums):
            total.copy_(tensors[f"meter/{index}"])
        self.meter.count = numbers["meter_count"]
        for name in numbers.keys() - {"meter_count"}:
            setattr(self, name, deepcopy(numbers[name]))


def check_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Raise CheckpointError unless `weights` fit `module` name by name and shape by shape."""
    wanted = module.state_dict()
    for name in wanted.keys() - weights.keys():
        raise CheckpointError(
            f"the checkpoint lacks the parameter {name}; it was saved by another model or damaged: "
            "use the recipe it was made with"
        )
    for name in weights.keys() - wanted.keys():
        raise CheckpointError(f"the checkpoint has a parameter {name} that the model does not have")
    for name, value in wanted.items():
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"{name} has shape {tuple(weights[name].shape)} in the checkpoint "
                f"and {tuple(value.shape)} in the model"
            )


def _prefixed(prefix: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in values.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return starting(f"{prefix}/", tensors)


def starting(start: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `start`, without it."""
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
