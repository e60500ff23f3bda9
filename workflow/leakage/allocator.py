"""Keep freed heap memory in the process (glibc tuning)."""

import ctypes
import os

# Options in glibc's malloc.h: free memory that is kept at the end of the heap, step by which the
# heap grows, and largest number of pieces outside the heap.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT, GROWTH = 1 << 30, 1 << 26


def keep() -> None:
    """Keep freed memory in this process, if the C library supports it.

    By default, glibc returns large pieces to the system at once. The system fills new pieces with
    zeros, which takes a seventh of a ResNet's run time. In return, holes in the heap stay with the
    process, and a large buffer that grows is copied. Call this before torch is imported: torch then
    also uses large pages.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT)
    mallopt(M_TOP_PAD, GROWTH)
