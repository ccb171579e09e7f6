"""Every recipe named after a log, trained and evaluated: a table of facts, a folder of pictures.

    python benchmarks/recipes.py --mnist ../shared/data/mnist --runs runs/recipes \
        --out benchmarks/results/recipes.json

A run that is already in --runs goes on, so that the script can be stopped and started again.
`--epochs 3` shortens every recipe to so many epochs at most. Seconds per epoch are the median step
of the fastest tenth of a run's windows times the steps of an epoch: other work on the machine
lengthens steps and never shortens them.
"""

import argparse
import json
import platform
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch

from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe, apply, quoted, read_recipe
from vaestro.experiments.run import load
from vaestro.experiments.watch import Quiet
from vaestro.reports.page import write_report

RECIPES = (
    "voxel-mean-mse",
    "voxel-sum-mse",
    "streamline-ae",
    "streamline-vae",
    "streamline-beta",
    "streamline-regression",
    "mnist-cvae",
    "norb-conv",
    "norb-conv-fitted",
    "norb-pca-deep",
    "norb-pca-large",
    "norb-pca-small",
    "norb-pca-tiny",
    "norb-pca-fitted",
    "norb-pca-fitted-tiny",
    "norb-pca-fitted-small",
    "norb-unet",
)
WINDOW = 5


class Clock(Quiet):
    """A display that notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def stepped(self, step: int) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())

    def seconds_per_step(self) -> float | None:
        """The median over the fastest tenth of the windows of WINDOW steps; None for too few."""
        windows = sorted(
            (b - a) / WINDOW for a, b in zip(self.ends, self.ends[WINDOW:], strict=False)
        )
        return statistics.median(windows[: max(1, len(windows) // 10)]) if windows else None


def asked(name: str, mnist: Path, epochs: int | None, edits: list[str]) -> Recipe:
    """The recipe `name`, at most `epochs` long, with `edits`."""
    recipe = read_recipe(name)
    if name.startswith("mnist"):
        edits = [f"data.path={quoted(mnist)}", *edits]
    if epochs is not None:
        edits = [f"training.epochs={min(epochs, recipe.training.epochs)}", *edits]
    return apply(recipe, edits)


def trained(recipe: Recipe, root: Path) -> float | None:
    """Train `recipe` into `root`, or go on with the run there; seconds per epoch, if it trained."""
    clock = Clock()
    if (root / "recipe.yaml").is_file():
        summary = training.resume(root, lambda stored: recipe, clock)
    else:
        summary = training.start(recipe, root, clock)
    step = clock.seconds_per_step()
    return None if step is None else step * summary["steps"] / recipe.training.epochs


def row(name: str, recipe: Recipe, root: Path, samples: int) -> dict[str, Any]:
    """What the table says of one recipe; `samples`: draws of the NLL, which the table has not."""
    seconds = trained(recipe, root)
    run = load(root)
    split = "test" if len(run.material.split.test) else "validation"
    record = run.evaluate(split, samples=samples)
    run.keep_evaluation(record)
    write_report(root)
    manifest = run.folder.read_manifest()
    return {
        "recipe": name,
        "data": manifest["data"]["name"],
        "samples": manifest["data"]["train"],
        "elements": manifest["data"]["elements"],
        "parameters": manifest["parameters"],
        "latents": run.vae.latent,
        "epochs": recipe.training.epochs,
        "seconds_per_epoch": seconds,
        "constant": run.summary["baseline_constant"],
        "verdict": run.summary["verdict"],
        **{k: record[k] for k in ("data_term", "prior_term", "live_dimensions", "mse")},
    }


def main() -> None:
    """Train what is asked for and write the table after each recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = {}
    if arguments.out.is_file():
        rows = {r["recipe"]: r for r in json.loads(arguments.out.read_text())["rows"]}
    for name in arguments.recipes:
        recipe = asked(name, arguments.mnist, arguments.epochs, arguments.set)
        found = row(name, recipe, arguments.runs / name, arguments.samples)
        if found["seconds_per_epoch"] is None and name in rows:
            found["seconds_per_epoch"] = rows[name]["seconds_per_epoch"]
        rows[name] = found
        print(json.dumps(found), flush=True)
        machine = {"processor": platform.processor() or platform.machine()}
        machine |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
        kept = {"date": str(date.today()), **machine, "rows": list(rows.values())}
        arguments.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
