"""Run the workflow and measure each job: time, memory, and the time until it has started."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
# Seconds between two samples of the memory of all processes together.
INTERVAL = 0.5

# Snakemake's benchmark files sample memory at most twice a second, and have none for a job that
# ends before the first sample. Every Python imports this file first. In a job it adds up the CPU
# time of the interpreter's start and of all imports, and at the end writes what the kernel counted.
METER = """import atexit, builtins, json, os, resource, sys, time

began, spent, within = time.monotonic(), time.process_time(), False
importing = builtins.__import__


def timed(*arguments, **named):
    global spent, within
    if within:
        return importing(*arguments, **named)
    within, before = True, time.process_time()
    try:
        return importing(*arguments, **named)
    finally:
        within = False
        spent += time.process_time() - before


def keep(path=os.path.join({folder!r}, f"{{os.getpid()}}.json")):
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    job = {{
        "arguments": sys.orig_argv[1:],
        "seconds": time.monotonic() - began,
        "cpu": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "peak_mb": own.ru_maxrss / 1024,
        "start": spent,
    }}
    with open(path, "w") as stream:
        json.dump(job, stream)


if sys.orig_argv[1:3] == ["-m", "leakage"]:
    builtins.__import__ = timed
    atexit.register(keep)
"""


@dataclass(frozen=True)
class Job:
    """The time and memory of a job.

    Attributes:
        arguments: arguments of `python`.
        seconds: wall-clock time.
        cpu: CPU seconds.
        peak_mb: peak resident memory, in MiB.
        start: CPU seconds of the interpreter's start and of imports.
    """

    arguments: list[str]
    seconds: float
    cpu: float
    peak_mb: float
    start: float

    @property
    def step(self) -> str:
        """Its name: the STEP of `python -m leakage --threads 1 STEP …`, and its entries."""
        _, _, _, _, name, *rest = self.arguments
        of = [
            rest[rest.index(option) + 1]
            for option in ("--encoder", "--label", "--representation")
            if option in rest
        ]
        return ", ".join([name, *of])

    @property
    def work(self) -> float:
        """CPU seconds without the start."""
        return self.cpu - self.start


@dataclass(frozen=True)
class Usage:
    """The time and memory of several jobs.

    Attributes:
        jobs: number of jobs.
        seconds: sum of wall-clock times.
        cpu: sum of CPU seconds.
        start: sum of the CPU seconds of their starts.
        peak_mb: largest peak resident memory of a job, in MiB.
    """

    jobs: int
    seconds: float
    cpu: float
    start: float
    peak_mb: float

    @classmethod
    def of(cls, jobs: list[Job]) -> "Usage":
        """Return the sum over jobs."""
        return cls(
            len(jobs),
            sum(job.seconds for job in jobs),
            sum(job.cpu for job in jobs),
            sum(job.start for job in jobs),
            max(job.peak_mb for job in jobs),
        )


@dataclass(frozen=True)
class Run:
    """A run of the workflow.

    Attributes:
        seconds: wall-clock time.
        jobs: its jobs.
        peak_mb: peak resident memory of all processes together, in MiB.
    """

    seconds: float
    jobs: list[Job]
    peak_mb: float


def usage(jobs: list[Job]) -> dict[str, Usage]:
    """Return time and memory per step, in the order in which their first jobs ended."""
    steps: dict[str, list[Job]] = {}
    for job in jobs:
        steps.setdefault(job.step, []).append(job)
    return {name: Usage.of(own) for name, own in steps.items()}


def table(jobs: list[Job]) -> str:
    """Return time and memory per step as a Markdown table."""
    lines = [
        "| step | jobs | seconds | CPU seconds | of them start | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, used in usage(jobs).items():
        numbers = f"{used.seconds:.1f} | {used.cpu:.1f} | {used.start:.1f} | {used.peak_mb:,.0f}"
        lines.append(f"| {name} | {used.jobs} | {numbers} |")
    return "\n".join(lines)


def run(folder: Path, configuration: list[str | Path], cores: int) -> Run:
    """Make the target `figures` in a folder; if it fails, exit with the end of Snakemake's output.

    Args:
        folder: working directory of the run; the test key is copied there.
        configuration: files to merge over config.yaml: absolute paths, or names in this folder.
        cores: number of cores.
    """
    key = folder / "test.key"
    if not key.exists():
        shutil.copy(REPOSITORY / "workflow" / "keys" / key.name, key)
    merged = [REPOSITORY / "config.yaml", *(Path(__file__).parent / each for each in configuration)]
    line: list[str | Path] = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    line += ["--directory", folder, "--snakefile", REPOSITORY / "Snakefile"]
    line += ["--configfile", *merged, "--", "figures"]
    with tempfile.TemporaryDirectory() as meter:
        Path(meter, "sitecustomize.py").write_text(METER.format(folder=meter), encoding="utf-8")
        search = os.pathsep.join(filter(None, [meter, os.environ.get("PYTHONPATH")]))
        start = time.monotonic()
        with open(folder / "snakemake.log", "w", encoding="utf-8") as log:
            environment = os.environ | {"PYTHONPATH": search}
            process = subprocess.Popen(line, env=environment, stdout=log, stderr=subprocess.STDOUT)
        peak = _watched(process)
        seconds = time.monotonic() - start
        if process.returncode:
            sys.exit(f"{(folder / 'snakemake.log').read_text()[-5000:]}\nerror: the run failed")
        ended = sorted(Path(meter).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        found = [Job(**json.loads(path.read_text())) for path in ended]
    return Run(seconds, found, peak)


def _watched(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process; return the peak memory of it and its children together, in MiB.

    Shared pages are counted once per process, so this is an upper limit of the peak.
    """
    peak = 0.0
    while process.poll() is None:
        try:
            family = [parent := psutil.Process(process.pid), *parent.children(recursive=True)]
            peak = max(peak, sum(map(_resident, family)) / 2**20)
        except psutil.NoSuchProcess:
            pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(INTERVAL)
    return peak


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0


def machine(cores: int) -> str:
    """Return processor, cores and memory of this Linux machine in words."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    there = len(os.sched_getaffinity(0))
    return f"{model}, {cores} of {there} cores used, {memory:.0f} GiB, {platform.system()}"
