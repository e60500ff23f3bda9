"""Memory that is freed and needed again at once, as a network's layers do."""

import ctypes
import os

# Of glibc's malloc.h: what is freed at the heap's end goes back above the first; the heap grows by
# the second; so many pieces may lie outside of it.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT, GROWTH = 1 << 30, 1 << 26


def keep() -> None:
    """Let this process keep freed memory, where the C library is one that can.

    glibc gives large pieces back to the system at once and asks for new ones, which the system
    first fills with zeros, page by page: of a ResNet's time a seventh. The price: holes in the heap
    stay the process's, and a large buffer that grows is copied. So it is for steps that run
    networks; call it before torch is imported, which then asks for large pages as well.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT)
    mallopt(M_TOP_PAD, GROWTH)
