"""The arrays that a report shows, computed once at the end of a run and kept in its folder."""

from pathlib import Path

import torch
from torch import Tensor

from vaestro.evaluation.encode import encode_split
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.snapshots import write_arrays
from vaestro.foundation.randomness import Stream
from vaestro.generation.sampling import sample
from vaestro.generation.traversals import by_kl, traverse

PAIRS = 16
SAMPLES = 64
WALKED = 10
MAPPED = 3000


@torch.inference_mode()
def write_pictures(path: Path, assembly: Assembly, baseline: float) -> None:
    """Pairs of train and held-out data, prior samples, a traversal, the latent map, KLs.

    `baseline` is the data term of the best constant, in nats per sample.
    """
    vae = assembly.vae.eval()
    held_out = encode_split(vae, assembly.material.some("validation", MAPPED))
    kl = held_out.kl.double().mean(0)
    shown = kl if vae.head.stochastic else held_out.mean.var(0)
    walk = traverse(vae, by_kl(shown, min(WALKED, vae.latent)))
    arrays: dict[str, Tensor] = {
        **_pairs(assembly, "train"),
        **_pairs(assembly, "validation"),
        "samples": sample(vae, SAMPLES, assembly.recipe.seed, stream=Stream.PICTURES),
        "traversal": walk.samples,
        "traversal_dimensions": torch.tensor(walk.dimensions),
        "traversal_values": walk.values,
        "latent": held_out.mean,
        "kl_per_dimension": kl,
        "baseline_constant": torch.tensor(baseline),
    }
    if held_out.labels is not None:
        arrays["latent_labels"] = held_out.labels
    for column in list(assembly.material.data.covariates.values())[:1]:
        chosen = assembly.material.samples["validation"].spread(MAPPED).index.cpu().numpy()
        arrays["latent_covariate"] = torch.from_numpy(column[chosen])
    write_arrays(path, **arrays)


def _pairs(assembly: Assembly, split: str) -> dict[str, Tensor]:
    vae = assembly.vae
    batch = next(iter(assembly.material.some(split, PAIRS)))
    return {
        f"{split}_original": batch.truth,
        f"{split}_reconstruction": vae.generate(vae.encode(batch.x, batch.given).mean, batch.given),
    }
