"""The live view of a sweep: trials that have ended, the time left, the best of them so far."""

import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from vaestro.cli.step_bar import LINE_SECONDS
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.summary import found
from vaestro.sweeps.sweep import Standing

SHOWN = 12
"""So many trials stand in a table; trials.csv has all."""


class TerminalSweep:
    """A bar and the best trials on a terminal; a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.definition: Definition | None = None
        self.live: Live | None = None
        self.progress = _bar()
        self.bar: TaskID | None = None
        self._shown_at, self._first = time.monotonic(), 0

    def opened(self, definition: Definition, standing: Standing, root: Path) -> None:
        """Say what is searched, and how far it is."""
        self.definition = definition
        space, count = definition.space, standing.sweep.trials
        self.say(
            f"{definition.recipe.name}: {count:,} trials over {', '.join(space.fields)} "
            f"by {definition.search}, in {root}"
        )
        if standing.ended:
            self.say(f"going on: {standing.ended:,} trials have ended")
        if self.console.is_terminal:
            self.bar = self.progress.add_task("trials", total=count, completed=standing.ended)
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()
            self.looked(standing)

    def looked(self, standing: Standing) -> None:
        """Show how it stands now."""
        if self.live is not None and self.bar is not None and self.definition is not None:
            self.progress.update(self.bar, completed=standing.ended)
            self.live.update(Group(self.progress, self._best(standing.trials)), refresh=True)
            return
        now = time.monotonic()
        if now - self._shown_at >= LINE_SECONDS:
            self._shown_at = now
            steps = sum(batch.steps for batch in standing.batches if batch.state == "leased")
            print(
                f"{standing.ended:,} of {standing.sweep.trials:,} trials · "
                f"{steps:,} steps into the batches at work",
                file=sys.stderr,
            )

    def say(self, text: str) -> None:
        """A sentence above the table."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the live view away."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def table(self, summary: dict[str, Any]) -> None:
        """The front, or the best trial of a sweep with one figure; a line each."""
        rows = summary["pareto"]
        if not rows:
            self.say("no trial finished with all its figures")
            return
        names = list(summary["objectives"])
        shown = Table("trial", "set", *names, box=None)
        best = summary["best"]["trial"]
        for row in rows[:SHOWN]:
            mark = " (best)" if row["trial"] == best else ""
            figures = [_number(row["values"][name]) for name in names]
            shown.add_row(f"{row['trial']:04d}{mark}", " ".join(row["set"]), *figures)
        self.console.print(shown)
        if len(rows) > SHOWN:
            self.say(f"... and {len(rows) - SHOWN} more on the front; --json lists all")

    def _best(self, trials: list[Trial]) -> Table:
        """The front as it is now."""
        assert self.definition is not None, "opened first"
        goal = self.definition.goal
        shown = Table("trial", "set", *goal.figures, "state", box=None)
        best, front = found(self.definition, trials)
        chosen = front if best in front or best is None else [best, *front]
        for place in chosen[:SHOWN]:
            trial = trials[place]
            figures = [_number((trial.values or {}).get(name)) for name in goal.figures]
            mark = "best" if place == best else "front"
            shown.add_row(f"{trial.number:04d}", " ".join(trial.edits), *figures, mark)
        return shown


def _bar() -> Progress:
    return Progress(
        TextColumn("[progress.percentage]{task.completed:,.0f} of {task.total:,.0f} trials"),
        BarColumn(bar_width=24),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        auto_refresh=False,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
