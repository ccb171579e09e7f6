"""An scvi-tools model for the doctor (SCVI and models whose module is built like its own).

Shape letters: B batch, K latents, G genes.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaestro.health.adapters.foreign import Foreign, require_methods


def from_scvi(model: Any, batch: int = 0) -> Foreign:
    """A trained scvi.model.SCVI; x are counts (B, G) and what `decode` gives are their means.

    scvi decodes for a library size and a batch of its own kind of experiment. z alone tells
    neither: the means are those of a cell of the training data's median size in experiment `batch`,
    so their distance from the counts of larger and smaller cells is no fault of the model. Its loss
    is no squared error and no cross-entropy and is left out. Raises DataError in one line for
    another model.
    """
    module = model.module
    require_methods(module, ("inference", "generative"), "an scvi model whose module")
    log_size = _log_median_size(model)

    def experiment(like: Tensor) -> Tensor:
        return torch.full((len(like), 1), batch, device=like.device)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = module.inference(x, batch_index=experiment(x))["qz"]
        return posterior.loc, 2.0 * posterior.scale.log()

    def decode(z: Tensor) -> Tensor:
        library = torch.full((len(z), 1), log_size, device=z.device, dtype=z.dtype)
        made: Tensor = module.generative(z, library, batch_index=experiment(z))["px"].mean
        return made

    return Foreign(encode=encode, decode=decode, module=module)


def _log_median_size(model: Any) -> float:
    """log of the median count of a cell in the data that the model was set up with."""
    counts = model.adata_manager.get_from_registry("X")
    sizes = np.asarray(counts.sum(axis=1)).ravel()
    return float(np.log(np.median(sizes)))
