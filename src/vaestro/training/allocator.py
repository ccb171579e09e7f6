"""Memory that a step has freed is kept for the next one.

glibc gives large blocks back to the system when they are freed, and every step pays for them anew:
the kernel zeroes each page at its first touch. Of a 3-D network's step that is up to a third.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""malloc.h: the free memory at the top of the heap above which it is given back; how many blocks
may lie outside the heap."""


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed, for the whole process; whether there is a glibc to tell.

    The process then stays as large as its largest step was. No computed bit depends on it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
