"""What a run looked like on the way: its snapshots as pictures, and the KL of each dimension.

Letters: S samples, K latents; * the axes of one sample.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from vaestro.data.tiles.look import Look, look_at
from vaestro.data.tiles.tile import grid, tile
from vaestro.foundation.errors import RunFolderError
from vaestro.reports.run_files import Array, read_npz
from vaestro.runs.folder import RunFolder
from vaestro.studio.answers import Refused
from vaestro.studio.runs.guarded import require_file

MOST_FILE, MOST_UNPACKED = 256 << 20, 512 << 20
"""Bytes of a snapshot as it lies there, and unpacked."""
FINAL = -1
"""Stands for the snapshot of the run's end."""
GAP = 4
SHOWN = {"image": 16, "volume": 6, "lines": 8, "curves": 8}
BESIDE = {"image": 8, "volume": 2, "lines": 4, "curves": 4}
"""How many tiles of each kind there are in a picture, and in a row of it."""
NAMES = ("thumbnail", "pairs", "samples")


def epochs(folder: Path) -> list[int]:
    """The epochs that left a snapshot, in order, then FINAL for that of the end."""
    snapshots = RunFolder(folder).snapshots
    numbers = [path.stem.removeprefix("epoch-") for path in snapshots.glob("epoch-*.npz")]
    found = sorted(int(number) for number in numbers if number.isdecimal() and len(number) < 10)
    return [*found, FINAL] if (snapshots / "final.npz").is_file() else found


def arrays(root: Path, folder: Path, epoch: int) -> dict[str, Array]:
    """The arrays of a snapshot; the held-out pairs of the end under the names of an epoch's.

    Raises RunFolderError for a snapshot that is not there, damaged, too large or elsewhere.
    """
    snapshots = RunFolder(folder).snapshots
    path = snapshots / ("final.npz" if epoch == FINAL else f"epoch-{epoch:04d}.npz")
    if not require_file(root, path, MOST_FILE):
        raise RunFolderError(f"{path.name} is not there; the run's page names its snapshots")
    _require_bounded(path)
    notes: list[str] = []
    found = read_npz(path, notes)
    if notes:
        raise RunFolderError(notes[0])
    return {name.removeprefix("validation_"): array for name, array in found.items()}


def picture(root: Path, folder: Path, name: str, epoch: int, values: str | None) -> bytes:
    """A PNG: the originals over their reconstructions (pairs; a few: thumbnail) or new samples.

    `values`: the meaning of the data's numbers. Raises Refused for another name, RunFolderError as
    `arrays` does.
    """
    if name not in NAMES:
        raise Refused(f"there is no picture {name!r}; legal: {', '.join(NAMES)}")
    found = arrays(root, folder, epoch)
    originals = _samples(found, "original")
    look = look_at(originals, values)
    if name == "samples":
        return _png(_sheet(_samples(found, "samples"), look))
    copies = _samples(found, "reconstruction")
    if name == "thumbnail":
        few = max(1, BESIDE[look.kind] // 2 + 1)
        return _png(_paired(originals[:few], copies[:few], look))
    return _png(_pairs(originals, copies, look))


def _require_bounded(path: Path) -> None:
    """A small file may unpack to anything."""
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, EOFError):
        raise RunFolderError(f"snapshots/{path.name} is damaged") from None
    if size > MOST_UNPACKED:
        raise RunFolderError(
            f"snapshots/{path.name} unpacks to {size >> 20:,} MiB; that is refused"
        )


def _samples(found: dict[str, Array], name: str) -> Array:
    array = found.get(name)
    if array is None or array.ndim < 2 or not array.size or array.dtype.kind not in "fiub":
        raise RunFolderError(f"the snapshot holds no samples under the name {name!r}")
    return array


def _sheet(samples: Array, look: Look) -> Array:
    shown = samples[: SHOWN[look.kind]]
    return grid([tile(one, look) for one in shown], BESIDE[look.kind], GAP)


def _pairs(originals: Array, copies: Array, look: Look) -> Array:
    """Rows of originals, each over the row of its copies."""
    across = BESIDE[look.kind]
    count = min(len(originals), len(copies), SHOWN[look.kind])
    rows = [
        _paired(originals[place : place + across], copies[place : place + across], look)
        for place in range(0, count - count % across or count, across)
    ]
    return grid(rows, 1, 3 * GAP)


def _paired(originals: Array, copies: Array, look: Look) -> Array:
    above, below = ([tile(one, look) for one in part] for part in (originals, copies))
    return grid([*above, *below], len(above), GAP)


def _png(picture: Array) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    levels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(levels).save(held, "PNG")
    return held.getvalue()
