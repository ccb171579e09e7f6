"""A folder that another library wrote, told by the files in it."""

from pathlib import Path

from vaestro.foundation.errors import DataError
from vaestro.foundation.files import read_json
from vaestro.health.adapters.diffusers import from_diffusers
from vaestro.health.adapters.foreign import Foreign
from vaestro.health.adapters.pythae import from_pythae

PYTHAE = "model_config.json"
DIFFUSERS = "config.json"


def is_foreign(folder: Path) -> bool:
    """Whether `folder` is one of pythae's, or of a diffusers AutoencoderKL or a pipeline's."""
    return (folder / PYTHAE).is_file() or _autoencoder(folder) is not None


def from_folder(folder: Path, trust_pickle: bool = False, beta: float | None = None) -> Foreign:
    """The model in `folder` as the doctor's functions.

    `trust_pickle`: pythae's files are pickles and are read only with it. `beta`: the weight that
    the KL of an AutoencoderKL had in training, which its folder does not say; 1 if it is not told.
    Raises DataError in one line for another folder, one that is not trusted, or a beta that the
    folder itself says.
    """
    if (folder / PYTHAE).is_file():
        if beta is not None:
            raise DataError(
                f"{folder} says itself which beta it was trained with; leave --beta out"
            )
        return from_pythae(folder, trust_pickle)
    found = _autoencoder(folder)
    if found is None:
        raise DataError(
            f"{folder} is no folder of another library's VAE; legal: one with pythae's {PYTHAE}, "
            f"with the {DIFFUSERS} of a diffusers AutoencoderKL, or a pipeline that has one in vae/"
        )
    return from_diffusers(found, 1.0 if beta is None else beta)


def _autoencoder(folder: Path) -> Path | None:
    """The folder of the AutoencoderKL: `folder` itself, or the part of a pipeline."""
    for place in (folder, folder / "vae"):
        if (place / DIFFUSERS).is_file() and _class_name(place / DIFFUSERS) == "AutoencoderKL":
            return place
    return None


def _class_name(path: Path) -> str | None:
    """What a diffusers configuration says that it is of; None for any other file."""
    try:
        held = read_json(path)
    except ValueError:
        return None
    return held.get("_class_name") if isinstance(held, dict) else None
