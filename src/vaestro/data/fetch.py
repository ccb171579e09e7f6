"""Public data sets by name: fetched once, verified, and there whole or not at all."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vaestro.data.cache import FOLDER_VARIABLE, cache_folder
from vaestro.data.downloads import DOWNLOADS, Download, RemoteFile
from vaestro.data.folder_files import is_shown
from vaestro.data.transfer import UnreachableError, transfer
from vaestro.foundation.errors import DataError, StorageError, nearest, one_line
from vaestro.foundation.files import new_directory

PART_ENDING = ".part"
Progress = Callable[[str, int, int | None], None]
"""Told of each file its name, how many bytes there are, and of how many where that is known."""


@dataclass(frozen=True)
class Fetched:
    """A data set on the disk: its `files` in `folder`, their `bytes` in all, which of them are
    `new`, and the `settings` that read it: the values of --set."""

    name: str
    folder: Path
    files: tuple[str, ...]
    bytes: int
    new: tuple[str, ...]
    settings: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """As JSON has it; the settings are called `set`."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "files": list(self.files),
            "bytes": self.bytes,
            "new": list(self.new),
            "set": list(self.settings),
        }


def fetch(
    name: str,
    to: Path | None = None,
    progress: Progress | None = None,
    known: Mapping[str, Download] = DOWNLOADS,
) -> Fetched:
    """The data set called `name` in the folder `to` (None: in the cache), fetched where need be.

    What is there and right is left alone; what an interruption left is gone on with. Raises
    DataError in one line for an unknown name, a checksum that is wrong, or when no address answers:
    then with all that can be done without a network; StorageError when the disk refuses a write.
    """
    if name not in known:
        raise DataError(f"there is no data set {name!r} to fetch: {nearest(name, list(known))}")
    wanted, folder = known[name], _folder(name, to)
    told = progress or _silent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = tuple(f.name for f in wanted.files if _fetched(wanted, f, folder, told))
        if wanted.unpack is not None:
            _unpack(folder / wanted.files[0].name, folder / wanted.unpack)
        size = sum((folder / file.name).stat().st_size for file in wanted.files)
    except OSError as fault:
        raise StorageError(f"{folder} cannot be written: {fault.strerror or fault}") from None
    settings = (*wanted.settings, f"data.path={folder / wanted.path}")
    return Fetched(name, folder, tuple(f.name for f in wanted.files), size, new, settings)


def _silent(name: str, size: int, total: int | None) -> None:
    """No progress is shown."""


def _folder(name: str, to: Path | None) -> Path:
    try:
        folder = (cache_folder() / name if to is None else to.expanduser()).absolute()
    except (OSError, RuntimeError) as fault:
        raise DataError(
            f"there is no folder for {name} ({fault}); give --to DIR or set {FOLDER_VARIABLE}"
        ) from None
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; give a folder: --to DIR")
    return folder


def _fetched(wanted: Download, file: RemoteFile, folder: Path, progress: Progress) -> bool:
    """Put `file` in place from the first address that serves it; False: it was there already."""
    import pooch

    pooch.get_logger().setLevel("ERROR")  # it would tell of every file on stderr
    path = folder / file.name
    algorithm, digits = file.checksum.split(":")
    if path.is_file() and pooch.file_hash(path, algorithm) == digits:
        return False
    wrong, unreachable = [], []
    for url in file.urls:
        try:
            _retrieve(url, file, folder, progress)
            return True
        except UnreachableError as fault:
            unreachable.append(str(fault))
        except ValueError as fault:  # what pooch raises for a wrong checksum: came and wanted
            wrong.append(f"{url}: {one_line(str(fault)).split(' Deleted')[0]}")
    if wrong:
        raise DataError(
            f"{wanted.name}: {'; '.join(wrong)}; it was removed: try again later, or put the right "
            f"{file.name} into {folder}"
        )
    raise DataError(_without_network(wanted, folder, "; ".join(unreachable)))


def _retrieve(url: str, file: RemoteFile, folder: Path, progress: Progress) -> None:
    """Fetch, verify and move into place. Remains that do not lead to the right file are dropped."""
    import pooch

    part = folder / f"{file.name}{PART_ENDING}"

    def downloader(url: str, output_file: str, _: Any) -> None:
        held = Path(output_file)
        held.unlink()  # an interruption shall leave nothing but the part
        transfer(url, part, lambda size, total: progress(file.name, size, total or file.size))
        part.replace(held)

    for again in (part.exists(), False):
        try:
            pooch.retrieve(url, file.checksum, file.name, folder, downloader=downloader)
            return
        except ValueError:
            if not again:
                raise


def _without_network(wanted: Download, folder: Path, reason: str) -> str:
    missing = [file for file in wanted.files if not (folder / file.name).is_file()]
    pairs = "; ".join(
        f"{file.urls[0]}" + ("" if file.urls[0].endswith(file.name) else f" as {file.name}")
        for file in missing
    )
    return (
        f"{wanted.name} cannot be fetched ({reason}); fetch these with a browser or on another "
        f"machine, put them into {folder} and repeat the command: {pairs}; or train on what needs "
        f"no network: --set data={wanted.stand_in}"
    )


def _unpack(archive: Path, folder: Path) -> None:
    """The shown files of an archive, side by side in `folder`: all of them or none."""
    if folder.is_dir():
        return
    with new_directory(folder) as staging, zipfile.ZipFile(archive) as held:
        for name in filter(is_shown, held.namelist()):
            (staging / PurePosixPath(name).name).write_bytes(held.read(name))
