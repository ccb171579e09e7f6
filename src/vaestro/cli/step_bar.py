"""A progress bar over the steps of a training; a line every few seconds without a terminal."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

REFRESH_SECONDS = 0.2
LINE_SECONDS = 5.0


def bar_with_figures(console: Console) -> Progress:
    """A bar with the share done, the time left and the task's `figures`; drawn when it is told."""
    return Progress(
        TextColumn("[progress.percentage]{task.percentage:>3.0f}%"),
        BarColumn(bar_width=24),
        TimeRemainingColumn(compact=True),
        TextColumn("left · {task.fields[figures]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )


class StepBar:
    """Sentences on stderr, and below them how far the steps are with some `figures`."""

    def __init__(self, figures: Callable[[], str]) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.total = 0
        self._figures = figures
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._shown_at = 0.0

    def open(self, total: int, step: int) -> None:
        """Show a bar of `total` steps, `step` of them done, where there is a terminal."""
        self.total, self._shown_at = total, time.monotonic()
        if self.console.is_terminal:
            self._progress = bar_with_figures(self.console)
            self._progress.start()
            self._bar = self._progress.add_task("train", total=total, completed=step, figures="")

    def stepped(self, step: int) -> None:
        """Redraw a few times a second; most calls only look at the clock."""
        now = time.monotonic()
        if self._progress is None or self._bar is None:
            if now - self._shown_at >= LINE_SECONDS:
                self._shown_at = now
                print(f"step {step:,} of {self.total:,} · {self._figures()}", file=sys.stderr)
        elif now - self._shown_at >= REFRESH_SECONDS or step == self.total:
            self._shown_at = now
            self._progress.update(self._bar, completed=step, figures=self._figures())
            self._progress.refresh()

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
