"""One file over HTTP, written as it comes and gone on with where it stopped.

Source: RFC 9110, section 14 (range requests).
"""

import re
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from vaestro.foundation.errors import StorageError, one_line

TIMEOUT_SECONDS = 30.0
TRIES = 4
"""How often a connection that breaks off is taken up again before its address is given up."""
PIECE_BYTES = 256 * 1024
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
Progress = Callable[[int, int | None], None]
"""Told how many bytes there are, and of how many where the server says so."""


class UnreachableError(Exception):
    """An address did not give its file; the message says which server and why."""


def transfer(url: str, part: Path, progress: Progress) -> None:
    """Fill `part` with what `url` serves, asking only for what lies behind the bytes it has.

    A server that knows no ranges makes it start anew. Whatever came before an interruption stays in
    `part`. Raises UnreachableError when the server cannot be reached, refuses, stalls, or breaks
    off again and again, and StorageError when the disk refuses a write.
    """
    for remaining in reversed(range(TRIES)):
        try:
            if _attempt(url, part, progress):
                return
        except HTTPError as fault:
            fault.close()
            raise UnreachableError(f"{_host(url)}: {fault.code} {fault.reason}") from None
        except (OSError, HTTPException) as fault:
            came_before = part.exists() and part.stat().st_size > 0
            if not remaining or not came_before:
                reason = getattr(fault, "reason", fault)
                raise UnreachableError(f"{_host(url)}: {one_line(str(reason))}") from None
    size = part.stat().st_size if part.exists() else 0
    raise UnreachableError(f"{_host(url)} broke off {TRIES} times, at last after {size:,} bytes")


def _attempt(url: str, part: Path, progress: Progress) -> bool:
    """Ask once for the rest of the file; whether all of it is there."""
    there = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "vaestro", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as answer:
            start = _start(answer, there)
            length = answer.headers.get("Content-Length")
            total = None if length is None else start + int(length)
            size = _store(answer, part, start, total, progress)
    except HTTPError as fault:
        if fault.code != RANGE_NOT_SATISFIABLE or not there:
            raise
        fault.close()
        whole = fault.headers.get("Content-Range") == f"bytes */{there}"
        if not whole:
            part.unlink()  # longer than the file: no beginning of it
        return whole
    return total is None or size >= total


def _start(answer: HTTPResponse, there: int) -> int:
    """The number of the first byte that comes: 0 from a server that ignores the range."""
    if answer.status != PARTIAL_CONTENT:
        return 0
    given = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if given is None or int(given[1]) != there:
        raise HTTPException("it answers with another range than was asked for")
    return there


def _store(
    answer: HTTPResponse, part: Path, start: int, total: int | None, progress: Progress
) -> int:
    """Write what comes from byte `start` on; how many bytes `part` has in the end."""
    with _opened(part, "ab" if start else "wb") as file:
        size = start
        progress(size, total)
        while piece := answer.read(PIECE_BYTES):
            _write(file, piece)
            size += len(piece)
            progress(size, total)
    return size


def _opened(part: Path, mode: str) -> BinaryIO:
    try:
        return part.open(mode)  # type: ignore[return-value]
    except OSError as fault:
        raise StorageError(f"{part} cannot be written: {fault.strerror or fault}") from None


def _write(file: BinaryIO, piece: bytes) -> None:
    """Straight to the system, so that a full disk is told from a broken connection."""
    try:
        file.write(piece)
        file.flush()
    except OSError as fault:
        raise StorageError(f"{file.name} cannot be written: {fault.strerror or fault}") from None


def _host(url: str) -> str:
    return urlsplit(url).netloc
