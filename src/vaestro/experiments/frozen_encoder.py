"""A run's encoder and posterior, frozen, as the encoder of other recipes: for trying decoders."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from vaestro.experiments.run import Run
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.files import new_file
from vaestro.models.condition import UnconditionalConfig
from vaestro.models.whole_encoder import NAME, READ
from vaestro.probability.posterior import GaussianConfig


def frozen_encoder(run: Run, weights: Path) -> dict[str, Any]:
    """What `model.encoder` is in a recipe whose posterior shall be the run's, never trained again:
    runs on equal samples ask it once for each. The weights are written to `weights`, a .safetensors
    file, unless they are there.

    Raises RecipeError for a model that is told a condition, and for a plain autoencoder.
    """
    model = run.recipe.model
    if not isinstance(model.condition, UnconditionalConfig):
        raise RecipeError(
            f"the encoder of {run.folder.root} is told a condition and cannot be frozen with its "
            "posterior; give a run with model.condition=none"
        )
    if not isinstance(model.posterior, GaussianConfig):
        raise RecipeError(
            f"{run.folder.root} is a plain autoencoder, whose codes have no posterior to freeze"
        )
    if not weights.is_file():
        state = run.vae.state_dict()
        kept = {n: t.contiguous() for n, t in state.items() if n.startswith(("encoder.", "head."))}
        with new_file(weights) as staging:
            save_file(kept, staging)
    values = model.plain()
    return {
        "kind": "part",
        "name": NAME,
        "options": {"model": {name: values[name] for name in READ}},
        "weights": str(weights.resolve()),
        "frozen": True,
        "gives": "posterior",
    }
