"""The Pareto front of data term against prior term on MNIST: beta and the number of latents.

    python benchmarks/sweep_front.py --mnist FOLDER --picture docs/pictures/sweep-front.svg \
        --out benchmarks/results/sweep-front.json

One `vaestro sweep` of `--trials` trials of a 784-400-K-400-784 network with a Bernoulli likelihood
on the first `--images` training images, a tenth of them held out. The picture is the sweep's own.
The table has the trials of the front in the order of their prior terms. Between neighbours stands
what a nat of code buys, in nats of data term: where both were trained to the end under one beta,
theory says that beta, since the loss weighs a nat of code as much as beta nats of data term.
"""

import argparse
import json
import math
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from sweep_case import subset
from vaestro.foundation.files import write_json

BETA, LATENT = "objective.beta", "model.latent"
SPACE = {BETA: "log(0.25,64)", LATENT: "2,5,10,20,40"}
FIGURES = ("data_term", "prior_term", "elbo", "live_dimensions", "mse")

Row = dict[str, Any]

SIZES = {"images": 10_000, "epochs": 12, "trials": 64, "threads": 1, "workers": 1}


def swept(root: Path, images: Path, options: argparse.Namespace) -> Row:
    """The command's own summary."""
    command = [sys.executable, "-m", "vaestro", "sweep", "mnist-dense", "--out", str(root)]
    command += [word for name, values in SPACE.items() for word in ("--vary", f"{name}={values}")]
    command += ["--trials", str(options.trials), "--workers", str(options.workers), "--json"]
    edits = [f"data.path={images}", "split.test=0.0", f"training.epochs={options.epochs}"]
    edits += [f"training.threads={options.threads}"]
    command += [word for edit in edits for word in ("--set", edit)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(told.stdout))


def point_of(found: Row) -> Row:
    """A trial: what was set, and its figures."""
    chosen = dict(edit.split("=", 1) for edit in found["set"])
    setting = {"beta": float(chosen[BETA]), "latent": int(chosen[LATENT])}
    return {"trial": found["trial"], **setting, **{n: found["values"][n] for n in FIGURES}}


def exchange(points: list[Row]) -> list[Row]:
    """Between neighbours of the front: nats of data term for a nat of code, and the betas."""
    rows = []
    for low, high in pairwise(points):
        nats = high["prior_term"] - low["prior_term"]
        bought = (low["data_term"] - high["data_term"]) / nats if nats else None
        between = math.sqrt(low["beta"] * high["beta"])
        rows.append({"nats_of_code": nats, "bought_for_each": bought, "beta_between": between})
    return rows


def table(summary: Row, seconds: float) -> Row:
    """The front, what is exchanged along it, and how the trials ended."""
    points = sorted(map(point_of, summary["pareto"]), key=lambda one: one["prior_term"])
    counts = ("trials", "finished", "pruned", "failed", "untrained")
    return {
        "seconds": round(seconds, 1),
        **{name: summary[name] for name in counts},
        "front": points,
        "exchange": exchange(points),
        "best_elbo_on_the_front": max(points, key=lambda one: one["elbo"]),
        "latents_on_the_front": sorted({one["latent"] for one in points}),
    }


def shown(result: Row) -> str:
    """The front as lines of text."""
    head = f"{'beta':>8} {'latent':>6} {'prior':>8} {'data':>8} {'elbo':>9} {'live':>4} {'mse':>8}"
    form = "{beta:8.3f} {latent:6d} {prior_term:8.2f} {data_term:8.2f} {elbo:9.2f} "
    form += "{live_dimensions:4.0f} {mse:8.4f}"
    return "\n".join([head, *(form.format(**one) for one in result["front"])])


def main() -> None:
    """Sweep, and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    for name, value in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--quick", action="store_true", help="a size that shows no front")
    parser.add_argument("--keep", type=Path, help="keep the sweep's folder here")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.quick:
        vars(options).update(images=500, epochs=1, trials=5)
    with tempfile.TemporaryDirectory() as elsewhere:
        root, began = options.keep or Path(elsewhere) / "sweep", time.perf_counter()
        summary = swept(root, subset(options.mnist, options.images, Path(elsewhere)), options)
        result = table(summary, time.perf_counter() - began)
        if options.picture:
            kept = root / "pictures" / f"plane{options.picture.suffix}"
            shutil.copyfile(kept, options.picture)
    asked = {name: getattr(options, name) for name in SIZES}
    machine = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__}
    print(shown(result))
    if options.out:
        write_json(options.out, {**machine, **asked, "space": SPACE, **result})


if __name__ == "__main__":
    main()
