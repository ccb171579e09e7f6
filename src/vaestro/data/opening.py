"""Opening a file that may be gzipped, judged by its content and not by its name."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from vaestro.foundation.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """`path` for reading and seeking: the file itself, or the content of a gzip in memory.

    Raises DataError when it is missing, a folder, unreadable, or a gzip that is cut off or damaged.
    """
    with _handle(path) as file:
        start = file.read(len(GZIP_MAGIC))
        file.seek(0)
        yield BytesIO(_inflated(path, file.read())) if start == GZIP_MAGIC else file


def read_bytes(path: Path) -> bytes:
    """The bytes of `path`, decompressed if they are gzip. Raises what `opened` raises."""
    with opened(path) as file:
        return file.read()


def _handle(path: Path) -> BinaryIO:
    if path.is_dir():
        raise DataError(f"{path} is a folder and a file is needed")
    try:
        return path.open("rb")
    except FileNotFoundError:
        if path.is_symlink():
            raise DataError(
                f"{path} is a link to {path.readlink()}, which does not exist; mend or remove it"
            ) from None
        raise DataError(f"there is no file {path}; check the path") from None
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from None


def _inflated(path: Path, raw: bytes) -> bytes:
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as fault:
        raise DataError(
            f"{path} is a gzip file that is cut off or damaged ({fault}); fetch it again"
        ) from None
