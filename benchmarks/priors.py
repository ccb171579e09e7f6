"""Samples by the model's own prior and by those fitted after training, beside each other.

    python benchmarks/priors.py --mnist FOLDER --out benchmarks/results/priors.json \
        --pictures docs/pictures

Three models with good copies and poor samples: MNIST with a Gaussian likelihood of variance 0.01,
made-up proteins as voxels, made-up streamlines. For each of them a Gaussian, a mixture, a flow, a
second VAE and a diffusion are fitted to the codes, and 1,000 samples of each (fewer where fewer
data are held out) are compared with as many held-out data: Frechet distances in the space of a
classifier of the labels, and in others by name (none of them is FID). `aggregate` decodes the codes
of training samples, `floor` is what training samples themselves have.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from machine import measured_here
from vaestro.data.tiles.curves import overlay
from vaestro.data.tiles.look import Look, look_at
from vaestro.data.tiles.row_names import named
from vaestro.data.tiles.tile import grid, tile
from vaestro.experiments import train as training
from vaestro.experiments.diffusion.recipe import own_recipe, with_edits
from vaestro.experiments.diffusion.train import start as diffuse
from vaestro.experiments.recipe import apply, quoted, read_recipe
from vaestro.experiments.run import Run, load
from vaestro.experiments.watch import Quiet

FITTED = {
    "gaussian": (),
    "mixture": ("rows=10000",),
    "flow": ("steps=2000",),
    "two-stage": ("steps=2000",),
}
DIFFUSION_STEPS = 3000
SOURCES = ("prior", *FITTED, "diffusion", "aggregate")
SHORT = ("training.threads=1", "training.snapshot_epochs=1000")
CASES = {
    "digits": (
        "mnist-dense",
        "model.likelihood={kind: gaussian, variance: 0.01}",
        "model.latent=32",
        "training.epochs=8",
    ),
    "proteins": (
        "volumes",
        "data={kind: molecules, size: 15, samples: 2000, fresh: false}",
        "split={validation: 0.1, test: 0.25}",
        "training.epochs=15",
    ),
    "streamlines": (
        "streamlines",
        "data.streamlines=3000",
        "split={validation: 0.1, test: 0.25}",
        "training.epochs=20",
    ),
}
SIDE = 220
"""Pixels of a picture of curves."""
COLOURS = 64
"""Of a picture's palette."""


@dataclass
class Clock:
    """Processor seconds of each thing that was done, by name."""

    spent: dict[str, float]

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it and note its seconds."""
        began = time.process_time()
        found = work()
        self.spent[name] = round(time.process_time() - began, 1)
        print(name, self.spent[name], flush=True)
        return found


def trained(name: str, mnist: Path, root: Path) -> Run:
    """The model of a case."""
    recipe, *edits = CASES[name]
    data = [f"data.path={quoted(mnist)}"] if name == "digits" else []
    training.start(apply(read_recipe(recipe), [*data, *edits, *SHORT]), root, Quiet())
    return load(root)


def fit(run: Run, clock: Clock) -> None:
    """Every prior, into the run's folder."""
    for kind, edits in FITTED.items():
        clock.time(kind, lambda kind=kind, edits=edits: run.fit_prior(kind, set=edits))
    own = own_recipe(run)
    steps = len(run.material.split.train) // own.training.batch_size
    epochs = f"training.epochs={max(1, DIFFUSION_STEPS // steps)}"
    asked = with_edits(own, ["condition=none", epochs, "training.threads=1"])
    clock.time("diffusion", lambda: diffuse(run, asked, Quiet()))


def distances(record: dict[str, Any]) -> dict[str, Any]:
    """By space: the floor and every source's Frechet distance, and the own prior's over it."""
    samples = record["samples"]
    found = {}
    for space, facts in samples["spaces"].items():
        by = {name: s["spaces"][space]["frechet"] for name, s in samples["sources"].items()}
        found[space] = {
            "dimensions": facts["dimensions"],
            "floor": round(facts["floor"]["frechet"], 4),
            "frechet": {name: round(value, 4) for name, value in by.items()},
            "own_over": {name: round(by["prior"] / value, 2) for name, value in by.items()},
        }
    return found


def picture(run: Run, path: Path) -> None:
    """Held-out data and samples of each source, a row each; curves in two columns of rows."""
    held, _ = run.reconstruct("test")
    look = look_at(held, run.spec.values)
    count = {"image": 14, "volume": 4, "curves": 150}[look.kind]
    rows = {"data": held[np.linspace(0, len(held) - 1, count).round().astype(int)]}
    rows |= {source: run.sample(count, source=source) for source in SOURCES}
    strips = [_strip(samples, look) for samples in rows.values()]
    height = len(rows) // 2 if look.kind == "curves" else len(rows)
    parts = []
    for first in range(0, len(rows), height):
        some = slice(first, first + height)
        sheet = (grid(strips[some], 1) * 255).round().astype(np.uint8)
        parts.append(named(sheet, list(rows)[some]))
    image = Image.fromarray(np.concatenate(parts, axis=1))
    image.quantize(COLOURS).save(path, optimize=True)


def _strip(samples: np.ndarray, look: Look) -> np.ndarray:
    """Some samples beside each other; curves in one picture, from above."""
    if look.kind == "curves":
        return overlay(np.asarray(samples, np.float64), look, SIDE)[:, :SIDE]
    tiles = [tile(sample, look)[::2, ::2] for sample in samples]
    return grid(tiles, len(tiles), gap=4)


def compared(name: str, mnist: Path, root: Path, pictures: Path | None) -> dict[str, Any]:
    """One case from its training to its figures."""
    clock = Clock({})
    run = clock.time("training", lambda: trained(name, mnist, root))
    fit(run, clock)
    record = clock.time(
        "evaluation",
        lambda: run.evaluate("test", sections=("samples",), sources=SOURCES),
    )
    if pictures:
        picture(run, pictures / f"priors-{name}.png")
    samples = record["samples"]
    copying = {source: found["copying"] for source, found in samples["sources"].items()}
    shapes = {source: found["shape"] for source, found in samples["sources"].items()}
    return {
        "recipe": " ".join(CASES[name]),
        "latents": run.vae.latent,
        "live_dimensions": record["live_dimensions"],
        "held_out": samples["n"],
        "classifier_accuracy": samples["classifier_accuracy"],
        "distances": distances(record),
        "nearest_training_sample_ratio": {
            source: None if found is None else found["ratio"] for source, found in copying.items()
        },
        "atoms": {source: shape["atoms"] for source, shape in shapes.items()}
        if run.spec.atom
        else None,
        "processor_seconds": clock.spent,
    }


def main() -> None:
    """Measure the cases and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="needed for the digits")
    parser.add_argument("--only", nargs="*", choices=CASES, default=[])
    parser.add_argument("--runs", type=Path, help="keep the runs here")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        **measured_here(),
        "cases": {},
    }
    if options.out and options.out.is_file():
        result["cases"] = json.loads(options.out.read_text())["cases"]
    with tempfile.TemporaryDirectory() as folder:
        root = options.runs or Path(folder)
        for name in options.only or CASES:
            found = compared(name, options.mnist, root / name, options.pictures)
            result["cases"][name] = found
            print(json.dumps({name: found}, indent=2), flush=True)
            if options.out:
                options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
