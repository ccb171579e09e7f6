"""Memory that a step has freed stays with the process, for the next step to take.

glibc gives large freed blocks back to the system, which hands them out again page by page, each
filled with zeros first: 600 pages in a step of 784-400-20, 24,000 in one on 16 samples of 4 x 19^3,
700,000 and a third of the step's time in one on 64 of 4 x 35^3. Other systems and C libraries are
left as they are.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt (man 3 mallopt): from how much free memory at the heap's end it is given
back, and from which size a block is a mapping of its own, given back when it is freed."""

SIZES = (2**30, 2**25)
"""Bytes below which blocks are kept: 1 GiB, and 32 MiB where an older glibc takes no more."""

USUAL = 2**20
"""Bytes from which both are given back otherwise; glibc itself moves between 128 KiB and 64 MiB."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed blocks are kept; afterwards they go back to the system. No number depends on
    it."""
    keep()
    try:
        yield
    finally:
        release()


def keep() -> None:
    """From now on freed blocks are kept."""
    library = _glibc()
    if library is not None:
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        any(library.mallopt(MMAP_THRESHOLD, size) for size in SIZES)  # the first that is taken


def release() -> None:
    """From now on large freed blocks go back to the system, and what is free now does."""
    library = _glibc()
    if library is not None:
        library.mallopt(TRIM_THRESHOLD, USUAL)
        library.mallopt(MMAP_THRESHOLD, USUAL)
        library.malloc_trim(0)


def give_back() -> None:
    """What is free now goes back to the system, as what reading the data left behind should."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library of this process where it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
