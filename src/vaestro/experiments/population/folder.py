"""The folder of a population: its record, and one run folder for each member.

population.json   the members' edits, and for each stack its plan, its choice and who is in it
members/NNN/      the run folder of member NNN
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.experiments.population.variations import Edits
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_object, write_json
from vaestro.runs.folder import RunFolder


class PopulationFolder:
    """The paths inside a population's folder. Opening it touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = root / "population.json"
        self.members = root / "members"

    def member(self, number: int) -> RunFolder:
        """The run folder of a member."""
        return RunFolder(self.members / f"{number:03d}")

    def clear(self, number: int) -> None:
        """Remove what a member left that was stopped before its first record."""
        shutil.rmtree(self.member(number).root, ignore_errors=True)

    def require_free(self) -> None:
        """Raise RunFolderError if the folder has anything in it."""
        RunFolder(self.root).require_free()

    def read(self) -> dict[str, Any]:
        """The record. Raises RunFolderError where there is none."""
        if not self.record.is_file():
            raise RunFolderError(
                f"{self.root} holds no population.json, so it is no population; give the folder "
                "that `vaestro train --vary` made"
            )
        return read_object(self.record)

    def write(self, record: dict[str, Any]) -> None:
        """Replace the record, whole or not at all."""
        write_json(self.record, record)


def first_record(
    recipe: dict[str, Any], edits: Sequence[Edits], stacks: Sequence[list[int]], width: int | None
) -> dict[str, Any]:
    """What the record says before the first step."""
    return {
        "recipe": recipe,
        "width": width,
        "members": [list(one) for one in edits],
        "stacks": [
            {"members": stack, "plan": None, "choice": None, "joined": 0, "active": {}}
            for stack in stacks
        ],
        "status": "running",
    }
