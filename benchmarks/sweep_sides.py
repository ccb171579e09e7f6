"""Our two ways to look for the best setting: `vaestro sweep`, and every cell of a grid."""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sweep_case import RECIPE, SPACE, Case, Done, Side, assembled, base_of
from vaestro.experiments import train as training
from vaestro.experiments.watch import Quiet
from vaestro.sweeps.search import grid_of
from vaestro.sweeps.space import space_of


def swept(case: Case, seed: int, folder: Path) -> Side:
    """The command as a user gives it, Python's own start included."""
    root = folder / f"sweep-{seed}"
    command = [sys.executable, "-m", "vaestro", "sweep", RECIPE, "--out", str(root)]
    for field, (low, high) in SPACE.items():
        command += ["--vary", f"{field}=log({low},{high})"]
    command += ["--objective", "elbo", "--trials", str(case.trials), "--search", case.search]
    command += [] if case.halving is None else ["--halving", str(case.halving)]
    command += ["--search-seed", str(seed), "--workers", str(case.workers), "--json"]
    command += [word for edit in case.edits for word in ("--set", edit)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(case.threads)}
    began, clock, spent = time.time(), time.perf_counter(), _of_children()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    seconds, spent = time.perf_counter() - clock, _of_children() - spent
    rows = list(csv.DictReader((root / "trials.csv").read_text().splitlines()))
    steps = assembled(case).horizon.steps
    done = [_done(root, row, began, steps) for row in rows if row["run"]]
    return Side(sorted(done, key=lambda one: one.ended), seconds, spent)


def _of_children() -> float:
    """Seconds of the processor that processes which have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _done(root: Path, row: dict[str, str], began: float, steps: int) -> Done:
    """A trial of the sweep by its files: a run's recipe is written before its first step and its
    summary after all. `steps`: those of a run that is not stopped."""
    run = root / row["run"]
    first, last = ((run / name).stat().st_mtime - began for name in ("recipe.yaml", "summary.json"))
    elbo = float(row["elbo"]) if row["elbo"] and row["state"] == "finished" else None
    return Done(first, last, elbo, int(row["steps"]) / steps)


def one_by_one(case: Case, folder: Path) -> Side:
    """Every cell of the grid, trained alone in this process."""
    axes = [f"{field}=log({low},{high},{case.points})" for field, (low, high) in SPACE.items()]
    base, space = base_of(case), space_of(axes, None)
    done: list[Done] = []
    with tempfile.TemporaryDirectory(dir=folder) as runs:
        clock, spent = time.perf_counter(), time.process_time()
        for number, cell in enumerate(grid_of(base, space)):
            began = time.perf_counter() - clock
            recipe = space.recipe(base, cell)
            summary = training.start(recipe, Path(runs) / f"{number}", Quiet())
            ended = time.perf_counter() - clock
            done.append(Done(began, ended, _elbo_in(summary), 1.0))
    return Side(done, done[-1].ended, time.process_time() - spent)


def _elbo_in(summary: dict[str, Any]) -> float | None:
    figures = summary["validation"]
    terms = (figures["data_term"], figures["prior_term"])
    return None if None in terms else -sum(terms)
