"""Users' own torch modules in a recipe: given from Python, or with weights in a file."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import nn

from vaestro.experiments.recipe import Recipe
from vaestro.experiments.recipe import located as data_located
from vaestro.foundation.errors import RecipeError, one_line
from vaestro.models.build import SIDES, Guests
from vaestro.networks.part import GivenConfig, PartConfig


def copied(encoder: nn.Module | None, decoder: nn.Module | None) -> Guests:
    """Copies of the modules, so that training leaves the user's own as they are.

    Raises RecipeError for what cannot be copied.
    """
    return Guests(_copy(encoder, "encoder"), _copy(decoder, "decoder"))


def naming(recipe: Recipe, guests: Guests) -> Recipe:
    """`recipe` with a network of `kind: given` for each module; one that it has keeps `frozen` and
    `gives`."""
    named: dict[str, Any] = {}
    for side, module in (("encoder", guests.encoder), ("decoder", guests.decoder)):
        if module is None:
            continue
        old = getattr(recipe.model, side)
        config = old if isinstance(old, GivenConfig) else GivenConfig()
        named[side] = config.model_copy(update={"module": type(module).__name__})
    model = recipe.model.model_copy(update=named)
    return recipe.model_copy(update={"model": model})


def unfilled(recipe: Recipe) -> Recipe:
    """`recipe` without files of weights to start from: a trained or resumed run has its own."""
    return _with_weights(recipe, lambda path: None)


def located(recipe: Recipe, run: Path | None = None) -> Recipe:
    """`recipe` with the files of its data (kept in `run`) and of its weights found from any
    folder."""
    recipe = data_located(recipe, run)
    return _with_weights(recipe, lambda path: str(Path(path).resolve()))


def _with_weights(recipe: Recipe, change: Callable[[str], str | None]) -> Recipe:
    changed: dict[str, Any] = {
        side: config.model_copy(update={"weights": change(config.weights)})
        for side in SIDES
        if isinstance(config := getattr(recipe.model, side), PartConfig) and config.weights
    }
    if not changed:
        return recipe
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=changed)})


def _copy(module: nn.Module | None, side: str) -> nn.Module | None:
    try:
        return deepcopy(module)
    except Exception as fault:  # the user's own code: anything can come out of it
        raise RecipeError(
            f"the {side} {type(module).__name__} cannot be copied "
            f"({one_line(f'{type(fault).__name__}: {fault}')[:160]}); give one whose tensors are "
            "parameters and buffers"
        ) from fault
