"""Seconds until the best setting is found: `vaestro sweep`, the whole grid, pythae + Optuna.

    python -m pip install --no-deps pythae==0.1.2 && python -m pip install imageio tqdm cloudpickle
    python benchmarks/sweep.py --mnist FOLDER --out benchmarks/results/sweep-MACHINE.json

beta from 0.25 to 16 and a constant learning rate from 1e-4 to 1e-2, both logarithmic, of a
784-400-20 network with a Bernoulli likelihood, batch 100, on the first `--images` training images.
What counts is the elbo (beta 1) of a fifth of them that is not trained on, and found is what comes
within 1 % of the best of 64 grid points, which our engine trains first and once, each as a run of
its own, as many at a time as a search has workers. A round is one seed of the search; its sides run
one after the other, in an order that turns from round to round:

sweep          the command `vaestro sweep`, its start and its page included
sweep in bf16  the same with `--set training.precision=bf16`
pythae         pythae's trainer under Optuna's `study.optimize` with its TPE, from our first weights

Both searches are given the recipe's own setting (beta 1, learning rate 1e-3) as their first trial,
or neither (`--no-default`).

Seconds are those of the clock; `processor_seconds` those of the processor, for machines that do
other work too. To pythae's side is added what Python takes to load pythae and Optuna; its data
are in memory by then, ours load them.

The share of each cause divides the seconds to the first hit of pythae's side by those of the sweep
exactly: engine (a run of pythae's over one of ours in the grid), population (a run of ours in the
grid over one in the sweep), stopping (runs that were begun over those that were trained to their
ends), search (runs that it took), and what the sweep needs before its first run.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from sweep_case import Case, Side, subset
from sweep_causes import SWEEPS, Row, best_of, by_chance, causes, least_of, table, told
from sweep_optuna import with_optuna
from sweep_sides import swept, whole_grid


def round_of(case: Case, seed: int, folder: Path, grid: Side, to_hit: bool) -> Row:
    """Every search once, in turn; `grid` was there before. `to_hit`: each is ended by its first
    hit."""
    case = case._replace(until=least_of(best_of(grid))) if to_hit else case
    half = case._replace(edits=(*case.edits, "training.precision=bf16"))
    makes: dict[str, Callable[[], Side]] = {
        name: partial(swept, of, seed, folder / name)
        for name, of in zip(SWEEPS, (case, half), strict=True)
    }
    if find_spec("pythae"):
        makes["pythae"] = partial(with_optuna, case, seed)
    names = list(makes)
    order = names[seed % len(names) :] + names[: seed % len(names)]
    made = {name: makes[name]() for name in order} | {"grid": grid}
    best = best_of(grid)
    sides = {name: told(side, best) for name, side in made.items()}
    found = {name: causes(sides, name) for name in SWEEPS}
    result: Row = {"seed": seed, "order": order, "sides": sides, "causes": found}
    return result | {"grid_by_chance": by_chance(sides["grid"])}


def lines(values: Row, before: str = "") -> Iterator[str]:
    """A table as text: minimum / median / maximum over the rounds."""
    for name, value in values.items():
        if value is None:
            yield f"{before}{name}: never"
        elif "median" in value:
            shown = " / ".join(f"{value[at]:.4g}" for at in ("min", "median", "max"))
            yield f"{before}{name}: {shown}"
        else:
            yield from lines(value, f"{before}{name}, ")


def case_of(options: argparse.Namespace, images: Path) -> Case:
    """What the options ask for."""
    edits = (
        f"data.path={images}",
        "split.test=0.0",
        "split.validation=0.2",
        f"training.epochs={options.epochs}",
        f"training.threads={options.threads}",
        f"training.device={options.device}",
        "training.learning_rate=1e-3",
    )
    sizes = (options.epochs, options.trials, options.points)
    machine = (options.threads, options.workers, options.device)
    return Case(edits, *sizes, *machine, options.search, options.halving, options.default)


def main() -> None:
    """Measure the rounds and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    for name, value in {
        "images": 5000,
        "epochs": 5,
        "trials": 64,
        "points": 8,
        "rounds": 5,
        "first-seed": 0,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes of a sweep and of the grid; pythae's threads",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--search", default="tpe")
    parser.add_argument("--halving", type=int, help="the sweep's --halving")
    parser.add_argument(
        "--default",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="both searches begin with the recipe's own setting",
    )
    parser.add_argument(
        "--to-hit", action="store_true", help="every search is ended by its first hit"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of a size that shows no speed"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.quick:
        small = {"images": 500, "epochs": 1, "trials": 6, "points": 2, "rounds": 1}
        vars(options).update(small)
    torch.set_num_threads(options.threads)
    asked = {name: value for name, value in vars(options).items() if name not in ("mnist", "out")}
    machine = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as folder:
        case = case_of(options, subset(options.mnist, options.images, Path(folder)))
        measure(case, options, {**machine, **asked}, Path(folder))


def measure(case: Case, options: argparse.Namespace, about: Row, folder: Path) -> None:
    """The grid once, then the rounds of the searches; the table is written after each."""
    grid = whole_grid(case, folder)
    rounds: list[Row] = []
    for seed in range(options.first_seed, options.first_seed + options.rounds):
        rounds.append(round_of(case, seed, folder / f"round-{seed}", grid, options.to_hit))
        print(json.dumps(rounds[-1]), flush=True)
        result = {**about, **table(rounds, options.to_hit), "rounds": rounds}
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(lines(table(rounds, options.to_hit))))


if __name__ == "__main__":
    main()
