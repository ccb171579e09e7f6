"""What diffusion costs in a latent space and on the voxels themselves, and how that grows.

    python benchmarks/diffusion.py --out benchmarks/results/diffusion.json

The same U-net, batch and engine on volumes of C x n x n x n voxels and on the latents of a 3-D
convolutional VAE of them (two halvings, so 35 -> 9): the processor's seconds of a training step,
for every n of --sizes. `vae_step_seconds` is a step of that VAE, which has to be trained first.

With --minutes, also quality against time on made-up proteins of --quality-sizes voxels: a VAE and
two diffusions, one on its latents and one on the voxels, each trained for so many minutes; the
Frechet distance of samples from held-out volumes at each doubling of the time, in the space of the
first principal components of other proteins (it is no FID). `equal_quality` is the worst distance
that samples from latents had, and when either side was as good; where the voxels never were, the
ratio of times is a lower bound. Sizes that --out has already and that are not asked for stay there.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from machine import measured_here
from spread import spread
from vaestro.data.arrays import from_array
from vaestro.data.stream import BatchStream
from vaestro.data.volumes.molecules import MoleculesConfig, load_molecules
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run, load
from vaestro.experiments.watch import Quiet
from vaestro.foundation.files import read_json
from vaestro.foundation.samples import SampleSpec
from vaestro.foundation.schedules import Horizon
from vaestro.generation.diffusion.latents import as_samples, latent_shape, standardisation
from vaestro.generation.diffusion.model import DiffusionConfig, LatentDiffusion
from vaestro.generation.diffusion.prior import DiffusionPrior, SamplingConfig
from vaestro.generation.diffusion.task import DiffusionTask
from vaestro.generation.priors.latents import Latents
from vaestro.metrics.frechet import frechet_distance
from vaestro.training import plan as planning
from vaestro.training.config import TrainingConfig
from vaestro.training.loop import evaluation_weights
from vaestro.training.optimiser import build_optimiser
from vaestro.training.state import Meter, TrainState
from vaestro.training.step import Stepper

CPU = torch.device("cpu")
UNET = {"kind": "unet", "width": 16, "channels": [32, 64], "blocks": 1}
LATENTS, CHANNELS = 4, [16, 32]
COMPONENTS, SAMPLED, STEPS = 16, 128, 10


def vae_recipe(name: str, batch: int, epochs: int) -> Recipe:
    """A VAE with latents on a grid, two halvings from the voxels."""
    convolution = {"kind": "convolution", "normalisation": "group"}
    return Recipe.parse(
        {
            "name": name,
            "data": "digits",  # stands here until the volumes take its place
            "split": {"validation": 0.1, "test": 0.2},
            "transform": "standardise",
            "model": {
                "latent": LATENTS,
                "spatial": True,
                "encoder": {**convolution, "channels": CHANNELS},
                "decoder": {**convolution, "channels": CHANNELS[::-1]},
                "likelihood": {"kind": "gaussian", "variance": "optimal"},
            },
            "training": {
                "epochs": epochs,
                "batch_size": batch,
                "monitor": "off",
                "threads": 1,
                "device": "cpu",
                "snapshot_epochs": 10_000,
            },
        }
    )


@dataclass
class Diffusion:
    """A diffusion on N samples of any shape, and what takes its steps."""

    prior: DiffusionPrior
    state: TrainState
    stepper: Stepper
    stream: BatchStream

    @classmethod
    def on(cls, latents: Latents, shape: tuple[int, ...], batch: int) -> "Diffusion":
        """Before its first step."""
        config = TrainingConfig(batch_size=batch, ema=0.995, clip_norm=1.0, device="cpu", threads=1)
        plan, spec = planning.choose(config), SampleSpec(shape, "real")
        module = LatentDiffusion(DiffusionConfig.parse({"denoiser": UNET}), shape, spec, 0)
        module.standard = standardisation(latents, shape).float()
        task = DiffusionTask(module, plan, 0)
        stream = BatchStream(as_samples(latents, shape, plan), batch, 0)
        state = TrainState(
            module,
            build_optimiser(config, module),
            task.initial_control(CPU),
            Meter.empty(0, CPU),
        )
        stepper = Stepper(task, config, Horizon(10**9, stream.steps_per_epoch), 0)
        sampling = SamplingConfig(sampler={"kind": "heun"}, steps=STEPS)  # type: ignore[arg-type]
        return cls(DiffusionPrior(module.train(), sampling, spec), state, stepper, stream)

    def step(self) -> float:
        """The processor's seconds of the next step."""
        began = time.process_time()
        self.stepper.take(self.state, self.stream.batch(self.state.step))
        return time.process_time() - began

    def drawn(self) -> Tensor:
        """Samples (N, K) by the averaged weights."""
        with evaluation_weights(self.state):
            self.prior.module.eval()
            found = self.prior.draw(SAMPLED, torch.Generator().manual_seed(0))
            self.prior.module.train()
        return found


def step_seconds(step: Callable[[], float], rounds: int) -> dict[str, float]:
    """Minimum, median and maximum over `rounds` steps, after two that warm up."""
    for _ in range(2):
        step()
    return spread([step() for _ in range(rounds)])


def cost(size: int, channels: int, batch: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step on the voxels, on the latents, and of the VAE, at equal batch."""
    shape = (channels, size, size, size)
    random = np.random.default_rng(0)
    volumes = from_array(random.random((4 * batch, *shape), dtype=np.float32), name="volumes")
    recipe = vae_recipe("cost", batch, 1)
    parts = assemble(recipe, planning.choose(recipe.training), volumes)
    grid = latent_shape(parts.vae.head)
    state, stepper = (
        parts.fresh_state(),
        Stepper(parts.task, recipe.training, parts.horizon, 0),
    )
    parts.vae.train()

    def vae_step() -> float:
        began = time.process_time()
        stepper.take(state, parts.stream.batch(state.step))
        return time.process_time() - began

    def diffusion(of: tuple[int, ...]) -> Callable[[], float]:
        values = torch.randn(4 * batch, prod(of), generator=torch.Generator().manual_seed(0))
        return Diffusion.on(Latents(values, None), of, batch).step

    found = {
        "voxel_step_seconds": step_seconds(diffusion(shape), rounds),
        "latent_step_seconds": step_seconds(diffusion(grid), rounds),
        "vae_step_seconds": step_seconds(vae_step, rounds),
    }
    ratio = found["voxel_step_seconds"]["median"] / found["latent_step_seconds"]["median"]
    row = {"size": size, "voxels": prod(shape), "latents": list(grid), "ratio": round(ratio, 1)}
    return {**row, **found}


@dataclass
class Judge:
    """Frechet distances from held-out volumes in the principal components of other volumes, which
    neither a model nor the held-out part has seen: the axes are nobody's own."""

    mean: Tensor
    axes: Tensor
    held: Tensor

    @classmethod
    def of(cls, run: Run, others: Tensor) -> "Judge":
        """Of a run's test split; others: (N, *)."""
        rows = others.flatten(1)
        mean = rows.mean(0)
        axes = torch.linalg.svd(rows - mean, full_matrices=False).Vh[:COMPONENTS].T
        return cls(mean, axes, (natural(run, "test").flatten(1) - mean) @ axes)

    def distance(self, volumes: Tensor) -> float:
        """Of volumes (N, *)."""
        return frechet_distance((volumes.flatten(1) - self.mean) @ self.axes, self.held)


def rendered(source: dict[str, Any]) -> Tensor:
    """The volumes of a source, (N, *) in natural units."""
    data = load_molecules(MoleculesConfig.parse(source))
    return torch.from_numpy(np.asarray(data.values[:], dtype=np.float32) * data.spec.scale)


def natural(run: Run, split: str) -> Tensor:
    """The volumes of a split as they are."""
    return torch.cat([batch.truth for batch in run.batches(split)()])


def _spread_over(rows: Tensor) -> Tensor:
    """So many of them as are sampled, evenly spread: neighbours are of one protein."""
    return rows[torch.linspace(0, len(rows) - 1, SAMPLED).round().long()]


Row = tuple[float, int, float]
"""Processor's seconds of training, steps, distance."""


def followed(diffusion: Diffusion, seconds: float, judged: Callable[[Tensor], float]) -> list[Row]:
    """(processor's seconds of training, steps, distance) at each doubling of the time."""
    spent, due, rows = 0.0, seconds / 16, list[Row]()
    while spent < seconds:
        spent += diffusion.step()
        if spent >= due:
            distance = judged(diffusion.drawn())
            rows.append((round(spent, 1), diffusion.state.step, round(distance, 4)))
            print(rows[-1], flush=True)
            due *= 2
    return rows


def quality(size: int, samples: int, batch: int, minutes: float, epochs: int) -> dict[str, Any]:
    """Distance against time of training, on the latents and on the voxels."""
    source = {"kind": "molecules", "size": size, "samples": samples, "fresh": False}
    recipe = vae_recipe("quality", batch, epochs)
    recipe = Recipe.parse({**recipe.plain(), "data": source})
    with tempfile.TemporaryDirectory() as folder:
        root, began = Path(folder) / "run", time.process_time()
        training.start(recipe, root, Quiet())
        vae_seconds = time.process_time() - began
        run = load(root)
        judge, shape = Judge.of(run, rendered({**source, "seed": 1})), run.spec.shape
        voxels, latents = natural(run, "train"), run.latents("train")
        grid = latent_shape(run.vae.head)
        decoded = judge.distance(
            torch.from_numpy(run.decode(_spread_over(latents.draw(0)).numpy()))
        )
        own = judge.distance(torch.from_numpy(run.sample(SAMPLED)))
        in_latents = followed(
            Diffusion.on(latents, grid, batch),
            60 * minutes,
            lambda z: judge.distance(torch.from_numpy(run.decode(z.numpy()))),
        )
        on_voxels = followed(
            Diffusion.on(Latents(voxels.flatten(1), None), shape, batch),
            60 * minutes,
            lambda x: judge.distance(x),
        )
    return {
        "size": size,
        "minutes": minutes,
        "samples": samples,
        "vae_seconds": round(vae_seconds, 1),
        "distance_of_training_volumes": round(judge.distance(_spread_over(voxels)), 4),
        "distance_of_reconstructed_draws": round(decoded, 4),
        "distance_of_the_vaes_own_prior": round(own, 4),
        "in_latents": in_latents,
        "on_voxels": on_voxels,
        "equal_quality": equal_quality(in_latents, on_voxels),
    }


def equal_quality(in_latents: list[Row], on_voxels: list[Row]) -> dict[str, Any]:
    """When either side first was as good as samples from latents were at their worst."""
    worst = max(distance for _, _, distance in in_latents)
    first = next(seconds for seconds, _, distance in in_latents if distance <= worst)
    reached = [seconds for seconds, _, distance in on_voxels if distance <= worst]
    later = reached[0] if reached else on_voxels[-1][0]
    return {
        "distance": worst,
        "in_latents_seconds": first,
        "on_voxels_seconds": later,
        "on_voxels_reached": bool(reached),
        "ratio": round(later / first, 1),
    }


def main() -> None:
    """Measure and write one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[19, 27, 35])
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.0, help="of training each; 0: none")
    parser.add_argument("--quality-sizes", type=int, nargs="+", default=[11, 15, 19])
    parser.add_argument("--samples", type=int, default=1500)
    parser.add_argument("--vae-epochs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        **measured_here(),
        "batch": options.batch,
        "unet": UNET,
        "cost": [],
    }
    before = read_json(options.out) if options.out and options.out.is_file() else {}
    result["quality"] = before.get("quality", [])
    for size in options.sizes:
        result["cost"].append(cost(size, options.channels, options.batch, options.rounds))
        print(json.dumps(result["cost"][-1]), flush=True)
    result["cost"] = result["cost"] or before.get("cost", [])
    for size in options.quality_sizes if options.minutes else ():
        row = quality(size, options.samples, options.batch, options.minutes, options.vae_epochs)
        others = [one for one in result["quality"] if one["size"] != size]
        result["quality"] = sorted([*others, row], key=lambda one: int(one["size"]))
        write(result, options.out)
    write(result, options.out)


def write(result: dict[str, Any], out: Path | None) -> None:
    """Print the table, and keep it where that is asked for."""
    print(json.dumps(result, indent=2), flush=True)
    if out:
        out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
