"""Signals of a run: a handler that needs a lock waits for it, and blocks nothing."""

import os
import signal
import threading

import pytest
from leakage import signals


@pytest.fixture
def _restored():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_restored")
def test_a_signal_that_comes_while_the_main_thread_holds_the_lock_of_its_handler_is_handled():
    lock, handled = threading.Lock(), threading.Event()

    def handler(*_):
        with lock:
            handled.set()

    signal.signal(signal.SIGTERM, handler)
    signals.handle_in_a_thread(signal.SIGTERM)
    for _ in range(2):
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not handled.wait(0.1)
        assert handled.wait(60)
        handled.clear()


@pytest.mark.usefixtures("_restored")
def test_a_signal_without_a_handler_and_another_thread_are_left_alone():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signals.handle_in_a_thread(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, print)
    other = threading.Thread(target=signals.handle_in_a_thread, args=[signal.SIGTERM])
    other.start()
    other.join()
    assert signal.getsignal(signal.SIGTERM) is print
