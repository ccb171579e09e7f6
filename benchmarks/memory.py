"""Peak memory and time of a step on 64 samples of 4 x 35^3, by what saves memory.

    python benchmarks/memory.py --out benchmarks/results/memory.json

The network of `voxel-sum-mse` with group normalisation (batch normalisation takes no parts). Every
row is a process of its own on one thread, with freed memory kept as it is while a run trains: two
steps, of which the first is not timed; the peak is that of both.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from apart import apart
from machine import measured_here
from vaestro.data.arrays import from_array
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import apply, read_recipe
from vaestro.health.forecast.memory import Peak
from vaestro.training.allocator import freed_memory_kept
from vaestro.training.plan import choose
from vaestro.training.step import Stepper

BATCH, SIDE, CHANNELS = 64, 35, 4
ROWS = tuple(product((1, 4, 8), (False, True)))
"""Parts of a batch (`accumulate`), and whether activations are computed again."""


class Step(NamedTuple):
    """Bytes before the step, at its peak, and the processor's seconds for one."""

    before: int
    peak: int
    seconds: float


def step(parts: int, again: bool) -> Step:
    """What a step takes."""
    torch.set_num_threads(1)
    edits = [f"training.accumulate={parts}", f"training.activation_checkpointing={again}".lower()]
    edits += [f"training.batch_size={BATCH}", "training.threads=1"]
    edits += [f"model.{side}.normalisation=group" for side in ("encoder", "decoder")]
    recipe = apply(read_recipe("voxel-sum-mse"), edits)
    size = (2 * BATCH, CHANNELS, SIDE, SIDE, SIDE)
    noise = np.random.default_rng(0).standard_normal(size, np.float32)
    assembly = assemble(recipe, choose(recipe.training), from_array(noise, name="noise"))
    state, batch = assembly.fresh_state(), assembly.stream.batch(0)
    stepper = Stepper(assembly.task, recipe.training, assembly.horizon, recipe.seed)
    assembly.vae.train()
    with Peak(torch.device("cpu")) as before:
        pass
    with freed_memory_kept(), Peak(torch.device("cpu")) as peak:
        stepper.take(state, batch)
        began = time.process_time()
        stepper.take(state, batch)
        seconds = time.process_time() - began
    assert before.bytes is not None and peak.bytes is not None
    return Step(before.bytes, peak.bytes, seconds)


def main() -> None:
    """Measure every row and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    rows: list[dict[str, Any]] = []
    for parts, again in ROWS:
        taken = apart(step, parts, again)
        rows.append({"accumulate": parts, "activation_checkpointing": again} | taken._asdict())
        peak, own = (n / 2**20 for n in (taken.peak, taken.peak - taken.before))
        print(f"{parts} {again}: {peak:,.0f} MiB, the step's {own:,.0f}, {taken.seconds:.1f} s")
    if out:
        out.write_text(json.dumps(measured_here() | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
