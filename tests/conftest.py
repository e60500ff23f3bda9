"""Settings and fixtures that all tests share."""

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import snake
from hypothesis import settings

# No test depends on how fast the machine is.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> snake.TinyRun:
    """One complete run of tests/tiny.yaml, made once for all workers. Tests only read it.

    Calls of pytest one after the other share the folder in the environment variable TINY_RUN.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = Path(os.environ.get("TINY_RUN", base / "tiny-run"))
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return snake.tiny_run(folder)


@pytest.fixture
def tiny_copy(tiny_run: snake.TinyRun, tmp_path: Path) -> Path:
    """A copy of the checkout of that run, with times, which a test may change."""
    return tiny_run.copy(tmp_path / "checkout")


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """Close the figures of a test, which take memory."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Run small networks on one thread; more threads wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
