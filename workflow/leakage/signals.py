"""Signals of a run."""

import queue
import signal
import threading
from types import FrameType
from typing import Any


def handle_in_a_thread(number: signal.Signals) -> None:
    """Let the handler of a signal run in a thread of its own, where it can wait for a lock.

    Python runs a handler in the main thread, in the middle of whatever this does. Snakemake's
    handler of SIGTERM takes a lock. If the main thread holds it, the two would wait for each other
    for ever.

    Args:
        number: a signal. Without a handler written in Python, nothing changes; nor outside the main
            thread, where handlers cannot be set.
    """
    handler: Any = signal.getsignal(number)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        return
    # A queue whose `put` may interrupt another one.
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()

    def handle() -> None:
        while True:
            handler(arrived.get(), None)

    def put(number: int, frame: FrameType | None) -> None:
        arrived.put(number)

    threading.Thread(target=handle, daemon=True).start()
    signal.signal(number, put)
