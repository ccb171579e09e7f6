"""Opening a file that may be gzipped, judged by its content and not by its name."""

import gzip
import zlib
from pathlib import Path

from vaestro.foundation.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """The bytes of `path`, decompressed if they are gzip.

    Raises DataError when it is missing, a folder, unreadable, or a gzip that is cut off or damaged.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder and a file is needed")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the path") from None
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from None
    if not raw.startswith(GZIP_MAGIC):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as fault:
        raise DataError(
            f"{path} is a gzip file that is cut off or damaged ({fault}); fetch it again"
        ) from None
