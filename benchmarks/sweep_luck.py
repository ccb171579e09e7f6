"""How long two searches take to their first hit in the mean over many seeds, which no machine has
time to measure: played in virtual time on a surface that was.

    vaestro sweep mnist-dense --search grid --out GRID --objective elbo \\
        --vary 'objective.beta=log(0.25,16,9)' --vary 'training.learning_rate=log(1e-4,1e-2,9)' ...
    python benchmarks/sweep_luck.py --grid GRID --out benchmarks/results/sweep-luck.json

Between the settings of the grid the cost of a trial after so many epochs is interpolated (cubic, in
its logarithm). The searches are the real ones: our own questions, batches and rungs, Optuna's TPE
as pythae's side of `sweep.py` has it. What takes time is told: `--ready` and `--trial` are the
seconds of a sweep before its first run and of a trial beside its steps, `--epoch` those of an epoch
of one of two workers; `--pythae-ready` those of pythae's side before its first run and `--pythae`
those of a whole one, two at a time.
"""

import argparse
import csv
import heapq
import json
import math
import statistics
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from scipy.interpolate import RegularGridInterpolator

from spread import spread
from sweep_case import BETA, RATE, RECIPE, SPACE
from sweep_causes import NEAR
from vaestro.experiments.recipe import read_recipe
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.halving import HalvingConfig, leaving
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import Question, ask
from vaestro.sweeps.space import space_of

GOAL = Goal(figures=("elbo",))
AXES = [f"{name}=log({low},{high})" for name, (low, high) in SPACE.items()]
WORKERS, TRIALS, POINTS, ETA = 2, 64, 8, 3
FLOOR = 60.0
"""Nats below which no cost lies: what is interpolated is the logarithm of what is above."""


class Pace(NamedTuple):
    """What takes how many seconds."""

    ready: float
    trial: float
    epoch: float
    pythae_ready: float
    pythae: float


class Surface:
    """The negative elbo of a setting after an epoch, from the runs of a grid in `root`."""

    def __init__(self, root: Path) -> None:
        found: dict[tuple[float, float], dict[int, float]] = {}
        for row in csv.DictReader((root / "trials.csv").read_text().splitlines()):
            found[math.log(float(row[BETA])), math.log(float(row[RATE]))] = _costs(
                root / row["run"] / "history.jsonl"
            )
        self.places = [sorted({key[axis] for key in found}) for axis in (0, 1)]
        self.epochs = max(min(found.values(), key=len))
        betas, rates = self.places
        self._at = {}
        for epoch in range(1, self.epochs + 1):
            table = [
                [math.log(found[beta, rate][epoch] - FLOOR) for rate in rates] for beta in betas
            ]
            self._at[epoch] = RegularGridInterpolator(self.places, np.array(table), method="cubic")

    def cost(self, params: dict[str, Any], epoch: int) -> float:
        """Of these params after `epoch` epochs."""
        place = (math.log(params[BETA]), math.log(params[RATE]))
        kept = [np.clip(x, axis[0], axis[-1]) for x, axis in zip(place, self.places, strict=True)]
        return FLOOR + float(np.exp(self._at[epoch](kept)[0]))

    def limit(self) -> float:
        """The cost of a hit: near the best of POINTS x POINTS settings."""
        axes = [np.geomspace(*ends, POINTS) for ends in SPACE.values()]
        best = min(self.cost({BETA: b, RATE: r}, self.epochs) for b in axes[0] for r in axes[1])
        return best * (1 + NEAR)


def _costs(path: Path) -> dict[int, float]:
    records = map(json.loads, path.read_text().splitlines())
    return {
        one["epoch"]: one["data_term"] + one["prior_term"]
        for one in records
        if one["split"] == "validation" and one["epoch"]
    }


class Sweep:
    """A sweep of ours in virtual time, with halving, two workers and members in turns."""

    def __init__(self, surface: Surface, pace: Pace, search: str, seed: int) -> None:
        base, space = read_recipe(RECIPE), space_of(AXES, None)
        self.surface, self.pace, self.limit = surface, pace, surface.limit()
        self.definition = Definition(
            recipe=base, space=space, goal=GOAL, search=search, seed=seed, growing=True,
            default=False, halving=HalvingConfig(eta=ETA), batch=TRIALS // 8,
        )  # fmt: skip
        self.rungs = self.definition.halving.rungs(surface.epochs)
        self.trials: list[Trial] = []
        self.reached: dict[int, dict[int, float]] = {}
        self.remembered: dict[str, Any] = {}
        self.hit = False

    def seconds_to_hit(self) -> float | None:
        """Until the first trial ends that is one."""
        workers = [self._work() for _ in range(WORKERS)]
        due = [(self.pace.ready, number) for number in range(WORKERS)]
        while due and not self.hit:
            now, number = heapq.heappop(due)
            taken = next(workers[number], None)
            if taken is not None:
                heapq.heappush(due, (now + taken, number))
        return now if self.hit else None

    def _work(self) -> Iterator[float]:
        """A worker: the seconds that each of its acts takes."""
        while count := self.definition.next_batch(len(self.trials), TRIALS):
            live, before = self._asked(count), 0
            yield len(live) * self.pace.trial
            for epoch in (*self.rungs, self.surface.epochs):
                for _ in live:
                    yield (epoch - before) * self.pace.epoch
                live, before = self._compared(live, epoch), epoch

    def _asked(self, count: int) -> list[int]:
        question = Question(
            self.definition.recipe, self.definition.space, GOAL, self.definition.search,
            self.definition.seed, self.trials, self.remembered, default=False, reached=self.reached,
        )  # fmt: skip
        proposals, self.remembered = ask(question, count)
        numbers = [len(self.trials) + place for place in range(len(proposals))]
        for number, (params, edits, attrs) in zip(numbers, proposals, strict=True):
            told = (params, edits, attrs, "waiting", None, None, {}, None)
            self.trials.append(Trial(number, 0, number, *told))
        return numbers

    def _compared(self, live: list[int], epoch: int) -> list[int]:
        """Who goes on from `epoch`; the others, and at the end all, are told."""
        costs = {number: self.surface.cost(self.trials[number].params, epoch) for number in live}
        if epoch == self.surface.epochs:
            over = dict.fromkeys(live)
            self.hit |= any(cost <= self.limit for cost in costs.values())
        else:
            for number, cost in costs.items():
                self.reached.setdefault(number, {})[epoch] = cost
            arrived = [one[epoch] for one in self.reached.values() if epoch in one]
            over = leaving(ETA, epoch, costs, arrived)
        for number in over:
            whole = epoch == self.surface.epochs
            facts = {} if whole else {"rung": epoch}
            state = "finished" if whole else "pruned"
            values = {"elbo": -costs[number]}
            self.trials[number] = self.trials[number]._replace(
                state=state, values=values, facts=facts
            )
        return [number for number in live if number not in over]


def with_optuna(surface: Surface, pace: Pace, seed: int) -> float | None:
    """pythae under Optuna's default TPE, two runs at a time: seconds to the first hit."""
    limit = surface.limit()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    due: list[tuple[float, int, optuna.Trial]] = []

    def begin(now: float) -> None:
        trial = study.ask()
        for name, ends in SPACE.items():
            trial.suggest_float(name, *ends, log=True)
        heapq.heappush(due, (now + pace.pythae, trial.number, trial))

    for _ in range(WORKERS):
        begin(pace.pythae_ready)
    for _ in range(TRIALS):
        now, _, trial = heapq.heappop(due)
        cost = surface.cost(trial.params, surface.epochs)
        if cost <= limit:
            return now
        study.tell(trial, -cost)
        begin(now)
    return None


def played(play: Callable[[int], float | None], seeds: int) -> dict[str, Any]:
    """Seconds to the hit over the seeds, and how many had none in all their trials."""
    found = [play(seed) for seed in range(seeds)]
    known = [seconds for seconds in found if seconds is not None]
    error = statistics.stdev(known) / math.sqrt(len(known))
    mean = {"mean": statistics.mean(known), "standard_error": error}
    return {**spread(known), **mean, "without": len(found) - len(known)}


def main() -> None:
    """Play both searches, for runs as long as the grid's and for some times as long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--ready", type=float, default=5.0)
    parser.add_argument("--trial", type=float, default=0.3)
    parser.add_argument("--epoch", type=float, default=0.37)
    parser.add_argument("--pythae-ready", type=float, default=2.5)
    parser.add_argument("--pythae", type=float, default=19.0)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    surface, result = Surface(options.grid), {}
    for times in options.times:
        pace = Pace(
            ready=options.ready,
            trial=options.trial,
            epoch=times * options.epoch,
            pythae_ready=options.pythae_ready,
            pythae=times * options.pythae,
        )
        rows = {"pythae": played(lambda seed, p=pace: with_optuna(surface, p, seed), options.seeds)}
        for search in ("tpe", "gp"):
            rows[search] = played(
                lambda seed, p=pace, s=search: Sweep(surface, p, s, seed).seconds_to_hit(),
                options.seeds,
            )
            rows[search]["times"] = rows["pythae"]["mean"] / rows[search]["mean"]
        result[f"runs {times} times as long"] = rows
        print(json.dumps(rows, indent=1), flush=True)
    if options.out:
        told = {name: value for name, value in vars(options).items() if name not in ("grid", "out")}
        options.out.write_text(json.dumps({**told, **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
