"""The live progress display: time left, both terms, live dimensions. On stderr."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vaestro.experiments.assemble import Assembly

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


class TerminalDisplay:
    """A progress bar on a terminal; a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.latest: dict[str, dict[str, Any]] = {}
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.total = 0
        self.latent = 0
        self._shown_at = 0.0

    def started(self, assembly: Assembly, step: int) -> None:
        """Say what is about to be trained and open the bar, in the place of an earlier one."""
        self.close()
        self.total, self.latent = assembly.horizon.steps, assembly.vae.latent
        parameters = sum(p.numel() for p in assembly.vae.parameters())
        data = assembly.material
        self.say(
            f"{assembly.recipe.name}: {len(data.split.train):,} training samples of "
            f"{data.spec.elements:,} elements, {parameters:,} parameters, {self.latent} latents "
            f"(compression {data.spec.elements / self.latent:.1f}x), {self.total:,} steps"
        )
        beta, variance = assembly.effective.values()
        meant = "" if variance is None else f", effective observation variance {variance:.4g}"
        self.say(f"effective beta {beta:.4g}{meant}")
        for note in data.data.notes:
            self.say(f"data: {note}")
        if data.spec.elements < self.latent:
            self.say(
                f"warning: the latent space ({self.latent}) is larger than a sample "
                f"({data.spec.elements} elements): nothing is compressed; lower model.latent"
            )
        if not self.console.is_terminal:
            return
        self.progress = bar_with_figures(self.console)
        self.progress.start()
        self.bar = self.progress.add_task("train", total=self.total, completed=step, figures="")

    def stepped(self, step: int) -> None:
        """Redraw a few times a second; most calls only look at the clock."""
        now = time.monotonic()
        if self.progress is None or self.bar is None:
            if now - self._shown_at >= LINE_SECONDS and self._shown_at:
                self._shown_at = now
                print(f"step {step:,} of {self.total:,} · {self._figures()}", file=sys.stderr)
            self._shown_at = self._shown_at or now
        elif now - self._shown_at >= REFRESH_SECONDS or step == self.total:
            self._shown_at = now
            self.progress.update(self.bar, completed=step, figures=self._figures())
            self.progress.refresh()

    def recorded(self, record: dict[str, Any]) -> None:
        """Keep the newest record of each split."""
        self.latest[record["split"]] = record

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _figures(self) -> str:
        newest = self.latest.get("train") or self.latest.get("validation")
        if newest is None:
            return ""
        return (
            f"epoch {newest['epoch']} · data term {newest['data_term']:.2f} · "
            f"prior term {newest['prior_term']:.2f} · "
            f"live {newest['live_dimensions']}/{self.latent}"
        )
