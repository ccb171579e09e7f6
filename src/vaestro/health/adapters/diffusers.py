"""A diffusers AutoencoderKL for the doctor: a loaded model or its folder.

Shape letters: B batch, K latents, * the sample's axes.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from vaestro.foundation.errors import DataError, one_line
from vaestro.health.adapters.foreign import Foreign, Grid, package, require_methods


def from_diffusers(model: Any, beta: float = 1.0) -> Foreign:
    """An AutoencoderKL, or the folder that its `save_pretrained` wrote, read from safetensors only.

    Its latents lie on a grid and are flattened, unscaled (no scaling_factor). It holds no loss:
    `beta` is the weight that its KL had in training (latent diffusion: 1e-6). Raises DataError in
    one line for a folder that cannot be read and for another model.
    """
    if isinstance(model, (str, Path)):
        model = _loaded(Path(model))
    require_methods(model, ("encode", "decode"), "an AutoencoderKL")
    grid = Grid(model.config.latent_channels)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = model.encode(x.to(model.dtype)).latent_dist
        return grid.flat(posterior.mean).to(x.dtype), posterior.logvar.flatten(1).to(x.dtype)

    def decode(z: Tensor) -> Tensor:
        made: Tensor = model.decode(grid.spread(z).to(model.dtype)).sample
        return made.to(z.dtype)

    return Foreign(encode=encode, decode=decode, module=model, beta=beta)


def _loaded(folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no config.json, so it is no folder of an AutoencoderKL")
    kind = package("diffusers", "a diffusers folder").AutoencoderKL
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as fault:
        raise DataError(
            f"{folder} cannot be read as an AutoencoderKL ({one_line(str(fault))[:160]}); weights "
            "are read from safetensors only: save them with save_pretrained"
        ) from None
