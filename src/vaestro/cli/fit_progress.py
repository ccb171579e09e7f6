"""How a fit goes on the terminal: the bar of a training, or one for what is no run."""

import sys
import time

from rich.progress import Progress, TaskID

from vaestro.cli.progress import (
    LINE_SECONDS,
    REFRESH_SECONDS,
    TerminalDisplay,
    bar_with_figures,
)


class TerminalFit:
    """`tick` draws a bar with the time left on a terminal, and writes a line every few seconds
    where there is none; `training` shows a second VAE's training."""

    def __init__(self) -> None:
        self.training = TerminalDisplay()
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self._shown_at = time.monotonic()

    def tick(self, done: int, most: int, word: str) -> None:
        """`done` of at most `most` steps; `word`: how it goes."""
        now = time.monotonic()
        if not self.training.console.is_terminal:
            if now - self._shown_at >= LINE_SECONDS:
                self._shown_at = now
                print(f"step {done:,} of at most {most:,} · {word}", file=sys.stderr)
            return
        if self.progress is None:
            self.progress = bar_with_figures(self.training.console)
            self.progress.start()
            self.bar = self.progress.add_task("fit", total=most, figures="")
        if self.bar is not None and (now - self._shown_at >= REFRESH_SECONDS or done == most):
            self._shown_at = now
            self.progress.update(self.bar, completed=done, figures=word)
            self.progress.refresh()

    def close(self) -> None:
        """Take the bars away."""
        self.training.close()
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
