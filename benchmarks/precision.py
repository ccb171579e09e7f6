"""What bf16 costs in nats after equal epochs, and whether torch.compile wins back its own time.

    python benchmarks/precision.py --mnist ../shared/data/mnist \
        --out benchmarks/results/precision.json

784-400-20 (Bernoulli, batch 100) on a part of MNIST, in fp32 and in bf16 autocast with the same
seeds: the ELBO of held-out samples after every run's last epoch, in fp32 arithmetic (the weights
are 32-bit in both), and the seconds of the processor for a step. Then steps of the dense and of the
2-D network, compiled and not: how long compilation takes, and after how many steps it is won back.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from networks import FAMILIES, data, recipe
from spread import spread
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.data.source import load_data
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe, apply, quoted, read_recipe
from vaestro.experiments.run import load
from vaestro.experiments.watch import Quiet
from vaestro.training import plan as planning
from vaestro.training.step import Stepper


def digits(folder: Path, samples: int) -> DataSet:
    """The first `samples` training digits, as bytes."""
    source = apply(read_recipe("mnist-dense"), [f"data.path={quoted(folder)}"]).data
    return from_array(np.asarray(load_data(source).values[:samples]), name="mnist")


def asked(precision: str, seed: int, epochs: int) -> Recipe:
    """`mnist-dense` on a random split, on one thread."""
    return apply(
        read_recipe("mnist-dense"),
        [
            "split.test=0.1",
            f"training.epochs={epochs}",
            f"training.precision={precision}",
            f"seed={seed}",
            "training.threads=1",
            "training.snapshot_epochs=1000",
            "training.monitor=off",
        ],
    )


def trained(given: DataSet, precision: str, seed: int, epochs: int) -> tuple[float, float]:
    """Minus the ELBO of the test part after training, scored in fp32, and the processor's seconds
    of an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        root, began = Path(folder) / "run", time.process_time()
        training.start(asked(precision, seed, epochs), root, Quiet(), given)
        seconds = (time.process_time() - began) / epochs
        scored = load(root).evaluate("test", samples=64)
    return -float(scored["elbo"]), seconds


def precisions(given: DataSet, seeds: int, epochs: int) -> dict[str, Any]:
    """Both precisions, seed by seed in turns."""
    rows: dict[str, list[tuple[float, float]]] = {"fp32": [], "bf16": []}
    for seed in range(seeds):
        for precision, found in rows.items():
            found.append(trained(given, precision, seed, epochs))
            print(precision, seed, found[-1], flush=True)
    nats = {name: [loss for loss, _ in found] for name, found in rows.items()}
    return {
        "samples": len(given.values),
        "epochs": epochs,
        "minus_elbo": {name: spread(values) for name, values in nats.items()},
        "bf16_minus_fp32_nats": spread(
            [b - a for a, b in zip(nats["fp32"], nats["bf16"], strict=True)]
        ),
        "processor_seconds_an_epoch": {
            name: spread([seconds for _, seconds in found]) for name, found in rows.items()
        },
    }


def steps_of(name: str, compiled: bool, steps: int) -> tuple[float, float]:
    """Seconds that pass until two steps are done, compilers in other processes included, and the
    processor's seconds of one of the later steps (median)."""
    family = FAMILIES[name]
    settings = [f"training.compile={str(compiled).lower()}", "training.threads=1"]
    wanted = apply(recipe(family, "fp32", 1000), settings)
    parts = assemble(wanted, planning.choose(wanted.training), data(family))
    state = parts.fresh_state()
    stepper = Stepper(parts.task, wanted.training, parts.horizon, wanted.seed)
    parts.vae.train()
    began, taken = time.perf_counter(), []
    for _ in range(2):
        stepper.take(state, parts.stream.batch(state.step))
    first = time.perf_counter() - began
    for _ in range(steps):
        began = time.process_time()
        stepper.take(state, parts.stream.batch(state.step))
        taken.append(time.process_time() - began)
    return first, float(np.median(taken))


def compiling(name: str, steps: int) -> dict[str, Any]:
    """Compiled against not: seconds to begin and of a step, and when it has paid."""
    (plain_first, plain), (first, step) = (steps_of(name, on, steps) for on in (False, True))
    saved = plain - step
    return {
        "seconds_to_compile": round(first - plain_first, 2),
        "step_seconds": round(plain, 6),
        "compiled_step_seconds": round(step, 6),
        "times_as_fast": round(plain / step, 3),
        "steps_to_pay": round((first - plain_first) / saved) if saved > 0 else None,
    }


def main() -> None:
    """Measure both and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # read when torch first compiles
    result: dict[str, Any] = {
        "date": str(date.today()),
        "machine": platform.processor() or platform.machine(),
        "threads": 1,
        "torch": torch.__version__,
        "compile": {name: compiling(name, options.steps) for name in ("dense", "2-D")},
        "precision": precisions(
            digits(options.mnist, options.samples), options.seeds, options.epochs
        ),
    }
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
