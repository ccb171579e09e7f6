"""How far decoded draws of a prior are from decoded held-out codes.

Letters: N draws, M elements, C principal components.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from vaestro.experiments.run import Run
from vaestro.generation.sampling import decode_all
from vaestro.metrics.frechet import frechet_distance

COMPONENTS, DRAWN = 16, 400
TRAINING = "codes of training boxes"


def distances(run: Run, sources: Mapping[str, str]) -> dict[str, float]:
    """Frechet distances in the leading principal components of the training boxes' decoded codes,
    from the decoded codes of validation and test boxes together: of DRAWN draws from each source by
    its name, and of the training boxes themselves. Few components and many draws, so that the
    estimate of a covariance does not drown what it is about.
    """
    split = {name: _decoded(run, name) for name in ("train", "validation", "test")}
    mean = split["train"].mean(0)
    _, _, axes = torch.linalg.svd(split["train"] - mean, full_matrices=False)
    axes = axes[:COMPONENTS]

    def seen(x: Tensor) -> Tensor:
        """(N, M) as (N, C)."""
        projected: Tensor = (x - mean) @ axes.T
        return projected

    held_out = seen(torch.cat([split["validation"], split["test"]]))
    found = {TRAINING: frechet_distance(seen(split["train"]), held_out)}
    for name, source in sources.items():
        drawn = torch.from_numpy(run.sample(DRAWN, source=source)).flatten(1)
        found[name] = frechet_distance(seen(drawn), held_out)
    return found


def _decoded(run: Run, split: str) -> Tensor:
    """What becomes of one draw of each posterior of a split, (N, M)."""
    return decode_all(run.vae, run.latents(split).draw(0, 7)).flatten(1)
