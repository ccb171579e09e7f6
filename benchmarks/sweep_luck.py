"""How long two searches take to their first hit in the mean over many seeds, which no machine has
time to measure: played in virtual time on a surface that was.

    vaestro sweep mnist-dense --search grid --out GRID --objective elbo \\
        --vary 'objective.beta=log(0.25,16,9)' --vary 'training.learning_rate=log(1e-4,1e-2,9)' ...
    vaestro sweep ... --out LONGER --vary 'objective.beta=0.420448,0.707107,1.18921,2.0' \\
        --vary 'training.learning_rate=log(3.16228e-4,1e-2,7)' --set training.epochs=81
    python benchmarks/sweep_luck.py --grid GRID --longer LONGER --out FILE

Between the settings of a grid the cost of a trial after so many epochs is interpolated (cubic, in
its logarithm). Runs as long as those of LONGER cost what GRID says until its runs end; where LONGER
has no settings, which are far from the best, they stay there. The searches are the real ones: our
own questions, batches and rungs, Optuna's TPE as pythae's side of `sweep.py` has it. What takes
time is told: `--ready` and `--trial` are the seconds of a sweep before its first run and of a trial
beside its steps, `--epoch` those of an epoch of one of two workers; `--pythae-ready` those of
pythae's side before its first run and `--pythae` those of an epoch, two at a time.
"""

import argparse
import heapq
import json
import math
import statistics
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import optuna

from spread import spread
from sweep_case import RECIPE, SPACE
from sweep_surface import Surface
from vaestro.experiments.recipe import read_recipe
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.halving import HalvingConfig, leaving
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import Question, ask
from vaestro.sweeps.space import space_of

GOAL = Goal(figures=("elbo",))
AXES = [f"{name}=log({low},{high})" for name, (low, high) in SPACE.items()]
WORKERS, TRIALS, ETA = 2, 64, 3


class Pace(NamedTuple):
    """What takes how many seconds."""

    ready: float
    trial: float
    epoch: float
    pythae_ready: float
    pythae: float


class Sweep:
    """A sweep of ours in virtual time, with halving, two workers and members in turns."""

    def __init__(
        self, surface: Surface, pace: Pace, search: str, halving: HalvingConfig, seed: int
    ) -> None:
        base, space = read_recipe(RECIPE), space_of(AXES, None)
        self.surface, self.pace, self.limit = surface, pace, surface.limit()
        self.definition = Definition(
            recipe=base, space=space, goal=GOAL, search=search, seed=seed, growing=True,
            default=False, halving=halving, batch=TRIALS // 8,
        )  # fmt: skip
        self.rungs = halving.rungs(surface.epochs)
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


def compared(surface: Surface, options: argparse.Namespace) -> dict[str, Any]:
    """Both searches in runs as long as the surface, ours by each way to search, and once with a
    rung after the first epoch where there is usually none."""
    whole = options.pythae * surface.epochs
    pace = Pace(options.ready, options.trial, options.epoch, options.pythae_ready, whole)
    rows = {"pythae": played(lambda seed: with_optuna(surface, pace, seed), options.seeds)}
    usual, every = HalvingConfig(eta=ETA), HalvingConfig(eta=ETA, compare_from=0)
    ways = [("tpe", "tpe", usual), ("gp", "gp", usual)]
    if every.rungs(surface.epochs) != usual.rungs(surface.epochs):
        ways.append(("tpe, compared from the first epoch on", "tpe", every))
    for name, search, halving in ways:
        rows[name] = played(
            lambda seed, s=search, h=halving: Sweep(surface, pace, s, h, seed).seconds_to_hit(),
            options.seeds,
        )
        rows[name]["times"] = rows["pythae"]["mean"] / rows[name]["mean"]
    return rows


def main() -> None:
    """Play both searches, for runs as long as the grid's and as the longer ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--longer", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--ready", type=float, default=3.8)
    parser.add_argument("--trial", type=float, default=0.2)
    parser.add_argument("--epoch", type=float, default=0.35)
    parser.add_argument("--pythae-ready", type=float, default=2.2)
    parser.add_argument("--pythae", type=float, default=0.6)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    files = ("grid", "longer", "out")
    result = {name: value for name, value in vars(options).items() if name not in files}
    for longer in [None] if options.longer is None else [None, options.longer]:
        surface = Surface(options.grid, longer)
        result[f"runs of {surface.epochs} epochs"] = rows = compared(surface, options)
        print(json.dumps(rows, indent=1), flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
