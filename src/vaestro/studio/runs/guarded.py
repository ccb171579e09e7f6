"""A run folder may be anything: what is read of it is bounded and lies in it."""

import stat
from pathlib import Path

from vaestro.foundation.errors import RunFolderError
from vaestro.studio.ids import inside

MOST_BYTES = 32 << 20
"""Of a record that is read whole; the largest that vaestro writes has some hundred kilobytes."""
RECORDS = (
    *("recipe.yaml", "manifest.json", "summary.json", "forecast.json", "diagnosis.json"),
    *("evaluation.json", "events.jsonl"),
)


def require_readable(root: Path, folder: Path) -> None:
    """Raise RunFolderError, one line, for a run with records that are too large, no plain files or
    links out of the studio's root."""
    for name in RECORDS:
        require_file(root, folder / name)


def require_file(root: Path, path: Path, most: int | None = MOST_BYTES) -> bool:
    """Whether the file is there. Raises RunFolderError for one that may not be read."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(found.st_mode) or path.parent.is_symlink():
        if not inside(root, path):
            raise RunFolderError(f"{path.name} leads out of the studio's root by a link")
        try:
            found = path.stat()
        except OSError:
            return False
    if not stat.S_ISREG(found.st_mode):
        raise RunFolderError(f"{path.name} is no plain file")
    if most is not None and found.st_size > most:
        size = f"{found.st_size / 2**20:,.0f} MiB"
        raise RunFolderError(f"{path.name} has {size}; the studio reads up to {most >> 20} MiB")
    return True
