"""The live progress of a population: members that are done, time left, what stands where."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from vaestro.cli.step_bar import LINE_SECONDS, REFRESH_SECONDS, bar_with_figures
from vaestro.experiments.population.family import Parts

SHOWN = 40
"""So many members are listed at the end; the JSON output has all."""


class TerminalPopulation:
    """One progress bar over the steps of all members; a line every few seconds where there is no
    terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.members = self.ended = self.steps = self.total = 0
        self._known: dict[int, int] = {}
        self._shown_at = time.monotonic()

    def opened(self, members: int, stacks: list[int]) -> None:
        """Say how many members there are, and in what stacks they may train."""
        self.members = members
        kinds = "1 shape" if len(stacks) == 1 else f"{len(stacks)} shapes"
        self.say(f"a population of {members:,} members of {kinds}")
        if self.console.is_terminal:
            self.progress = bar_with_figures(self.console)
            self.progress.start()
            self.bar = self.progress.add_task("train", total=None, figures="")

    def member(self, number: int) -> "TerminalMember":
        """The display of one member."""
        return TerminalMember(self, number)

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """Nothing: the table at the end says it."""

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def began(self, number: int, steps: int, done: int) -> None:
        """A member of `steps` steps in all is about to go on after `done` of them."""
        if number not in self._known:
            self._known[number] = steps
            self.steps += done
        mean = sum(self._known.values()) / len(self._known)
        self.total = round(mean * self.members)

    def stepped(self) -> None:
        """A member finished a step; most calls only look at the clock."""
        self.steps += 1
        now = time.monotonic()
        every = LINE_SECONDS if self.progress is None else REFRESH_SECONDS
        if now - self._shown_at < every:
            return
        self._shown_at = now
        figures = f"{len(self._known):,} of {self.members:,} members have begun"
        if self.progress is None or self.bar is None:
            print(f"{self.steps:,} of {self.total:,} steps · {figures}", file=sys.stderr)
        else:
            self.progress.update(self.bar, completed=self.steps, total=self.total, figures=figures)
            self.progress.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def table(self, summary: dict[str, Any], figures: tuple[str, ...]) -> None:
        """The members, a line each, with these figures of their rows."""
        shown = Table("member", "set", *figures, "verdict", box=None)
        for row in summary["members"][:SHOWN]:
            told = [_number(row.get(name.replace(" ", "_"))) for name in figures]
            word = row.get("verdict") or row["status"]
            shown.add_row(f"{row['number']:03d}", " ".join(row["set"]), *told, word)
        self.console.print(shown)
        if len(summary["members"]) > SHOWN:
            self.say(f"... and {len(summary['members']) - SHOWN} more; --json lists all")


class TerminalMember:
    """What one member of a population tells: its steps count, and only what goes wrong is said."""

    def __init__(self, population: TerminalPopulation, number: int) -> None:
        self.population, self.number = population, number

    def started(self, assembly: Parts, step: int) -> None:
        """The member is about to take its next step."""
        self.population.began(self.number, assembly.horizon.steps, step)

    def stepped(self, step: int) -> None:
        """A step was finished."""
        self.population.stepped()

    def recorded(self, record: dict[str, Any]) -> None:
        """Nothing: the table at the end says it."""

    def say(self, text: str) -> None:
        """The sentence, with the member that it is about."""
        self.population.say(f"{self.number:03d}: {text}")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"
