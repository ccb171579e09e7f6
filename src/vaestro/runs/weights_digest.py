"""Which model a run's folder holds, so that what was made for an earlier one is recognised."""

import hashlib
from pathlib import Path

from vaestro.runs.folder import RunFolder


def weights_digest(root: Path) -> str:
    """The SHA-256 of the weights in the run's model/, as 64 hexadecimal digits."""
    with (RunFolder(root).model / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
