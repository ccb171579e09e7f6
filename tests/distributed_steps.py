"""Run by torchrun: each case's first steps on all processes together, and on each alone.

`torchrun ... -m -- tests.distributed_steps FILE CASE ...` writes case -> [largest relative
difference of weights, buffers, optimiser and terms between the two, whether all processes have the
same weights].
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tests.conftest import small_recipe, updated
from vaestro.experiments.assemble import assemble
from vaestro.training import plan as planning
from vaestro.training.distribution.agreement import digest, require_spreadable
from vaestro.training.distribution.company import Company
from vaestro.training.distribution.ranks import ALONE, Ranks, found, joined
from vaestro.training.step import Stepper

STEPS = 5
NORMAL: dict[str, Any] = {
    "encoder": {"normalisation": "batch", "widths": [16, 16]},
    "decoder": {"normalisation": "batch"},
}
IMAGES: dict[str, Any] = {
    "encoder": {"kind": "convolution", "channels": [4, 8], "normalisation": "batch", "blocks": 1},
    "decoder": {"kind": "convolution", "channels": [8, 4], "dropout": 0.2},
}
DROPPING: dict[str, Any] = {"encoder": {"dropout": 0.3, "widths": [16, 16]}}
OPTIMAL: dict[str, Any] = {"likelihood": {"kind": "gaussian", "variance": "optimal"}}
CASES: dict[str, dict[str, Any]] = {
    "dense": {},
    "clipped and averaged": {"training": {"clip_norm": 0.1, "ema": 0.9}},
    "batch norm": {"model": NORMAL},
    "convolutions, batch norm and dropout": {"model": IMAGES},
    "channels last": {"model": IMAGES, "training": {"channels_last": True}},
    "dropout": {"model": DROPPING},
    "free bits": {"objective": {"free_bits": 0.4}},
    "capacity": {"objective": {"beta": {"kind": "capacity", "end": 5.0}}},
    "geco": {"objective": {"beta": {"kind": "geco", "target": 20.0}, "reduction": "mean"}},
    "optimal variance": {"model": OPTIMAL},
    "optimal scale": {"model": {"likelihood": {"kind": "laplace", "scale": "optimal"}}},
    "adversarial": {"model": {"posterior": "deterministic", "prior": "adversarial"}},
    "mixture": {"model": {"prior": "mixture"}},
    "all at once": {
        "model": updated(updated(NORMAL, DROPPING), OPTIMAL),
        "objective": {"free_bits": 0.4},
    },
    "told": {"model": {"condition": "labels"}},
    "iwae": {"objective": {"kind": "iwae", "samples": 3}},
    "iwae, batch norm": {"objective": {"kind": "iwae", "samples": 3}, "model": NORMAL},
    "computed again": {"model": NORMAL, "training": {"activation_checkpointing": True}},
    "in parts": {"training": {"accumulate": 3}, "model": DROPPING},
    "in parts, free bits": {"training": {"accumulate": 3}, "objective": {"free_bits": 0.4}},
}


class Trained(NamedTuple):
    """What the first steps leave: every tensor, and the digest of the module's."""

    tensors: dict[str, Tensor]
    digest: str


def trained(case: dict[str, Any], ranks: Ranks) -> Trained:
    """The first steps of `case` on batches of 101 samples, in 64 bits, together with `ranks`."""
    training = {"batch_size": 101, "precision": "fp64"}
    recipe = small_recipe(**updated({"training": training}, case))
    parts = assemble(recipe, planning.choose(recipe.training))
    require_spreadable(ranks, parts.task, recipe.training)
    state, company = parts.fresh_state(), Company(ranks, parts.vae, recipe.training.batch_size)
    stepper = Stepper(parts.task, recipe.training, parts.horizon, recipe.seed, company)
    parts.vae.train()
    for step in range(STEPS):
        stepper.take(state, parts.stream.batch(step))
    return Trained(state.tensors(), digest(parts.vae))


def apart(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest difference of two tensors of the same name, relative to its largest number.

    A bias before a batch normalisation changes nothing, and its gradient is zero but for rounding:
    such parameters, and the means that follow them, are left out.
    """
    still = {
        name.split("/")[1]
        for name, value in theirs.items()
        if name.endswith("exp_avg") and float(value.abs().max()) < 1e-12
    }
    names = [
        name
        for name, value in theirs.items()
        if value.numel() and not any(one in name for one in still)
    ]
    return max(_apart(ours[name].double(), theirs[name].double()) for name in names)


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-6))


def main(file: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    results: dict[str, tuple[float, bool]] = {}
    with joined(found()) as ranks:
        for name in names:
            together = trained(CASES[name], ranks)
            same = len(set(ranks.gathered(together.digest))) == 1
            alone = trained(CASES[name], ALONE)
            results[name] = (apart(together.tensors, alone.tensors), same)
        if ranks.first:
            file.write_text(json.dumps(results))
    assert not [name for name in threads() if "gloo" in name], "the group outlives its end"


def threads() -> list[str]:
    """The names of this process's threads, Python's and others."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
