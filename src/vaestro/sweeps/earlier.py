"""A warm start: what an earlier sweep found, told to a new one's search."""

from pathlib import Path
from typing import Any

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.extrapolation import gone_on
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.space import Space
from vaestro.sweeps.stored_ledger import stored_ledger


class Earlier(Config):
    """A trial of another sweep: its setting and its figures."""

    params: dict[str, Any]
    values: dict[str, float]

    def as_trial(self) -> Trial:
        """The same as a trial that is told to a search."""
        return Trial(-1, -1, 0, self.params, [], {}, "finished", dict(self.values), None, {}, None)


def earlier_of(root: Path, space: Space, goal: Goal) -> list[Earlier]:
    """The trials of the sweep in `root` whose settings lie in `space` and have every figure of
    `goal`. Raises RecipeError in one line when there is none."""
    folder = SweepFolder(root)
    with stored_ledger(folder) as (ledger, id):
        trials = _whole(folder, ledger, id, goal)
    told = [_told(trial, goal) for trial in trials if space.holds(trial.params)]
    fitting = [one for one in told if one is not None]
    if not fitting:
        raise RecipeError(
            f"--warm-start {root}: none of its {len(trials)} trials has exactly the fields "
            f"{', '.join(space.fields)} within this space and the figures "
            f"{', '.join(sorted(goal.wanted))}; give another sweep, or leave it out"
        )
    return fitting


def _whole(folder: SweepFolder, ledger: Ledger, id: str, goal: Goal) -> list[Trial]:
    """The sweep's trials; those that left at a rung as if they had gone on, where the rungs were of
    the only figure of `goal`, and else left out."""
    trials, halving = ledger.trials(id), folder.read_definition()["halving"]
    if halving and goal.wanted == {*folder.read_definition()["goal"]["figures"]}:
        trials = gone_on(trials, ledger.rungs(id), goal.figures[0])
    return [trial for trial in trials if "rung" not in trial.facts]


def _told(trial: Trial, goal: Goal) -> Earlier | None:
    values = {name: value for name, value in (trial.values or {}).items() if value is not None}
    if not goal.wanted <= values.keys():
        return None
    return Earlier(params=trial.params, values={name: values[name] for name in goal.wanted})
