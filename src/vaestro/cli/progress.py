"""The live progress display: time left, both terms, live dimensions. On stderr."""

from typing import Any

from vaestro.cli.step_bar import StepBar
from vaestro.experiments.assemble import Assembly


class TerminalDisplay:
    """A progress bar on a terminal; a line every few seconds where there is none."""

    def __init__(self) -> None:
        self.bar = StepBar(self._figures)
        self.latest: dict[str, dict[str, Any]] = {}
        self.latent = 0

    def started(self, assembly: Assembly, step: int) -> None:
        """Say what is about to be trained and open the bar, in the place of an earlier one."""
        self.close()
        total, self.latent = assembly.horizon.steps, assembly.vae.latent
        parameters = sum(p.numel() for p in assembly.vae.parameters())
        data = assembly.material
        self.say(
            f"{assembly.recipe.name}: {len(data.split.train):,} training samples of "
            f"{data.spec.elements:,} elements, {parameters:,} parameters, {self.latent} latents "
            f"(compression {data.spec.elements / self.latent:.1f}x), {total:,} steps"
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
        newest = self.latest.get("train") or self.latest.get("validation")
        if newest is None:
            return ""
        return (
            f"epoch {newest['epoch']} · data term {newest['data_term']:.2f} · "
            f"prior term {newest['prior_term']:.2f} · "
            f"live {newest['live_dimensions']}/{self.latent}"
        )
