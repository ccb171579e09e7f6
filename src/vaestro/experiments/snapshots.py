"""What a run looks like on the way: held-out samples, their copies, samples from the prior."""

from pathlib import Path

import numpy as np
import torch

from vaestro.evaluation.encode import encode_split
from vaestro.experiments.assemble import Assembly
from vaestro.foundation.files import new_file
from vaestro.foundation.randomness import Stream
from vaestro.generation.sampling import sample

SHOWN, ENCODED = 16, 512


@torch.inference_mode()
def write_snapshot(path: Path, assembly: Assembly) -> None:
    """Write the 16 fixed reconstructions and samples, in natural units, and the mean KL of each
    latent dimension over 512 held-out samples, in nats; float32."""
    vae = assembly.vae
    batch = next(iter(assembly.material.some("validation", SHOWN)))
    held_out = encode_split(vae, assembly.material.some("validation", ENCODED))
    write_arrays(
        path,
        original=batch.truth,
        reconstruction=vae.generate(vae.encode(batch.x, batch.given).mean, batch.given),
        samples=sample(vae, SHOWN, assembly.recipe.seed, stream=Stream.PICTURES),
        kl_per_dimension=held_out.kl.mean(0),
    )


def write_arrays(path: Path, **arrays: torch.Tensor) -> None:
    """Write tensors as a compressed .npz of float32 (integers kept), whole or not at all."""
    plain = {}
    for name, tensor in arrays.items():
        array = tensor.detach().cpu().numpy()
        with np.errstate(over="ignore"):  # a diverged model's 64-bit output becomes infinite
            plain[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
    with new_file(path) as staging:
        np.savez_compressed(staging, allow_pickle=False, **plain)
