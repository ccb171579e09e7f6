"""What must hold before several processes train as one: the same parts, and none that rows on
different processes would change."""

import hashlib

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from vaestro.foundation.errors import RecipeError
from vaestro.networks.dropout import Dropout
from vaestro.training.config import TrainingConfig
from vaestro.training.distribution.ranks import Ranks
from vaestro.training.distribution.statistics import looks_across
from vaestro.training.importance import ImportanceTask
from vaestro.training.task import Task


def require_alike(ranks: Ranks, recipe: str, module: nn.Module) -> None:
    """Raise RecipeError unless every process has the same `recipe` and the same weights, to the
    last bit: from then on each computes the others' next weights."""
    if ranks.count == 1:
        return
    own = {"recipe": recipe, "torch": torch.__version__, "weights": digest(module)}
    every = ranks.gathered(own)
    for rank, other in enumerate(every):
        for what, value in every[0].items():
            if other[what] != value:
                raise RecipeError(
                    f"process {rank} has another {what} than process 0, and all must begin alike; "
                    "start them with the same command, software, data and files"
                )


def digest(module: nn.Module) -> str:
    """SHA-256 over the names and numbers of a module's parameters and buffers."""
    seen = hashlib.sha256()
    for name, value in module.state_dict().items():
        seen.update(name.encode())
        seen.update(_bytes(value))
    return seen.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def require_spreadable(ranks: Ranks, task: Task, config: TrainingConfig) -> None:
    """Raise RecipeError, in one line, where rows on several processes would not give the step of
    the whole batch."""
    if ranks.count == 1:
        return
    start = f"there are {ranks.count} processes (--nproc-per-node), and "
    least = len(range(*ranks.rows(config.batch_size).indices(config.batch_size)))
    if config.accumulate > least:
        raise RecipeError(
            f"{start}training.accumulate={config.accumulate} makes as many parts of the {least} "
            f"samples of one; give training.accumulate at most {least}"
        )
    for name, layer in task.module.train().named_modules():
        if not layer.training:
            continue  # a frozen network draws nothing and looks across nothing
        if isinstance(layer, _DropoutNd | nn.RReLU):
            raise RecipeError(
                f"{start}{name} draws its own random numbers, alike on each of them; use vaestro's "
                "Dropout there, or one process"
            )
        if isinstance(layer, Dropout) and layer.p and isinstance(task, ImportanceTask):
            raise RecipeError(
                f"{start}the draws of objective.kind=iwae share their dropout masks' order with "
                "the whole batch; give dropout=0, or start one process"
            )
        if config.compile and looks_across(layer):
            raise RecipeError(
                f"{start}{name} looks across the batch, which a compiled model cannot ask the "
                "others about; give training.compile=false"
            )
