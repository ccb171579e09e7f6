"""model/: the trained model without its training state, loadable without the data.

config.json        the model's recipe, the transform's, the sample specs before and after it
model.safetensors  parameters and buffers
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from vaestro.experiments.guests import unfilled
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import CheckpointError, RunFolderError, one_line
from vaestro.foundation.files import new_directory, read_object, write_json
from vaestro.foundation.samples import SampleSpec
from vaestro.models.build import NOBODY, Guests, build_vae
from vaestro.models.vae import VAE
from vaestro.training.state import check_weights
from vaestro.transforms.kinds import unfitted

AGAIN = "remove the folder, and `vaestro train --run ... --resume` writes it from the checkpoint"
"""What helps where model/ is damaged."""


def save_model(folder: Path, vae: VAE, recipe: Recipe, spec: SampleSpec, inner: SampleSpec) -> None:
    """Write model/ whole or not at all. `spec` is that of the natural samples, `inner` that of
    those in model space."""
    with new_directory(folder) as staging:
        weights = {n: t.detach().cpu().contiguous() for n, t in vae.state_dict().items()}
        save_file(weights, staging / "model.safetensors")
        write_json(
            staging / "config.json",
            {
                "model": recipe.model.plain(),
                "transform": recipe.transform.plain(),
                "spec": spec.plain(),
                "model_spec": inner.plain(),
                "dtype": str(next(vae.parameters()).dtype).removeprefix("torch."),
            },
        )


def load_model(folder: Path, guests: Guests = NOBODY) -> tuple[VAE, SampleSpec]:
    """The model in `folder` (a run's model/) in eval mode, and the spec of its natural samples.

    `guests` are filled with the trained weights of the networks that Python gave (kind: given).
    Raises RunFolderError when it is missing and CheckpointError when it does not fit.
    """
    if not (folder / "config.json").is_file():
        raise RunFolderError(
            f"{folder} holds no model; the run has not finished: "
            "go on with `vaestro train --run ... --resume`"
        )
    recipe, spec, inner, dtype = _described(folder)
    vae = empty_vae(recipe, spec, inner, guests).to(dtype)
    try:
        weights = load_file(folder / "model.safetensors")
    except Exception as fault:
        raise CheckpointError(
            f"{folder}/model.safetensors is missing or damaged ({one_line(str(fault))}); {AGAIN}"
        ) from None
    check_weights(vae, weights)
    vae.load_state_dict(weights)
    return vae.eval(), spec


def require_own_size(folder: Path) -> None:
    """Raise CheckpointError when config.json describes a model of far more numbers than
    model.safetensors has bytes: asked before a folder from anywhere is loaded, since building such
    a model would take the machine's memory. The model is built without storage to count them."""
    recipe, spec, inner, _ = _described(folder)
    sides = (recipe.model.encoder, recipe.model.decoder)
    if any(config.kind in ("part", "given") for config in sides):
        return  # made by whoever loads it, not described by the folder alone
    with torch.device("meta"):
        vae = empty_vae(recipe, spec, inner)
    count = sum(tensor.numel() for tensor in vae.state_dict().values())
    held = (folder / "model.safetensors").stat().st_size
    if count > held:
        raise CheckpointError(
            f"{folder}/config.json describes a model of {count:,} numbers and model.safetensors "
            f"has {held:,} bytes; they are not of one run"
        )


def _described(folder: Path) -> tuple[Recipe, SampleSpec, SampleSpec, torch.dtype]:
    """The model's recipe, the specs before and after its transform, the type of its numbers."""
    config = read_object(folder / "config.json")
    try:
        spec, inner = (SampleSpec.from_plain(config[name]) for name in ("spec", "model_spec"))
        model, transform = config["model"], config["transform"]
        dtype: torch.dtype = getattr(torch, config["dtype"])
    except (KeyError, TypeError, AttributeError) as fault:
        raise CheckpointError(f"{folder}/config.json is damaged ({fault!r}); {AGAIN}") from None
    recipe = Recipe.parse({"data": "digits", "model": model, "transform": transform})
    return recipe, spec, inner, dtype


def empty_vae(recipe: Recipe, spec: SampleSpec, inner: SampleSpec, guests: Guests = NOBODY) -> VAE:
    """A model of the right shapes whose weights are about to be loaded."""
    transform = unfitted(recipe.transform, spec, inner)
    mean = torch.full(inner.shape, 0.5)
    return build_vae(unfilled(recipe).model, inner, transform, mean, 0, guests)
