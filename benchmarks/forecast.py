"""Does the forecast come true? A grid of short runs, half on data that the calibration never saw.

    python benchmarks/forecast.py --data FOLDER --runs runs.jsonl --out benchmarks/results

FOLDER holds mnist, omniglot, volumes and streamlines/minimal_bundles; data sets that are not there
are left out. Each point of the grid is trained twice by the engine, at once at full beta and with
a warm-up over the first half of the run, and appended to `--runs` when both are done: a stopped
grid goes on where it was, and `--seconds 0` only writes the tables anew. `--quick` is a small grid.

What a verdict must fulfil. collapse: no latent dimension is live at the end of either run;
at_risk: none as configured, at least one with the warm-up; ok: at least one as configured.
Letters: N samples, D elements, K latents, rho = lambda_1 / effective beta.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from forecast_data import data_sets, eigenvalues, largest_held_out, scores
from forecast_tables import FAR, judged, tables, write
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe
from vaestro.health.forecast.calibration import NEAR
from vaestro.health.forecast.escape import probe_steps
from vaestro.health.forecast.linear_run import Start
from vaestro.health.forecast.live import wanted_directions
from vaestro.health.forecast.measured_code import directions, measured_code
from vaestro.health.forecast.probe import Mark, probe
from vaestro.models.vae import VAE
from vaestro.training import plan as planning
from vaestro.training.elbo import ElboTask

WATCHED = 300
WARM_UP, LONGER, COMFORT = 0.5, 4, 8.0
LIKELIHOODS: dict[str, dict[str, Any]] = {
    "gaussian": {"kind": "gaussian", "variance": 1.0},
    "optimal": {"kind": "gaussian", "variance": "optimal"},
    "bernoulli": {"kind": "bernoulli"},
}
CALIBRATION = {
    "digits": ("gaussian", "optimal", "bernoulli"),
    "digits-binary": ("bernoulli",),
    "bundles": ("gaussian", "optimal"),
    "sprites": ("bernoulli", "gaussian"),
}
HELD_OUT = {
    "mnist": ("bernoulli", "gaussian"),
    "volumes": ("bernoulli", "gaussian"),
    "streamlines": ("gaussian", "optimal"),
    "omniglot": ("bernoulli",),
}


class Point(NamedTuple):
    """One point of the grid, trained with and without warm-up."""

    number: int
    data: str
    likelihood: str
    ratio: float
    widths: tuple[int, ...]
    latent: int
    learning_rate: float
    steps: int
    seed: int


def grid(count: int, sets: dict[str, Any]) -> Iterator[Point]:
    """`count` points, calibration and held-out sets in turns, those whose data are here. rho is
    log-uniform in [1/3, 1) for two in five and in [1, 3] for the others; after every four comes one
    far above the threshold, in [4, 30], for the number of live dimensions alone."""
    near, far = np.random.default_rng(5), np.random.default_rng(6)
    for number in range(count):
        drawn = [_drawn(number, 3.0 ** (near.random() - (near.random() < 0.4)), near)]
        if number % 4 == 3:
            drawn.append(_drawn(FAR + number // 4, 4.0 * 7.5 ** far.random(), far))
        yield from (point for point in drawn if point.data in sets)


def _drawn(number: int, ratio: float, random: np.random.Generator) -> Point:
    """The point of this number and rho, the rest at random."""
    pool = [(d, k) for d, kinds in (HELD_OUT if number % 2 else CALIBRATION).items() for k in kinds]
    data, likelihood = pool[(number // 2) % len(pool)]
    widths = ((128,), (64, 64), (128, 128), (64, 64, 64))[random.integers(4)]
    latent, rate = int(random.choice((8, 16))), float(random.choice((5e-4, 1e-3, 3e-3)))
    steps = int(random.choice((400, 800, 1600)))
    return Point(number, data, likelihood, ratio, widths, latent, rate, steps, number)


def recipe(point: Point, beta: float, samples: int, warm: bool) -> Recipe:
    """The run of a point, with or without warm-up."""
    network = {"kind": "dense", "widths": list(point.widths)}
    ramp = {"kind": "linear", "start": 0.0, "end": beta, "length": f"{WARM_UP} of run"}
    batch = 64
    return Recipe.parse(
        {
            "name": "grid",
            "seed": point.seed,
            "data": "digits",
            "split": {"validation": 0.25, "test": 0.0},
            "model": {
                "latent": point.latent,
                "encoder": network,
                "decoder": network,
                "likelihood": LIKELIHOODS[point.likelihood],
            },
            "objective": {"beta": ramp if warm else beta},
            "training": {
                "epochs": math.ceil(point.steps / (samples * 3 // 4 // batch)),
                "batch_size": batch,
                "learning_rate": point.learning_rate,
                "threads": 1,
                "device": "cpu",
            },
        }
    )


def run(point: Point, data: DataSet, beta: float, warm: bool, longer: int = 1) -> list[Mark]:
    """Train to the end; what the code was on the way, on WATCHED validation samples, and at the end
    of a probe its state."""
    asked = recipe(point._replace(steps=longer * point.steps), beta, len(data.values), warm)
    parts = assemble(asked, planning.choose(asked.training), data)
    assert isinstance(parts.task, ElboTask)
    watched = next(iter(parts.material.batches("validation", WATCHED)()))
    x = torch.cat([batch.x for batch in parts.material.batches("train")()])
    along = directions(parts.vae.likelihood, x, wanted_directions(point.latent))
    assert along is not None

    def code(vae: VAE, step: int) -> Start:
        return measured_code(vae, watched, along, beta, step / parts.horizon.steps)

    marks = probe(
        parts.task,
        parts.stream,
        watched,
        asked.training,
        parts.horizon,
        seed=asked.seed,
        most_steps=parts.horizon.steps,
        measure=code,
    )
    last = max(m.step for m in marks if m.step <= probe_steps(parts.horizon.steps))
    return [
        Mark(m.step, _short(m.gain), _short(m.kl), _short(m.largest), m.live)._replace(
            start=_shortened(m.start) if m.step == last and m.start is not None else None
        )
        for m in marks
    ]


def _shortened(start: Start) -> Any:
    """As plain numbers of four digits."""
    matrices = (start.encoder, start.decoder)
    return [*([[_short(v) for v in row] for row in m.tolist()] for m in matrices), start.share]


def _short(value: float) -> float:
    """Four digits are kept."""
    return float(f"{value:.4g}")


def measured(point: Point, data: DataSet) -> dict[str, Any]:
    """The runs of a point as one line of the file of runs.

    Where the run with warm-up is forecast to be at risk too, a third one has the remedy beside the
    warm-up: near the threshold a beta COMFORT times below lambda_1, else LONGER times the steps.
    """
    began = time.process_time()
    plain = recipe(point, 1.0, len(data.values), False)
    material = assemble(plain, planning.choose(plain.training), data).material
    u = scores(
        torch.cat([b.x for b in material.batches("train")()]).double().numpy(), point.likelihood
    )
    values = eigenvalues(u)
    beta = float(values[0]) / point.ratio
    found = {
        **point._asdict(),
        "held_out": point.data in HELD_OUT,
        "beta": beta,
        "eigenvalues": [float(f"{v / beta:.6g}") for v in values[:32]],
        "largest_held_out": largest_held_out(u) / beta,
        "samples": len(u),
        "elements": u.shape[1],
        "plain": run(point, data, beta, False),
        "warm": run(point, data, beta, True),
    }
    if judged(found, True).verdict == "at_risk":
        near = found["largest_held_out"] < NEAR
        lower, longer = (float(values[0]) / COMFORT, 1) if near else (beta, LONGER)
        found["remedied"] = run(point, data, lower, True, longer)
    return found | {"cpu_seconds": round(time.process_time() - began, 2)}


def fill(runs: Path, points: Iterator[Point], sets: dict[str, Any], seconds: float) -> None:
    """Append the points that `runs` lacks, until `seconds` of processor time are used."""
    lines = runs.read_text().splitlines() if runs.exists() else []
    done = {json.loads(line)["number"] for line in lines}
    loaded: dict[str, DataSet] = {}
    for point in points:
        if time.process_time() > seconds:
            return
        if point.number in done:
            continue
        if point.data not in loaded:
            loaded[point.data] = sets[point.data]()
        line = json.dumps(measured(point, loaded[point.data]))
        with runs.open("a") as file:
            file.write(line + "\n")


def main() -> None:
    """Fill the grid, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of real data")
    parser.add_argument("--runs", type=Path, default=Path("forecast-runs.jsonl"))
    parser.add_argument("--out", type=Path, help="folder for forecast.json and forecast.md")
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=math.inf, help="of processor time")
    parser.add_argument("--quick", action="store_true", help="16 points")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sets = data_sets(asked.data)
    fill(asked.runs, grid(16 if asked.quick else asked.points, sets), sets, asked.seconds)
    runs = [json.loads(line) for line in asked.runs.read_text().splitlines()]
    write(tables(runs), runs, asked.out)


if __name__ == "__main__":
    main()
