"""Test log-likelihoods on MNIST beside the published ones, and what it takes to get there.

    python benchmarks/likelihood.py --mnist FOLDER --packed FILE.npz --runs FOLDER \
        --out benchmarks/results/likelihood.json

Trains by `vaestro train` what --runs does not hold yet, and measures it on the 10,000 test images:
`mnist-dense` on greys and on drawn pixels, `mnist-burda` (the one-layer model of Burda et al. 2016)
drawn anew in every epoch (--packed is not needed) and on the fixed draw of --packed, and shorter
trainings of it, each with its schedule at full length, that show what more epochs bring.

`vaestro evaluate RUN --samples 100` is timed as a command on all test images. The NLL with
--samples draws is that of --images of them, evenly spread; that of all adds to the one at 100 draws
what these images gain by more draws, whose error is that of the pairs (`all_images`).
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from machine import measured_here
from vaestro.evaluation.likelihood import likelihoods
from vaestro.experiments.recipe import read_recipe
from vaestro.experiments.run import load
from vaestro.foundation.files import read_json, write_json
from vaestro.runs.history import last_record

FEW = 100
"""Draws of each image in the timed evaluation."""
PUBLISHED = {
    "burda": "86.76; reproductions 86.35 to 87.8",
    "burda-static": "88.71",
}
"""Nats at 5,000 draws, k = 1 in training, 3,280 epochs of batches of 20 (Burda et al. 2016)."""


def cases(options: argparse.Namespace) -> dict[str, list[str]]:
    """What `vaestro train` is told for each model."""
    drawn = [f"data.path={options.mnist}", "data.binarise=every-epoch"]
    fixed = ["data.kind=arrays", f"data.path={options.packed}", "data.packed_columns=784"]
    quiet = ["training.threads=1", "training.snapshot_epochs=100"]
    burda = ["mnist-burda", *quiet, "training.validate_epochs=10"]
    found = {
        "dense": ["mnist-dense", f"data.path={options.mnist}", *quiet],
        "dense-drawn": ["mnist-dense", *drawn, *quiet],
        "burda": [*burda, *drawn, f"training.epochs={options.epochs}"],
    }
    if options.packed:
        rest = ["split.validation=official", "training.early_stopping={patience: 35}"]
        found["burda-static"] = [*burda, *fixed, *rest, f"training.epochs={options.static_epochs}"]
    for epochs in options.shorter:
        found[f"burda-{epochs}"] = [*burda, *drawn, f"training.epochs={epochs}"]
    return found


def command(*words: str) -> dict[str, float]:
    """Run `vaestro` and tell its seconds, of the wall clock and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "vaestro", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(spent, 1),
    }


def once(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was measured before and is kept in `path`, or is measured now."""
    if not path.is_file():
        write_json(path, measure())
    return read_json(path)


def trained(root: Path, told: list[str]) -> dict[str, float]:
    """Train the run unless it is there; its cost is kept beside it."""
    recipe, *edits = told
    words = [word for edit in edits for word in ("--set", edit)]
    cost = root.with_suffix(".cost.json")
    return once(cost, lambda: command("train", recipe, *words, "--run", str(root)))


def evaluated(root: Path) -> dict[str, Any]:
    """The command on every test image: its record and its time."""
    cost = root.with_suffix(".evaluation.json")
    words = ("evaluate", str(root), "--samples", str(FEW))
    spent = once(cost, lambda: command(*words))
    record = read_json(root / "evaluation.json")
    kept = ("n", "elbo", "nll", "nll_standard_error", "nll_monte_carlo_error", "data_term")
    more = ("prior_term", "live_dimensions")
    return {**{name: record[name] for name in (*kept, *more)}, "command": spent}


def tightened(root: Path, images: int, samples: int) -> dict[str, Any]:
    """The NLL of some images with many draws, and what that gains over few."""
    run, began = load(root), time.process_time()
    found = {
        draws: likelihoods(run.vae, run.material.some("test", images), draws, 0).nll
        for draws in (FEW, samples)
    }
    many, few = found[samples], found[FEW]
    assert many is not None and few is not None
    return {
        "n": len(many),
        "draws": samples,
        "nll": float(many.mean()),
        "nll_standard_error": _error(many),
        "gained_over_few": float((few - many).mean()),
        "gained_standard_error": _error(few - many),
        "processor_seconds": round(time.process_time() - began, 1),
    }


def _error(values: torch.Tensor) -> float:
    return float(values.std() / math.sqrt(len(values)))


def measured(root: Path, told: list[str], images: int, samples: int) -> dict[str, Any]:
    """One model from its training to its likelihood."""
    cost, whole = trained(root, told), evaluated(root)
    path = root.with_suffix(".draws.json")
    part = once(path, lambda: tightened(root, images, samples))
    end, asked = read_json(root / "summary.json"), read_recipe(root / "recipe.yaml")
    return {
        "status": end["status"],
        "steps": end["steps"],
        "epochs": last_record(root / "history.jsonl")["epoch"],
        "asked_epochs": asked.training.epochs,
        "training": cost,
        "all_images_few_draws": whole,
        "some_images_many_draws": part,
        "all_images": {
            "nll": whole["nll"] - part["gained_over_few"],
            "standard_error_over_images": whole["nll_standard_error"],
            "standard_error_of_the_gain": part["gained_standard_error"],
        },
        "published": PUBLISHED.get(root.name),
    }


def main() -> None:
    """Measure every model that is asked for and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--packed", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--static-epochs", type=int, default=350)
    parser.add_argument("--shorter", type=int, nargs="*", default=[10, 30, 100])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        **measured_here(),
        "models": {},
    }
    if options.out and options.out.is_file():
        result["models"] = read_json(options.out)["models"]
    for name, told in cases(options).items():
        if options.only and name not in options.only:
            continue
        result["models"][name] = measured(
            options.runs / name, told, options.images, options.samples
        )
        print(json.dumps({name: result["models"][name]}, indent=2), flush=True)
        if options.out:
            options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
