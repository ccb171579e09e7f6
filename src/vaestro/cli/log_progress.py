"""The live progress of a log's study: which step it is at, what trains, the time left."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from vaestro.cli.step_bar import LINE_SECONDS, REFRESH_SECONDS
from vaestro.experiments.assemble import Assembly
from vaestro.reports.numerals import duration
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.sweep import Standing


class TerminalLog:
    """One bar over the steps of a study; a line every few seconds where there is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.titles: list[str] = []
        self.shares: list[float] = []
        self.number, self.now = 0, ""
        self._before = 0.0
        self._began = self._shown_at = time.monotonic()

    def opened(self, name: str, titles: list[str], shares: list[float], done: int) -> None:
        """Say how many steps there are and open the bar."""
        self.titles, self.shares = titles, shares
        self._began = time.monotonic()
        self._before = sum(shares[:done])
        self.say(f"{name}: {len(titles)} steps{f', {done} of them taken before' if done else ''}")
        if self.console.is_terminal:
            self.progress = _bar(self.console)
            self.progress.start()
            self.bar = self.progress.add_task("steps", total=sum(shares), left="", at="")
            self.progress.update(self.bar, completed=self._before)

    def begun(self, number: int) -> None:
        """The bar names the step."""
        self.number, self.now = number, ""
        self.say(f"{number + 1} of {len(self.titles)}  {self.titles[number]}")
        self.tick(forced=True)

    def done(self, number: int, held: list[bool]) -> None:
        """How many claims hold."""
        self.say(f"  {held.count(True)} of {len(held)} assertions hold; {self._left(number + 1)}")
        self.number = number + 1
        self.tick(forced=True)

    def run(self, name: str) -> "Training":
        """The display of a run."""
        return Training(self, name)

    def population(self, name: str) -> "Training":
        """The display of a population."""
        return Training(self, name)

    def study(self, name: str) -> "Training":
        """The display of a grid."""
        return Training(self, name)

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def tick(self, forced: bool = False) -> None:
        """Redraw a few times a second; most calls only look at the clock."""
        moment = time.monotonic()
        every = LINE_SECONDS if self.progress is None else REFRESH_SECONDS
        if not forced and moment - self._shown_at < every:
            return
        self._shown_at = moment
        if self.progress is not None and self.bar is not None:
            done = sum(self.shares[: self.number])
            self.progress.update(self.bar, completed=done, left=self._left(self.number))
            self.progress.update(self.bar, at=self.now)
            self.progress.refresh()
        elif not forced:
            print(f"  {self.now}", file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _left(self, taken: int) -> str:
        """The time left, by the steps that were taken since the study began or went on."""
        done, whole = sum(self.shares[:taken]), sum(self.shares)
        since = done - self._before
        if since <= 0:
            return "time left unknown"
        spent = time.monotonic() - self._began
        return f"about {duration(spent * (whole - done) / since)} left"


class Training:
    """What trains in a step of a study: its name and how far it is. What it has to say is kept
    back: the study shows its failures on purpose."""

    def __init__(self, log: TerminalLog, name: str) -> None:
        self.log, self.name = log, name
        self.steps = self.total = 0

    def opened(self, first: int | Definition, second: Any, root: object = None) -> None:
        """A population or a grid is about to train."""

    def started(self, assembly: Assembly, step: int) -> None:
        """A run, or a member, is about to take its next step."""
        self.steps, self.total = self.steps + step, self.total + assembly.horizon.steps

    def stepped(self, step: int) -> None:
        """A step was finished."""
        self.steps += 1
        self.log.now = f"{self.name}: {self.steps:,} of {self.total:,} steps"
        self.log.tick()

    def recorded(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def member(self, number: int) -> "Training":
        """A member of a population counts with the others."""
        return self

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """Nothing."""

    def looked(self, standing: Standing) -> None:
        """How a grid stands now."""
        self.log.now = f"{self.name}: {standing.ended:,} of {standing.sweep.trials:,} trials"
        self.log.tick()

    def say(self, text: str) -> None:
        """Nothing: the chapter says it."""


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[progress.percentage]{task.percentage:>3.0f}%"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[left]} · {task.fields[at]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )
