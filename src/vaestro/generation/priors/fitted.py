"""What every prior that is fitted after training offers, and how it lies in a run's folder.

    RUN/priors/NAME/config.json        its kind, its fields, what was measured of it
    RUN/priors/NAME/prior.safetensors  its numbers

Shape letters: N samples, K latents.
"""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vaestro.foundation.errors import CheckpointError, RunFolderError
from vaestro.foundation.files import new_file, read_json, write_json
from vaestro.foundation.samples import NOTHING, Given

CONFIG, TENSORS = "config.json", "prior.safetensors"


class FittedPrior(Protocol):
    """p(z), or p(z|given) of a model that is conditioned, as a value: it never changes.

    `given` holds the conditions of the N samples where the model is told any; others pay no heed
    to it. Everything is on the CPU, in 32 bits; densities are in nats.
    """

    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """`count` draws of z, (N, K), a function of `generator` and `given` alone."""

    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor | None:
        """log p(z) in nats, (N,), of z: (N, K), or a lower bound of it where the kind says so;
        None for a prior without a density."""


class Kept(NamedTuple):
    """A prior as it lies in its folder: plain values with its `kind`, and its numbers by name."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]


def write_prior(folder: Path, kept: Kept) -> None:
    """Write a prior into `folder`, whole or not at all; other files in it stay.

    The configuration goes first and comes last: without it there is no prior.
    """
    (folder / CONFIG).unlink(missing_ok=True)
    owned = {"memory_format": torch.contiguous_format}  # two that share memory cannot be saved
    whole = {name: tensor.detach().cpu().clone(**owned) for name, tensor in kept.tensors.items()}
    with new_file(folder / TENSORS) as staging:
        save_file(whole, staging)
    write_json(folder / CONFIG, kept.config)


def read_prior(folder: Path, command: str) -> Kept:
    """The prior in `folder`; `command` is what makes one.

    Raises RunFolderError, in one line with the command, when there is none or half of one, and
    CheckpointError when its numbers cannot be read.
    """
    name = folder.name
    if not folder.is_dir():
        raise RunFolderError(f"the run has no fitted prior {name!r}; fit it first with `{command}`")
    if not ((folder / CONFIG).is_file() and (folder / TENSORS).is_file()):
        raise RunFolderError(
            f"{folder} holds no whole prior: writing it was interrupted or has not ended; make it "
            f"with `{command}`"
        )
    try:
        return Kept(dict(read_json(folder / CONFIG)), load_file(folder / TENSORS))
    except Exception as fault:
        raise CheckpointError(
            f"{folder} is damaged ({fault}); make it again with `{command}`"
        ) from None
