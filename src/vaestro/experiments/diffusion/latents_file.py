"""latents.safetensors: a run's latents, encoded once and kept beside the training on them.

Shape letters: N samples, K latents.
"""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from vaestro.experiments.run import Run
from vaestro.foundation.errors import CheckpointError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import Given
from vaestro.generation.priors.latents import Latents

SPLITS = ("train", "validation")


def kept_latents(run: Run, path: Path) -> dict[str, Latents]:
    """The posteriors of training and validation split: read from `path`, or encoded now, without
    augmentation, and written there whole or not at all. Raises CheckpointError for a damaged file.
    """
    if not path.is_file():
        _write(path, {name: run.latents(name) for name in SPLITS})
    try:
        tensors = load_file(path)
        return {name: _of(name, tensors) for name in SPLITS}
    except Exception as fault:
        raise CheckpointError(
            f"{path} is damaged ({fault}); remove it, and the latents are encoded again"
        ) from None


def _write(path: Path, found: dict[str, Latents]) -> None:
    tensors: dict[str, Tensor] = {}
    for name, latents in found.items():
        columns = {
            "mean": latents.mean,
            "log_variance": latents.log_variance,
            "label": latents.given.label,
        }
        for column, values in columns.items():
            if values is not None:
                tensors[f"{name}/{column}"] = values.contiguous()
    with new_file(path) as staging:
        save_file(tensors, staging)


def _of(name: str, tensors: dict[str, Tensor]) -> Latents:
    given = Given(tensors.get(f"{name}/label"))
    return Latents(tensors[f"{name}/mean"], tensors.get(f"{name}/log_variance"), given)
