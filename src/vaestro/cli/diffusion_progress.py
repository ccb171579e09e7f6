"""The live progress of a diffusion prior's training: time left and loss. On stderr."""

from typing import Any

from vaestro.cli.step_bar import StepBar
from vaestro.experiments.diffusion.parts import DiffusionParts


class TerminalDiffusion:
    """A progress bar on a terminal; a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.bar = StepBar(self._figures)
        self.latest: dict[str, dict[str, Any]] = {}

    def started(self, parts: DiffusionParts, step: int) -> None:
        """Say what is about to be trained and open the bar."""
        total = parts.horizon.steps
        parameters = sum(p.numel() for p in parts.module.parameters())
        shape = "x".join(map(str, parts.module.shape))
        self.say(
            f"diffusion along {parts.recipe.path.kind}: {len(parts.train):,} posteriors of {shape} "
            f"latents, {parameters:,} parameters ({parts.recipe.denoiser.kind}), told "
            f"{parts.recipe.condition.kind}, {total:,} steps"
        )
        self.bar.open(total, step)

    def stepped(self, step: int) -> None:
        """Redraw a few times a second; most calls only look at the clock."""
        self.bar.stepped(step)

    def recorded(self, record: dict[str, Any]) -> None:
        """Keep the newest record of each split."""
        self.latest[record["split"]] = record

    def say(self, text: str) -> None:
        """A sentence above the bar."""
        self.bar.say(text)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()

    def _figures(self) -> str:
        losses = [f"{split} {record['loss']:.4g}" for split, record in self.latest.items()]
        epoch = max((record["epoch"] for record in self.latest.values()), default=0)
        return " · ".join([f"epoch {epoch}", *losses])
