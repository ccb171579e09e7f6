"""What the monitor costs: the same recipes with it and without it, in turns, in one process.

    python benchmarks/monitor.py --out benchmarks/results/monitor.json

Seconds are those of the processor from before the first step to after the last one, validations
included. Each round trains a recipe with `training.monitor` warn and off (the order changes from
round to round), and divides the seconds of the first by those of the second; both train the same
bits. On a machine that does other work too that ratio is noisy, so the seconds spent inside the
monitor over all the others are given as well. The
recipes are a small dense network (19 steps an epoch, so that looks are as frequent as they get),
convolutions with batch normalisation, and the 784-400-20 network on MNIST (`--mnist` FOLDER).
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from spread import spread
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.experiments.watch import Quiet
from vaestro.health.monitor.monitor import RunMonitor

NET: dict[str, Any] = {"kind": "convolution", "channels": [8, 16], "normalisation": "batch"}


def recipes(mnist: Path | None) -> dict[str, Recipe]:
    """The recipes by name, each long enough for several looks."""
    quiet = ["training.checkpoint_seconds=600", "training.snapshot_epochs=1000"]
    found = {
        "digits": apply(
            read_recipe("digits"), [*quiet, "training.epochs=60", "training.early_stopping=null"]
        ),
        "convolution": Recipe.parse(
            {
                "name": "convolution",
                "data": {"kind": "digits"},
                "model": {"latent": 8, "encoder": NET, "decoder": NET},
                "training": {"epochs": 40, "batch_size": 32, "threads": 1, "snapshot_epochs": 1000},
            }
        ),
    }
    if mnist is not None:
        edits = [f"data.path={mnist}", "training.epochs=2", "training.threads=1", "split.test=0.0"]
        found["784-400-20"] = apply(read_recipe("mnist-dense"), [*quiet, *edits])
    return found


class Clock(Quiet):
    """Reads the processor's clock before the first step and after every one."""

    def started(self, assembly: object, step: int) -> None:
        """The run begins."""
        self.began = self.last = time.process_time()

    def stepped(self, step: int) -> None:
        """A step was finished."""
        self.last = time.process_time()


class Inside:
    """Counts the processor's seconds that the monitor takes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        for name in ("trained", "validated", "good"):
            setattr(RunMonitor, name, self._timed(getattr(RunMonitor, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            began = time.process_time()
            result = method(*given)
            self.seconds += time.process_time() - began
            return result

        return timed

    def taken(self) -> float:
        """The seconds since the last call."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


class Trained(NamedTuple):
    """Seconds of training, those of them inside the monitor, and the history."""

    seconds: float
    inside: float
    history: bytes


def trained(recipe: Recipe, kind: str, inside: Inside) -> Trained:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        root, clock = Path(folder) / "run", Clock()
        training.start(apply(recipe, [f"training.monitor={kind}"]), root, clock)
        history = (root / "history.jsonl").read_bytes()
        return Trained(clock.last - clock.began, inside.taken(), history)


def measured(recipe: Recipe, rounds: int, inside: Inside) -> dict[str, Any]:
    """The ratio of the two, round by round. Raises AssertionError unless both are the same run."""
    ratios, shares = [], []
    times: dict[str, list[float]] = {"warn": [], "off": []}
    for number in range(rounds):
        order = ("warn", "off") if number % 2 else ("off", "warn")
        both = {kind: trained(recipe, kind, inside) for kind in order}
        warn, off = both["warn"], both["off"]
        assert warn.history == off.history, "the monitor changed the run"
        ratios.append(warn.seconds / off.seconds)
        shares.append(warn.inside / (warn.seconds - warn.inside))
        for kind, run in both.items():
            times[kind].append(run.seconds)
    return {
        "rounds": rounds,
        "ratio": spread(ratios),
        "ratio_of_fastest": round(min(times["warn"]) / min(times["off"]), 4),
        "inside_over_outside": spread(shares),
        "seconds": {kind: spread(values) for kind, values in times.items()},
    }


def main() -> None:
    """Run every recipe and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    inside = Inside()
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "recipes": {
            name: measured(recipe, options.rounds, inside)
            for name, recipe in recipes(options.mnist).items()
        },
    }
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
