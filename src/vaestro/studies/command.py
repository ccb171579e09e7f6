"""The command with which a study goes on."""

import shlex
from pathlib import Path


def going_on(root: Path) -> str:
    """What goes on with the study in `root`."""
    return shlex.join(["vaestro", "study", "--out", str(root)])
