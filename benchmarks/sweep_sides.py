"""Our two ways to look for the best setting: `vaestro sweep`, and every cell of a grid."""

import csv
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from sweep_case import RECIPE, SPACE, Case, Done, Side, assembled, base_of
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.watch import Quiet
from vaestro.sweeps.search import grid_of
from vaestro.sweeps.space import space_of

LOOK_SECONDS = 1.0
"""How often it is looked whether a sweep has found what ends it."""


def swept(case: Case, seed: int, folder: Path) -> Side:
    """The command as a user gives it, Python's own start included."""
    root = folder / f"sweep-{seed}"
    command = [sys.executable, "-m", "vaestro", "sweep", RECIPE, "--out", str(root)]
    for field, (low, high) in SPACE.items():
        command += ["--vary", f"{field}=log({low},{high})"]
    command += ["--objective", "elbo", "--trials", str(case.trials), "--search", case.search]
    command += [] if case.halving is None else ["--halving", str(case.halving)]
    command += [] if case.default else ["--no-default"]
    command += ["--search-seed", str(seed), "--workers", str(case.workers), "--json"]
    command += [word for edit in case.edits for word in ("--set", edit)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(case.threads)}
    began, clock, spent = time.time(), time.perf_counter(), _of_children()
    with tempfile.TemporaryFile("w+") as told:  # a pipe that nobody reads would fill
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=told)
        if case.until is not None:
            _stop_at_hit(process, case, root)
        status = process.wait()
        told.seek(0)
        assert case.until is not None or status == 0, told.read()
    seconds, spent = time.perf_counter() - clock, _of_children() - spent
    rows = list(csv.DictReader((root / "trials.csv").read_text().splitlines()))
    steps = assembled(case).horizon.steps
    done = [_done(root, row, began, steps) for row in rows if row["run"]]
    return Side(sorted(done, key=lambda one: one.ended), seconds, spent)


def _stop_at_hit(process: subprocess.Popen[bytes], case: Case, root: Path) -> None:
    """Ask the sweep in `root` to stop once a trial has what ends it; at once, if it ends before."""
    while process.poll() is None and not any(map(case.ends, _elbos_in(root))):
        time.sleep(LOOK_SECONDS)
    process.send_signal(signal.SIGINT)  # nothing, where it has ended


def _elbos_in(root: Path) -> Iterator[float | None]:
    """Those of the trials of the sweep in `root` that were trained to their ends."""
    for path in root.glob("trials/*/summary.json"):
        summary = json.loads(path.read_text())
        if summary["status"] == "finished":
            yield _elbo_in(summary)


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


def whole_grid(case: Case, folder: Path) -> Side:
    """Every cell of the grid as a run of its own, `workers` processes at a time."""
    axes = [f"{field}=log({low},{high},{case.points})" for field, (low, high) in SPACE.items()]
    base, space = base_of(case), space_of(axes, None)
    recipes = [space.recipe(base, cell) for cell in grid_of(base, space)]
    fresh, began = multiprocessing.get_context("spawn"), time.time()
    with (
        tempfile.TemporaryDirectory(dir=folder) as runs,
        ProcessPoolExecutor(case.workers, fresh, torch.set_num_threads, (case.threads,)) as pool,
    ):
        roots = [Path(runs) / f"{number}" for number in range(len(recipes))]
        found = list(pool.map(_alone, recipes, roots))
    done = [Done(first - began, last - began, elbo, 1.0) for first, last, elbo, _ in found]
    done = sorted(done, key=lambda one: one.ended)
    return Side(done, done[-1].ended, sum(spent for *_, spent in found))


def _alone(recipe: Recipe, root: Path) -> tuple[float, float, float | None, float]:
    """Train one run; when it began and ended, its elbo, and its seconds of the processor."""
    began, spent = time.time(), time.process_time()
    summary = training.start(recipe, root, Quiet())
    return began, time.time(), _elbo_in(summary), time.process_time() - spent


def _elbo_in(summary: dict[str, Any]) -> float | None:
    figures = summary["validation"]
    terms = (figures["data_term"], figures["prior_term"])
    return None if None in terms else -sum(terms)
