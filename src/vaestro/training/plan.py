"""The execution plan: everything about the machine that the last bit of a result depends on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from vaestro.foundation.errors import RecipeError
from vaestro.training.allocator import freed_memory_kept
from vaestro.training.config import TrainingConfig


@dataclass(frozen=True)
class Plan:
    """Device, threads, precision, compile mode, memory format, and how many processes (`ranks`)
    share each batch. Equal plans give equal bits."""

    device: str
    threads: int
    precision: str
    compile: bool
    memory_format: str
    deterministic: bool
    ranks: int = 1

    @property
    def dtype(self) -> torch.dtype:
        """The data type of parameters and data (bf16 is an autocast over 32-bit parameters)."""
        return torch.float64 if self.precision == "fp64" else torch.float32

    def describe(self) -> dict[str, Any]:
        """The plan as plain values, for manifest and checkpoint."""
        return asdict(self)


def available(device: str) -> bool:
    """Whether this machine has `device`."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and int(index or 0) < torch.cuda.device_count()
    return kind == "cpu" or (kind == "mps" and torch.backends.mps.is_available())


def choose(config: TrainingConfig, ranks: int = 1) -> Plan:
    """The plan for a new run on this machine, and on `ranks` processes like this one.

    Raises RecipeError when the recipe names a device that is not here.
    """
    device = config.device
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if available(name))
    if not available(device):
        raise RecipeError(
            f"training.device={device} is not on this machine; legal here: auto, "
            + ", ".join(name for name in ("cpu", "cuda", "mps") if available(name))
        )
    return Plan(
        device=device,
        threads=config.threads if isinstance(config.threads, int) else torch.get_num_threads(),
        precision=config.precision,
        compile=config.compile,
        memory_format="channels_last" if config.channels_last else "contiguous",
        deterministic=config.deterministic,
        ranks=ranks,
    )


def resumed(
    stored: dict[str, Any], config: TrainingConfig, ranks: int = 1
) -> tuple[Plan, list[str]]:
    """The stored plan on `ranks` processes, where this machine can follow it, and one line for each
    part it cannot."""
    plan = Plan(**{**stored, "ranks": ranks})
    warnings: list[str] = []
    before = stored.get("ranks", 1)
    if ranks != before:
        warnings.append(
            f"the run had {before} process{'es' * (before > 1)} and goes on with {ranks}: its "
            "numbers will differ in the last digits"
        )
    if not available(plan.device):
        here = choose(config.model_copy(update={"device": "auto"})).device
        warnings.append(
            f"the run used {plan.device}, which is not here: it goes on on {here}, "
            "and its numbers will differ in the last digits"
        )
        plan = Plan(**{**plan.describe(), "device": here})
    cores = os.cpu_count() or 1
    if plan.threads > cores:
        warnings.append(
            f"the run used {plan.threads} threads and this machine has {cores} cores: "
            "it goes on with the same number, only more slowly"
        )
    return plan, warnings


@contextmanager
def in_force(plan: Plan) -> Iterator[None]:
    """Apply the plan's process-wide settings, and put the old ones back afterwards; memory that is
    freed is kept meanwhile."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(plan.threads)
    if plan.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        with freed_memory_kept():
            yield
    finally:
        torch.set_num_threads(threads)
        if plan.deterministic:  # the call alone loads the compiler, two seconds of work
            torch.use_deterministic_algorithms(strict)
