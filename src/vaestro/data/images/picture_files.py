"""Where pictures lie: the files in a folder or in a .zip archive, by name."""

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vaestro.data.folder_files import folder_files, is_shown
from vaestro.data.opening import opened, read_bytes
from vaestro.foundation.errors import DataError, one_line

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
DAMAGE = (zipfile.BadZipFile, NotImplementedError, ValueError)
"""What an archive whose list of files is damaged leads zipfile to."""
MEMBER_BYTES = 1_000_000_000
"""The largest archive member that is unpacked: a larger one is no picture but a trap."""


class PictureFiles(NamedTuple):
    """The pictures at `path` by name (folders with "/"), in sorted order; `others`: the files there
    that are no pictures; `read` gives the bytes of a file or raises DataError in one line."""

    path: Path
    names: tuple[str, ...]
    others: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def picture_files(path: Path) -> Iterator[PictureFiles]:
    """The pictures in the folder or the .zip at `path`, told by their endings.

    Hidden files and what a Mac adds to archives are passed over. Raises DataError in one line for a
    missing path, a single file, a damaged archive, or when there is no picture.
    """
    if path.is_dir():
        yield _sorted(path, folder_files(path), lambda name: read_bytes(path / name))
    elif path.suffix.lower() == ".zip":
        with opened(path) as file:
            try:
                archive = zipfile.ZipFile(file)
            except DAMAGE as fault:
                raise DataError(
                    f"{path} is no zip archive or is cut off ({fault}); fetch it again"
                ) from None
            with archive:
                names = filter(is_shown, set(archive.namelist()))
                yield _sorted(path, names, lambda name: _member(path, archive, name))
    else:
        state = "is one file" if path.exists() else "does not exist"
        raise DataError(f"{path} {state}; pictures are read from a folder or a .zip of them")


def _sorted(path: Path, files: Iterator[str], read: Callable[[str], bytes]) -> PictureFiles:
    every = sorted(files)
    names = tuple(name for name in every if is_picture(name))
    others = tuple(name for name in every if not is_picture(name))
    if not names:
        endings = Counter(PurePosixPath(name).suffix or "without ending" for name in others)
        held = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(5))
        raise DataError(
            f"{path} holds no pictures ({', '.join(ENDINGS)}); it "
            f"{f'holds other files: {held}' if held else 'is empty'}"
        )
    return PictureFiles(path, names, others, read)


def is_picture(name: str) -> bool:
    """Whether `name` ends as a picture's does."""
    return name.lower().endswith(ENDINGS)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > MEMBER_BYTES:
        raise DataError(f"{path}: {name} unpacks to {size:,} bytes, which no picture has")
    try:
        return archive.read(name)
    except Exception as fault:  # many types: checksums, zlib, passwords, unknown methods
        raise DataError(
            f"{path}: {name} cannot be unpacked ({one_line(str(fault))}); repair the archive"
        ) from None
