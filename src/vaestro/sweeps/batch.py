"""One batch, from its lease to its results: screened, trained as one population, told."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vaestro.experiments.finish import BRIEF
from vaestro.experiments.population import population
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.population.parts import SharedParts
from vaestro.experiments.population.surroundings import Surroundings
from vaestro.experiments.run import load
from vaestro.foundation.errors import RecipeError
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import last_record
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder, copied
from vaestro.sweeps.goal import DIRECTIONS
from vaestro.sweeps.holder import HeldMember, Holder
from vaestro.sweeps.judge import RungJudge
from vaestro.sweeps.ledger.rows import Outcome, Trial, Values
from vaestro.sweeps.screening import Foreknown, foreknown

NLL_SAMPLES = 64
"""Importance samples for a trial's nll, when that is wanted."""


class BatchRun:
    """The work of one lease. What is written counts only under its token."""

    def __init__(
        self,
        folder: SweepFolder,
        definition: Definition,
        holder: Holder,
        shared: SharedParts,
        say: Callable[[str], None],
    ) -> None:
        """`say` hears what a person may want to read in the worker's log."""
        self.say = say
        self.folder, self.definition = folder, definition
        self.holder, self.shared = holder, shared
        self.lease = holder.lease
        self.trials = list(holder.lease.trials)
        self.judge: RungJudge | None = None

    def run(self) -> bool:
        """Do what is left of the batch; False when interrupted. Raises LeaseLostError once another
        worker has it."""
        root = self._taken_over()
        members = self._members()
        self._linked(root, members)
        whole = not members or self._train(root, members)
        if whole:
            self.holder.require(self.holder.ledger.finish_batch(self.lease))
            self._tidy(root)
        return whole

    def _taken_over(self) -> Path:
        """A folder of this lease's own, with all that the last holder's had."""
        root = self.folder.batch(self.lease.batch, self.lease.token)
        before = None if self.lease.folder is None else self.folder.root / self.lease.folder
        if before is not None and PopulationFolder(before).record.is_file():
            copied(before, root)
        else:
            shutil.rmtree(root, ignore_errors=True)
        name = self.folder.relative(root)
        self.holder.require(self.holder.ledger.set_folder(self.lease, name))
        return root

    def _members(self) -> list[Trial]:
        """The trials that are trained, or were, in the order of the population's members; the
        others are told how they end."""
        members = []
        for trial in self.trials:
            if trial.state != "waiting":
                known = not trial.facts["trained"]
            else:
                known = self._screened(trial)
            if not known:
                members.append(trial)
        return members

    def _linked(self, root: Path, members: list[Trial]) -> None:
        """The trials that had ended lie in this holder's copy now."""
        for place, trial in enumerate(members):
            if trial.state != "waiting":
                self.folder.link(trial.number, PopulationFolder(root).member(place).root)

    def _screened(self, trial: Trial) -> bool:
        """Whether the trial's end is known without training it; it is then told."""
        found = self._foreknown(trial)
        self.holder.progress()
        if found is None:
            return False
        facts = {"trained": False, "run": None, "verdict": None}
        self._finish(trial, found.state, found.values, found.reason, facts)
        return True

    def _foreknown(self, trial: Trial) -> Foreknown | None:
        try:
            recipe = self.definition.space.recipe(self.definition.recipe, trial.params)
        except RecipeError as fault:
            return Foreknown("failed", str(fault), None)
        found = foreknown(recipe, self.shared)
        screened = found is not None and found.state == "pruned" and not self.definition.screen
        return None if screened else found

    def _train(self, root: Path, members: list[Trial]) -> bool:
        """Train the members, or go on with them; False when interrupted."""
        self.judge = self._judge_of(members)
        display, around = _Told(self, root, members), Surroundings(self.shared, self.judge)
        if PopulationFolder(root).record.is_file():
            summary = population.resume(root, display, around)
        else:
            shutil.rmtree(root, ignore_errors=True)
            edits = [tuple(trial.edits) for trial in members]
            base, width = self.definition.recipe, self.definition.width
            summary = population.start(base, edits, root, display, width, around)
        if summary["status"] != "finished":
            return False
        for place in range(len(members)):  # those that ended before another holder could tell
            self.told(root, members, place)
        return True

    def _judge_of(self, members: list[Trial]) -> RungJudge | None:
        halving = self.definition.halving
        if halving is None:
            return None
        return RungJudge(self.holder, self.definition, halving, members)

    def told(self, root: Path, members: list[Trial], place: int) -> None:
        """Tell the ledger the result of a member whose run folder is whole."""
        trial = members[place]
        if trial.state != "waiting":
            return
        run = PopulationFolder(root).member(place)
        summary = run.read_summary()
        assert summary is not None, "a member that ended has its summary"
        rung = self._rung(run, summary)
        state, reason = _outcome(summary, rung)
        facts = {
            "trained": True,
            "run": self.folder.link(trial.number, run.root),
            **{name: summary[name] for name in ("status", "verdict", "steps", "seconds")},
        }
        if rung is not None:
            facts["rung"] = rung
        values = None if state == "failed" else self._values(run, summary)
        self._finish(trial, state, values, reason, facts)

    def _rung(self, run: RunFolder, summary: dict[str, Any]) -> int | None:
        """The epoch after which a trial left that was not among the best; None if it did not: one
        that stopped early by itself may have done so at the epoch of a rung."""
        if self.judge is None or not summary.get(BRIEF):
            return None
        return int(last_record(run.history)["epoch"])

    def _values(self, run: RunFolder, summary: dict[str, Any]) -> Values:
        """The figures of the validation split."""
        figures = summary["validation"]
        terms = (figures["data_term"], figures["prior_term"])
        values: Values = {"elbo": None if None in terms else -sum(terms)}
        if self.definition.goal.needs_evaluation:
            self.holder.progress()
            record = load(run.root).evaluate("validation", samples=NLL_SAMPLES, conditioning=False)
            figures = record | figures
        known = {name: figures.get(name) for name in DIRECTIONS if name not in values}
        return values | {name: None if v is None else float(v) for name, v in known.items()}

    def _finish(
        self,
        trial: Trial,
        state: Outcome,
        values: Values | None,
        reason: str | None,
        facts: dict[str, Any],
    ) -> None:
        told = (trial.number, state, values, reason, facts)
        self.holder.require(self.holder.ledger.finish_trial(self.lease, *told))
        place = next(i for i, one in enumerate(self.trials) if one.number == trial.number)
        self.trials[place] = trial._replace(state=state, values=values, facts=facts)

    def _tidy(self, root: Path) -> None:
        """Remove what former holders left."""
        for other in self.folder.batches.glob(f"{self.lease.batch:04d}-*"):
            if other != root:
                shutil.rmtree(other, ignore_errors=True)


class _Told:
    """The display of a population that is trained under a lease."""

    def __init__(self, batch: BatchRun, root: Path, members: list[Trial]) -> None:
        self.batch, self.root, self.members = batch, root, members

    def opened(self, members: int, stacks: list[int]) -> None:
        """The population is about to train."""
        self.batch.holder.progress()

    def member(self, number: int) -> HeldMember:
        """The display of one member."""
        return HeldMember(self.batch.holder, self.batch.say, self.members[number].number)

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """A member has ended, and its folder is whole."""
        self.batch.told(self.root, self.members, number)
        self.batch.holder.progress()

    def say(self, text: str) -> None:
        """A sentence about the batch."""
        self.batch.say(f"batch {self.batch.lease.batch}: {text}")


def _outcome(summary: dict[str, Any], rung: int | None) -> tuple[Outcome, str | None]:
    """How a trial ended that was trained, and why if not as it should."""
    status, verdict = summary["status"], summary["verdict"]
    if status == "diverged":
        return "failed", str(summary["sentence"])
    if status == "stopped_early" and verdict in ("collapsed", "dead_output", "exploding"):
        return "pruned", str(summary["sentence"])
    if rung is not None:
        return "pruned", f"not among the best after {rung} epochs"
    return "finished", None
