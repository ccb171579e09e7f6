"""Who looks on while a diffusion prior trains: the display, and the keeper of times and samples."""

from typing import Any, Protocol

from vaestro.experiments.diffusion.parts import DiffusionParts
from vaestro.experiments.snapshots import SHOWN, write_arrays
from vaestro.experiments.watch import Onlooker, Times
from vaestro.foundation.randomness import Stream
from vaestro.generation.sampling import sample
from vaestro.health.monitor.causes import words
from vaestro.runs.folder import RunFolder
from vaestro.training.state import TrainState


class DiffusionDisplay(Onlooker, Protocol):
    """What shows progress to a person."""

    def started(self, parts: DiffusionParts, step: int) -> None:
        """The training is about to take its first step (or the first after a resume)."""


class DiffusionKeeper:
    """The loop's watcher: forwards to the display, keeps times and decoded samples."""

    def __init__(self, folder: RunFolder, parts: DiffusionParts, display: DiffusionDisplay) -> None:
        self.folder, self.parts, self.display = folder, parts, display
        self.times = Times(folder)

    def stepped(self, step: int) -> None:
        """Forward to the display."""
        self.display.stepped(step)

    def recorded(self, record: dict[str, Any]) -> None:
        """Forward, and note when it happened."""
        self.display.recorded(record)
        self.times.note(record)

    def noticed(self, event: dict[str, Any]) -> None:
        """Tell the person, in words with what to change."""
        self.display.say(words(event))

    def validated(self, state: TrainState, epoch: int) -> None:
        """At the validation after every snapshot_epochs, decoded samples of the prior as it is."""
        training = self.parts.recipe.training
        before = max(0, epoch - training.validate_epochs)
        if epoch // training.snapshot_epochs > before // training.snapshot_epochs:
            seed = self.parts.recipe.seed
            drawn = sample(
                self.parts.run.vae, SHOWN, seed, stream=Stream.PICTURES, fitted=self.parts.prior
            )
            write_arrays(self.folder.snapshots / f"epoch-{epoch:04d}.npz", samples=drawn)
