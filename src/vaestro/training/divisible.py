"""What keeps a batch from being processed in parts: whatever looks across all of its samples.

Free bits and capacity targets look across them too, and are exact all the same (accumulation.py).
"""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vaestro.foundation.errors import RecipeError
from vaestro.models.config import ModelConfig
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import ObjectiveConfig

_WHY = "training.accumulate={parts} processes a batch in parts, and {what}; give {instead}"


def require_divisible(
    model: ModelConfig, objective: ObjectiveConfig | ImportanceConfig, parts: int
) -> None:
    """Raise ValueError, in one line for a recipe's reader, where the parts of a batch would not
    give the step of the whole."""
    if parts == 1:
        return
    values = model.plain()
    for side in ("encoder", "decoder"):
        if ("normalisation", "batch") in _fields(values[side]):
            raise ValueError(_batch_norm(parts, f"model.{side} has", "normalisation=group"))
    if ("kind", "optimal") in _fields(values["likelihood"]):
        what = "the optimal spread of model.likelihood is one of the whole batch"
        raise ValueError(_WHY.format(parts=parts, what=what, instead="kind=shared"))
    dropout = any(v for side in ("encoder", "decoder") for v in _dropouts(values[side]))
    if isinstance(objective, ImportanceConfig) and dropout:
        what = "objective.kind=iwae draws dropout masks for all samples of a draw at once"
        raise ValueError(_WHY.format(parts=parts, what=what, instead="dropout=0"))


def require_divisible_modules(module: nn.Module, parts: int) -> None:
    """Raise RecipeError for a batch normalisation in a network of the user's own, which no recipe
    tells of; one that rests in eval mode looks across nothing."""
    if parts == 1:
        return
    for name, layer in module.train().named_modules():
        if isinstance(layer, _BatchNorm) and layer.training:
            raise RecipeError(_batch_norm(parts, f"{name} has", "a group normalisation there"))


def _batch_norm(parts: int, who: str, instead: str) -> str:
    what = f"{who} a batch normalisation, whose statistics are those of the whole"
    return _WHY.format(parts=parts, what=what, instead=f"{instead}, or accumulate=1")


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Every named value inside a part's plain configuration, those inside its lists too."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name, inner
        yield from _fields(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _fields(inner)


def _dropouts(value: Any) -> Iterator[float]:
    return (inner for name, inner in _fields(value) if name == "dropout")
