"""The run folder: which file lies where, and when a folder may be used."""

import os
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError, one_line
from vaestro.foundation.files import read_object, write_json


class RunFolder:
    """The paths inside one run's folder. Opening it touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recipe = root / "recipe.yaml"
        self.manifest = root / "manifest.json"
        self.history = root / "history.jsonl"
        self.times = root / "times.jsonl"
        self.events = root / "events.jsonl"
        self.forecast = root / "forecast.json"
        self.diagnosis = root / "diagnosis.json"
        self.summary = root / "summary.json"
        self.evaluation = root / "evaluation.json"
        self.checkpoints = root / "checkpoints"
        self.model = root / "model"
        self.snapshots = root / "snapshots"
        self.pictures = root / "pictures"
        self.features = root / "features"
        self.report = root / "report.html"

    def require_run(self) -> None:
        """Raise RunFolderError unless the folder holds a run."""
        if not self.root.is_dir():
            raise RunFolderError(
                f"{self.root} is no folder; give the path of a run that `vaestro train` made"
            )
        if (self.root / "population.json").is_file():
            raise RunFolderError(
                f"{self.root} is a population; give one of its members, such as "
                f"{self.root / 'members' / '000'}"
            )
        if not self.recipe.is_file():
            raise RunFolderError(f"{self.root} holds no recipe.yaml, so it is not a run folder")

    def require_free(self) -> None:
        """Raise RunFolderError if the folder has anything in it, or cannot be made."""
        if self.root.is_file():
            raise RunFolderError(f"{self.root} is a file; give a new folder with --run")
        file = next((parent for parent in self.root.parents if parent.is_file()), None)
        if file is not None:
            raise RunFolderError(f"{file} is a file and can hold no run; give another --run")
        if self.root.is_dir() and any(self.root.iterdir()):
            raise RunFolderError(
                f"{self.root} is not empty; add --resume to go on with the run in it, "
                "or give a new folder with --run"
            )

    def read_summary(self) -> dict[str, Any] | None:
        """What the finished run printed, or None while there is none. Raises RunFolderError for a
        damaged one."""
        return read_object(self.summary) if self.summary.is_file() else None

    def read_manifest(self) -> dict[str, Any]:
        """The manifest; {} before it is written. Raises RunFolderError for a damaged one."""
        return read_object(self.manifest) if self.manifest.is_file() else {}

    def update_manifest(self, **facts: Any) -> None:
        """Add `facts` to the manifest."""
        write_json(self.manifest, {**self.read_manifest(), **facts})


def as_folder(given: Any) -> Path:
    """The path of a run's folder that a Python user gives. Raises RunFolderError for no path."""
    if isinstance(given, (str, os.PathLike)):
        return Path(given)
    raise RunFolderError(
        f"{one_line(repr(given))[:120]} is no path; give that of a run's folder, such as "
        "'runs/digits-001'"
    )


def next_free(parent: Path, name: str) -> Path:
    """parent/name-001, or the first number after it that is not taken."""
    number = 1
    while (parent / f"{name}-{number:03d}").exists():
        number += 1
    return parent / f"{name}-{number:03d}"
