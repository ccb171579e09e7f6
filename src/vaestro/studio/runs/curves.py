"""The curves of a run: its whole history, however long, with every extreme kept.

The file is read in pieces. Of a long history each stretch keeps its lowest and its highest value,
so memory is bounded and no peak is lost; what a page has seen is not read again when it grows.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from os import SEEK_CUR
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaestro.foundation.errors import RunFolderError
from vaestro.reports.curve import extremes, thinned
from vaestro.studio.runs.columns import NOTHING, QUANTITIES, SPLITS, Columns, columns, joined
from vaestro.studio.studio import Studio

PIECE, AHEAD, READERS = 4 << 20, 4, 2
"""Bytes that are read together, a longer line being no record; pieces that are held; and threads
that read them."""
MOST_BYTES = 4 << 30
MOST_ROWS, FEWER = 400_000, 20_000
"""More rows than the first are thinned, for each quantity and split to the second."""
LONG = 64 << 20
"""Bytes from which what is read at once is thinned piece by piece, to FEWER in all."""
TAIL = 4096
"""Bytes before the end that must be as they were for a grown file to be read on."""
FINE = 7
"""Significant digits that a page is told."""
MOST_HELD = 4


class Piece(NamedTuple):
    """Rows of one piece of a history; of `records` that were seen, `missing` numbers were none."""

    rows: Columns
    records: int
    missing: NDArray[np.int64]


@dataclass
class Reading:
    """What was read of one history so far: the end of its last whole line, what stood before that,
    and the rows. `records` were seen and `missing` numbers of them were none."""

    end: int = 0
    tail: bytes = b""
    rows: Columns = NOTHING
    records: int = 0
    missing: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(QUANTITIES), np.int64))

    def read_on(self, path: Path, stop: int = MOST_BYTES) -> None:
        """Add the whole lines that came since, those that begin before the byte `stop`."""
        size = min(path.stat().st_size, stop) - self.end
        most = FEWER * PIECE // size if size > LONG else None
        with path.open("rb") as file, ThreadPoolExecutor(READERS) as readers:
            file.seek(self.end)
            self._add(_in_turn(readers, self._pieces(file, stop), most))
            file.seek(max(0, self.end - TAIL))
            self.tail = file.read(self.end - file.tell())

    def _pieces(self, file: BinaryIO, stop: int) -> Iterator[bytes]:
        """Whole lines from the end of what was read, and the end moved on."""
        while piece := file.read(min(PIECE, max(0, stop - self.end))):
            cut = piece.rfind(b"\n") + 1
            if not cut and len(piece) < PIECE:
                return  # a line that is being written
            self.end += cut or len(piece)
            if cut:
                file.seek(cut - len(piece), SEEK_CUR)
                yield piece[:cut]

    def still_holds(self, path: Path) -> bool:
        """Whether the file begins as it did: a resumed run may have cut and rewritten it."""
        with path.open("rb") as file:
            file.seek(self.end - len(self.tail))
            return file.read(len(self.tail)) == self.tail

    def _add(self, read: Iterable["Piece"]) -> None:
        """Add rows, thinned whenever they are too many; the next ones are read meanwhile."""
        held, count = [self.rows], len(self.rows.step)
        for new in read:
            self.records += new.records
            self.missing += new.missing
            held.append(new.rows)
            count += len(new.rows.step)
            if count > MOST_ROWS:
                held = [_fewer(joined(held), FEWER)]
                count = len(held[0].step)
        self.rows = joined(held)


def _in_turn(readers: Executor, pieces: Iterable[bytes], most: int | None) -> Iterator[Piece]:
    """What every piece holds, in order; at most AHEAD pieces are held at a time."""
    waiting: deque[Future[Piece]] = deque()
    for piece in pieces:
        waiting.append(readers.submit(_piece, piece, most))
        if len(waiting) == AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _piece(lines: bytes, most: int | None) -> Piece:
    """The records of whole lines, thinned where `most` is a number."""
    rows = columns(lines)
    missing = np.isnan(rows.values).sum(1)
    return Piece(rows if most is None else _fewer(rows, most), len(rows.step), missing)


def readable_size(path: Path) -> int:
    """Bytes of a history, 0 where there is none. Raises RunFolderError for one beyond reading."""
    size = path.stat().st_size if path.is_file() else 0
    if size > MOST_BYTES:
        raise RunFolderError(
            f"history.jsonl has {size / 2**30:.1f} GiB; the studio reads up to "
            f"{MOST_BYTES >> 30} GiB"
        )
    return size


class Histories:
    """The newest readings of histories; safe for several threads."""

    def __init__(self, studio: Studio) -> None:
        self.lock = Lock()
        self.held: OrderedDict[Path, Reading] = OrderedDict()

    def read(self, path: Path) -> Reading:
        """The history as it is now. Raises RunFolderError for one that is beyond reading."""
        with self.lock:
            size = readable_size(path)
            reading = self.held.pop(path, Reading())
            if reading.end > size or (reading.end and not reading.still_holds(path)):
                reading = Reading()
            if size > reading.end:
                reading.read_on(path)
            self.held[path] = reading
            if len(self.held) > MOST_HELD:
                self.held.popitem(last=False)
            return reading


def curves(reading: Reading, points: int) -> dict[str, Any]:
    """{"records", "steps", "thinned", "missing", "curves": {quantity: {split: {"steps",
    "values"}}}}, at most `points` each; what is no finite number is null and counted."""
    rows = reading.rows
    return {
        "records": reading.records,
        "steps": int(rows.step[-1]) if len(rows.step) else 0,
        "thinned": bool(reading.records > points),
        "missing": dict(zip(QUANTITIES, reading.missing.tolist(), strict=True)),
        "curves": {
            name: {
                split: _curve(rows, place, number, points) for number, split in enumerate(SPLITS)
            }
            for place, name in enumerate(QUANTITIES)
        },
    }


def _curve(rows: Columns, quantity: int, split: int, points: int) -> dict[str, Any]:
    mine = rows.split == split
    drawn = thinned(rows.step[mine], rows.values[quantity, mine], max(points, 4))
    known = np.isfinite(drawn.values)
    if not known.any():
        return {"steps": [], "values": []}
    return {"steps": drawn.steps.tolist(), "values": [_told(one) for one in drawn.values.tolist()]}


def _told(value: float) -> float | None:
    return float(f"{value:.{FINE}g}") if np.isfinite(value) else None


def _fewer(rows: Columns, most: int) -> Columns:
    """The rows in which some quantity of a split is lowest or highest within its stretch; `most`
    for each quantity and split."""
    kept = np.zeros(len(rows.step), np.bool_)
    for split in range(len(SPLITS)):
        mine = np.flatnonzero(rows.split == split)
        if len(mine) <= most:
            kept[mine] = True
            continue
        kept[mine[[0, -1]]] = True
        for values in rows.values[:, mine]:
            if values.min() != values.max():  # any row tells what is the same in all
                kept[mine[extremes(rows.step[mine], values, most)]] = True
    return Columns(rows.step[kept], rows.split[kept], rows.values[:, kept])
