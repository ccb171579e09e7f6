"""The live progress of a diffusion prior's training: time left and loss. On stderr."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from vaestro.cli.progress import LINE_SECONDS, REFRESH_SECONDS, bar_with_figures
from vaestro.experiments.diffusion.parts import DiffusionParts


class TerminalDiffusion:
    """A progress bar on a terminal; a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.latest: dict[str, dict[str, Any]] = {}
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.total = 0
        self._shown_at = time.monotonic()

    def started(self, parts: DiffusionParts, step: int) -> None:
        """Say what is about to be trained and open the bar."""
        self.total = parts.horizon.steps
        parameters = sum(p.numel() for p in parts.module.parameters())
        shape = "x".join(map(str, parts.module.shape))
        self.say(
            f"diffusion along {parts.recipe.path.kind}: {len(parts.train):,} posteriors of {shape} "
            f"latents, {parameters:,} parameters ({parts.recipe.denoiser.kind}), told "
            f"{parts.recipe.condition.kind}, {self.total:,} steps"
        )
        if self.console.is_terminal:
            self.progress = bar_with_figures(self.console)
            self.progress.start()
            self.bar = self.progress.add_task("train", total=self.total, completed=step, figures="")

    def stepped(self, step: int) -> None:
        """Redraw a few times a second; most calls only look at the clock."""
        now = time.monotonic()
        if self.progress is None or self.bar is None:
            if now - self._shown_at >= LINE_SECONDS:
                self._shown_at = now
                print(f"step {step:,} of {self.total:,} · {self._figures()}", file=sys.stderr)
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
        losses = [f"{split} {record['loss']:.4g}" for split, record in self.latest.items()]
        epoch = max((record["epoch"] for record in self.latest.values()), default=0)
        return " · ".join([f"epoch {epoch}", *losses])
