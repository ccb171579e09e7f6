"""Populations against the same runs one after the other, and against pythae.

    python benchmarks/population.py --out benchmarks/results/population.json

Members differ in seed and beta and train on the same data: a small dense network (64-64-8, batch
32), a small convolution (28 x 28, batch 32) and a 3-D one (4 x 19^3, batch 8), in fp32 on
`--threads` threads (1: what the CPU goals are about). Both sides are the engine's own loops with
validation, history and checkpoint at the end, in turns; the report, the pictures and the diagnosis
that every run ends with take the same on both sides and are left out. pythae 0.1.2, where it is
installed, trains a network of the dense shape by its own trainer; K of them take K times as long.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from spread import spread
from throughput import theirs
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly, assemble_on
from vaestro.experiments.attempt import close, engine
from vaestro.experiments.material import Material, prepare
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.watch import Quiet
from vaestro.runs.folder import RunFolder
from vaestro.training import plan as planning
from vaestro.training.plan import Plan
from vaestro.training.population.loop import PopulationLoop
from vaestro.training.population.member import Member


class Case(NamedTuple):
    """Samples of `shape`, a network for them, and so many of them, in batches."""

    shape: tuple[int, ...]
    encoder: dict[str, Any]
    decoder: dict[str, Any]
    latent: int
    samples: int
    batch: int
    most: int


CASES = {
    "dense": Case(
        (64,),
        {"kind": "dense", "widths": [64]},
        {"kind": "dense", "widths": [64]},
        8,
        3232,
        32,
        256,
    ),
    "convolution": Case(
        (1, 28, 28),
        {"kind": "convolution", "channels": [8, 16]},
        {"kind": "convolution", "channels": [16, 8]},
        8,
        652,
        32,
        64,
    ),
    "3-D": Case(
        (4, 19, 19, 19),
        {"kind": "convolution", "channels": [8, 16]},
        {"kind": "convolution", "channels": [16, 8]},
        16,
        82,
        8,
        16,
    ),
}
WIDTHS, EPOCHS = (1, 4, 16, 64, 256), 5


def recipe_of(case: Case, threads: int) -> Recipe:
    """EPOCHS epochs, each with its validation, and nothing else beside training."""
    return Recipe.parse(
        {
            "name": "population",
            "data": "digits",
            "split": {"validation": 0.01, "test": 0.0},
            "model": {
                "latent": case.latent,
                "encoder": case.encoder,
                "decoder": case.decoder,
                "likelihood": "gaussian",
            },
            "training": {
                "epochs": EPOCHS,
                "batch_size": case.batch,
                "threads": threads,
                "checkpoint_seconds": 600,
                "snapshot_epochs": 1000,
            },
        }
    )


def data_of(case: Case) -> DataSet:
    """Standard normal numbers."""
    random = np.random.default_rng(0)
    return from_array(random.standard_normal((case.samples, *case.shape)).astype(np.float32))


class Runs:
    """Makes fresh runs of a case, all on the same data, in a folder that is thrown away."""

    def __init__(self, case: Case, threads: int, folder: Path) -> None:
        self.recipe, self.folder = recipe_of(case, threads), folder
        self.plan: Plan = planning.choose(self.recipe.training)
        self.material: Material = prepare(self.recipe, self.plan, data_of(case))

    def members(self, count: int, held: ExitStack) -> list[Member]:
        """`count` runs that differ in seed and beta."""
        made = []
        for number in range(count):
            edits = [f"seed={number}", f"objective.beta={0.5 + number / count}"]
            assembly = assemble_on(self.material, apply(self.recipe, edits), self.plan)
            made.append(self._member(number, assembly, held))
        return made

    def _member(self, number: int, assembly: Assembly, held: ExitStack) -> Member:
        folder = RunFolder(Path(tempfile.mkdtemp(dir=self.folder)))
        state = assembly.fresh_state()
        loop = engine(folder, assembly, state, Quiet())
        held.callback(close, loop, assembly)
        return Member(number, loop, assembly.task, state)


def one_by_one(members: list[Member]) -> None:
    """Each run's own loop, one after the other."""
    for member in members:
        member.loop.run(member.state)


def stacked(members: list[Member]) -> None:
    """All at once."""
    PopulationLoop(
        width=len(members),
        waiting=iter(members),
        left=lambda member, how: None,
        saved=lambda inside: None,
        checkpoint_seconds=600,
    ).run([])


def rate(train: Callable[[list[Member]], None], case: Case, count: int, threads: int) -> float:
    """Samples of members a second."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        runs = Runs(case, threads, Path(folder))
        members = runs.members(count, held)
        with planning.in_force(runs.plan):
            began = time.perf_counter()
            train(members)
            seconds = time.perf_counter() - began
        return sum(m.state.step for m in members) * case.batch / seconds


def measured(case: Case, threads: int, rounds: int) -> dict[str, Any]:
    """Rates by K, and how many times that of one by one, round by round. One by one the rate does
    not depend on K, so it is measured on at most 4 runs."""
    result: dict[str, Any] = {}
    for count in (k for k in WIDTHS if k <= case.most):
        rates, times = [], []
        for _ in range(rounds):
            alone = rate(one_by_one, case, min(count, 4), threads)
            rates.append(rate(stacked, case, count, threads))
            times.append(rates[-1] / alone)
        result[str(count)] = {"samples_per_second": spread(rates), "times_alone": spread(times)}
        print(json.dumps({str(count): result[str(count)]}), flush=True)
    return result


def against_pythae(case: Case, threads: int, rounds: int) -> dict[str, Any] | None:
    """pythae's samples a second on the dense case; None where it is not installed."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (case.samples, case.shape[0])).astype(np.uint8)
    torch.set_num_threads(threads)
    width = case.encoder["widths"][0]
    rates = [theirs(x, EPOCHS, width, case.latent, case.batch) for _ in range(rounds)]
    known = [rate for rate in rates if rate is not None]
    return spread(known) if known else None


def main() -> None:
    """Measure every case and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "threads": options.threads,
        "torch": torch.__version__,
    }
    for name in options.cases:
        table[name] = measured(CASES[name], options.threads, options.rounds)
        if name == "dense":
            table["pythae, one run after the other"] = against_pythae(
                CASES[name], options.threads, options.rounds
            )
    if options.out:
        options.out.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
