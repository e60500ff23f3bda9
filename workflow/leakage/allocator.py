"""Keep freed heap memory in the process (glibc tuning)."""

import ctypes
import os

# Options of glibc's malloc.h: free memory at the heap's end that is kept, step by which the heap
# grows, and largest number of pieces outside the heap.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT, GROWTH = 1 << 30, 1 << 26


def keep() -> None:
    """Let this process keep freed memory, if the C library can.

    glibc gives large pieces back to the system at once and asks for new ones, which the system
    first fills with zeros. This takes a seventh of a ResNet's time. The price is that holes in the
    heap stay with the process, and a large buffer that grows is copied. Call it in steps that run
    networks, before torch is imported, which then asks for large pages as well.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT)
    mallopt(M_TOP_PAD, GROWTH)
