"""The part that runs within a dask worker: it passes each task to a process of `workers`, and reports its versions.

Each thread of a dask worker has a process of its own, as on one machine: the synth needs a process with one thread,
numeric libraries are limited to one thread, and a crash does not end the dask worker.
"""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from latentd import __version__
from latentd.errors import LatentdError
from latentd.offline.render import synths
from latentd.offline.render.workers import TRIES, Failed, Work, Worker

_IDLE_S = 20.0  # a dask worker then ends its idle processes
_LIBRARIES = ("numpy", "scipy", "pyloudnorm", "swift-f0")

Make = Callable[[], Work]


class Environment(NamedTuple):
    """What the results depend on: versions of latentd and its libraries (None: not installed), and amSynth."""

    versions: dict[str, str | None]
    synth: str


class IncompatibleWorker(LatentdError):
    """A worker whose results would differ from the others'."""


@lru_cache(maxsize=1)
def versions() -> dict[str, str | None]:
    """Name -> version in this process."""
    found: dict[str, str | None] = {"latentd": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def environment() -> Environment:
    """The environment of this machine.

    Raises:
        LatentdError: amSynth is not installed.
    """
    return Environment(versions(), synths.synth_fingerprint())


def run(make: Make, number: int, task: Any, expected: Environment) -> Any:
    """The result of `make()(task)`, or a `Failed`. Tasks with the same `make` share processes.

    Raises:
        IncompatibleWorker: this worker's environment is not the expected one.
        LatentdError: amSynth is not installed here.
    """
    if environment() != expected:
        raise IncompatibleWorker("This worker differs from the others", "Install the same versions on all machines")
    for _ in range(TRIES):
        process = _pool.take(make)
        process.give(number, task, 1)
        try:
            answer = process.pipe.recv()
        except (EOFError, OSError):
            _pool.end(process)
            continue
        _pool.put_back(make, process)
        return answer
    return Failed(f"Task {number + 1} crashed its process {TRIES} times")


class _ProcessPool:
    """The processes of this dask worker: at most as many as this machine can render with at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: threading.Semaphore | None = None
        self._idle: list[tuple[Make, Worker]] = []
        self._timer: threading.Timer | None = None

    def take(self, make: Make) -> Worker:
        """A process for one task, as soon as one may run."""
        with self._lock:
            self._slots = self._slots or threading.Semaphore(synths.max_jobs(None))
        self._slots.acquire()
        with self._lock:
            if self._timer:
                self._timer.cancel()
            for entry in self._idle:
                if entry[0] == make:
                    self._idle.remove(entry)
                    return entry[1]
        try:
            return Worker(make)
        except BaseException:  # such as no memory for one more: the slot is free for the next try
            self._release()
            raise

    def put_back(self, make: Make, process: Worker) -> None:
        """Keep a process for the next task, if that comes soon."""
        with self._lock:
            self._idle.append((make, process))
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(_IDLE_S, self._end_idle)
            self._timer.daemon = True
            self._timer.start()
        self._release()

    def end(self, process: Worker) -> None:
        """End a process that has crashed."""
        process.end()
        self._release()

    def _release(self) -> None:
        assert self._slots is not None
        self._slots.release()

    def _end_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, process in idle:
            process.end()


_pool = _ProcessPool()
