"""What a run folder says, read once: every number and array that a report shows.

Only recipe.yaml and manifest.json must be there; a run that is going, was killed or diverged is
read as far as it came. Letters: N samples, S shown samples, D dimensions walked, V values each,
K latents; * the axes of one sample.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.yaml_text import read_yaml
from vaestro.reports.run_files import (
    Array,
    Record,
    read_arrays,
    read_manifest,
    read_object,
    read_rows,
)
from vaestro.runs.folder import RunFolder

SPLITS = ("train", "validation")
ENDED = ("finished", "stopped_early", "diverged")


@dataclass(frozen=True)
class RunFacts:
    """The contents of one run folder; what is not there is empty.

    `arrays` are those of snapshots/final.npz, or of the newest epoch snapshot under the same
    names. `notes` are sentences about files that could not be read.
    """

    folder: Path
    recipe: str
    settings: Record
    manifest: Record
    history: tuple[Record, ...] = ()
    summary: Record = field(default_factory=dict)
    evaluation: Record = field(default_factory=dict)
    forecast: Record = field(default_factory=dict)
    diagnosis: Record = field(default_factory=dict)
    events: tuple[Record, ...] = ()
    arrays: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The recipe's name, else the folder's."""
        return str(self.manifest.get("name") or self.folder.resolve().name)

    @property
    def steps(self) -> int:
        """The newest step that the history or the summary knows of."""
        told = [row.get("step") for row in self.history[-2:]] + [self.summary.get("steps")]
        return max((int(step) for step in map(finite, told) if step is not None), default=0)

    @property
    def current(self) -> bool:
        """Whether the summary speaks of the run as it is now, not as it was before a resume."""
        return bool(self.summary) and (finite(self.summary.get("steps")) or 0) >= self.steps

    @property
    def status(self) -> str:
        """running, finished, stopped_early, diverged or interrupted."""
        stored = str(self.manifest.get("status", "running"))
        said = self.summary.get("status")
        return str(said) if stored == "running" and self.current and said in ENDED else stored

    @property
    def verdict(self) -> str:
        """The doctor's, else the summary's; without one: exploding for a diverged run, else its
        status."""
        if self.diagnosis.get("verdict") and self.status in ENDED:
            return str(self.diagnosis["verdict"])
        if self.current and self.status != "running" and self.summary.get("verdict"):
            return str(self.summary["verdict"])
        return "exploding" if self.status == "diverged" else self.status

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of one sample."""
        shape = mapping(self.manifest.get("data")).get("shape")
        return tuple(int(size) for size in shape) if isinstance(shape, list) else None

    @property
    def latent(self) -> int | None:
        """K, the number of latent dimensions."""
        if "kl_per_dimension" in self.arrays:
            return len(self.arrays["kl_per_dimension"])
        latent = mapping(self.settings.get("model")).get("latent")
        return latent if isinstance(latent, int) else None

    @property
    def stochastic(self) -> bool:
        """Whether the posterior is a distribution: False for the plain autoencoder."""
        posterior = mapping(self.settings.get("model")).get("posterior")
        kind = posterior.get("kind") if isinstance(posterior, dict) else posterior
        return kind != "deterministic"

    @property
    def baseline(self) -> float | None:
        """The data term of the best constant output, in nats per sample."""
        if "baseline_constant" in self.arrays:
            return finite(float(self.arrays["baseline_constant"]))
        return finite(self.summary.get("baseline_constant"))

    @property
    def live(self) -> int | None:
        """How many latent dimensions are live on held-out data now."""
        live = finite(self.figures("validation").get("live_dimensions"))
        return int(live) if live is not None and self.stochastic else None

    def rows(self, split: str) -> list[Record]:
        """The history of one split, oldest first."""
        return [row for row in self.history if row.get("split") == split]

    def figures(self, split: str) -> Record:
        """The newest figures of a split: the summary's while it is current, else the last row."""
        rows = self.rows(split)
        summarised = self.summary.get(split) if self.current else None
        return summarised if isinstance(summarised, dict) else (rows[-1] if rows else {})


def read_facts(folder: Path, history: Callable[[Path], tuple[Record, ...]] = read_rows) -> RunFacts:
    """Read what is in `folder`; `history` reads the rows of history.jsonl, all of them or some.

    Raises RunFolderError for a folder that is no run. Damaged optional files are left out and
    named in `notes`; damaged lines of a .jsonl file are left out silently, since a run that is
    going or was killed may leave a half-written last one.
    """
    paths = RunFolder(Path(folder))
    paths.require_run()
    notes: list[str] = []
    recipe = paths.recipe.read_text(encoding="utf-8", errors="replace")
    return RunFacts(
        folder=paths.root,
        recipe=recipe,
        settings=_settings(recipe, notes),
        manifest=read_manifest(paths.manifest),
        history=history(paths.history),
        summary=read_object(paths.summary, notes),
        evaluation=read_object(paths.evaluation, notes),
        forecast=read_object(paths.forecast, notes),
        diagnosis=read_object(paths.diagnosis, notes),
        events=read_rows(paths.events),
        arrays=read_arrays(paths.snapshots, notes),
        notes=tuple(notes),
    )


def finite(value: Any) -> float | None:
    """`value` as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:  # an int above all floats
        return None
    return found if math.isfinite(found) else None


def mapping(value: Any) -> Record:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def _settings(recipe: str, notes: list[str]) -> Record:
    try:
        return mapping(read_yaml(recipe, "recipe.yaml"))
    except RecipeError as fault:
        notes.append(str(fault))
        return {}
