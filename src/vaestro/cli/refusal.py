"""What the disk refuses to a command, as one line that names the folder and says what to do."""

import errno
import os
from pathlib import Path

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY)


def refusal(fault: OSError) -> str | None:
    """The line for a file that may not be written or read, or for what stands in its place; None
    where `fault` is no mistake of the user's, such as a full disk."""
    named = fault.filename2 or fault.filename  # the second is where a finished file was to go
    if named is None or fault.errno not in (*FORBIDDEN, *IN_THE_WAY):
        return None
    path, why = Path(os.fsdecode(named)), (fault.strerror or "refused").lower()
    if fault.errno in IN_THE_WAY:
        return f"{path} cannot be used ({why}); move what stands there elsewhere"
    if _unreadable(path):
        return f"{path} cannot be read ({why}); give yourself the right to (chmod -R u+rX)"
    return (
        f"{path.parent} cannot be written ({why}); give yourself the right to (chmod -R u+w), or "
        "work on a copy of it"
    )


def _unreadable(path: Path) -> bool:
    """Whether it is there and may not be read, or nobody may even look."""
    try:
        return path.exists() and not os.access(path, os.R_OK)
    except OSError:
        return True
