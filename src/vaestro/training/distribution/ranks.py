"""Who takes the steps of a run: one process alone, or several that torchrun started."""

import importlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from vaestro.foundation.errors import RecipeError
from vaestro.training.distribution.lost_rank import or_lost
from vaestro.training.rows import row_slices

T = TypeVar("T")

PAUSE = 0.1
"""Seconds in which gloo's threads let go of the tensors of the last exchange."""


@dataclass(frozen=True)
class Ranks:
    """Process `rank` of `count`, number `local` on its machine; all three count from 0.

    The first alone writes to the run's folder and speaks.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def rows(self, whole: int) -> slice:
        """The rows of a batch of `whole` that this process computes: as many as every other has, or
        one more for the first `whole` mod `count` of them.

        Raises RecipeError when there are fewer rows than processes.
        """
        if whole < self.count:
            raise RecipeError(
                f"training.batch_size={whole} is less than the {self.count} processes, each of "
                f"which needs a sample; start at most {whole} (--nproc-per-node), or give a larger "
                "batch"
            )
        return row_slices(whole, self.count)[self.rank]

    def told(self, value: T) -> T:
        """What the first process has as `value`; the others wait for it."""
        if self.count == 1:
            return value
        held = [value]
        with or_lost():
            distributed.broadcast_object_list(held, src=0)
        return held[0]

    def gathered(self, value: T) -> list[T]:
        """What every process has as `value`, in their order."""
        if self.count == 1:
            return [value]
        held = [value] * self.count
        with or_lost():
            distributed.all_gather_object(held, value)
        return held


ALONE = Ranks()
"""One process."""


def found(environment: Mapping[str, str] = os.environ) -> Ranks:
    """The ranks that torchrun wrote into the environment; ALONE where it started nothing."""
    if "TORCHELASTIC_RUN_ID" not in environment:
        return ALONE
    rank, count, local = (int(environment[n]) for n in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Ranks(rank, count, local)


@contextmanager
def joined(ranks: Ranks) -> Iterator[Ranks]:
    """The processes can reach each other inside: by gloo, and tensors on a GPU by nccl, of which
    each process on a machine has the one with its own number.

    Whoever keeps something of the group (FSDP's sharded tensors do, in caches of torch) keeps
    gloo's threads alive. One of them may still have to let go of a tensor, for which it needs
    Python; were Python torn down by then, the process would abort. So they get a moment.
    """
    if ranks.count == 1:
        yield ranks
        return
    graphics = torch.cuda.is_available() and ranks.local < torch.cuda.device_count()
    if graphics:
        torch.cuda.set_device(ranks.local)
    both = graphics and distributed.is_nccl_available()
    _load_first()
    with or_lost():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if both else "gloo")
    try:
        yield ranks
    finally:
        distributed.destroy_process_group()
        time.sleep(PAUSE)


def _load_first() -> None:
    """Load what would hold the group for good, were it loaded while there is one: defaults of its
    functions are the group of that moment. gloo's threads would then live until Python is torn
    down, which now and then aborts a process that is done."""
    importlib.import_module("torch.distributed.nn.functional")


def require_place(ranks: Ranks, device: str) -> None:
    """Raise RecipeError unless each of several processes has `device` for itself."""
    if ranks.count == 1 or device == "cpu":
        return
    if device != "cuda":
        raise RecipeError(
            f"training.device={device} is one device, and there are {ranks.count} processes; give "
            "training.device=cuda, of which each process takes its own, or cpu"
        )
    if ranks.local >= torch.cuda.device_count():
        raise RecipeError(
            f"process {ranks.local + 1} of this machine has no GPU of its own: there are "
            f"{torch.cuda.device_count()}; start as many processes as GPUs (--nproc-per-node), or "
            "give training.device=cpu"
        )
