"""What runs within a dask worker: it hands each task to a process of `workers`, and says what it has to do so with.

Each thread of a dask worker has a process of its own, exactly as on one machine: the synth is played by a process of
one thread, numbers are worked out by libraries set to one thread, and one that crashes does not take the dask worker
along.
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

_IDLE_S = 20.0  # after which a dask worker ends its processes
_LIBRARIES = ("numpy", "scipy", "pyloudnorm")

Make = Callable[[], Work]


class Environment(NamedTuple):
    """What results depend on: versions of latentd and its libraries (None: not installed), the synth's fingerprint."""

    versions: dict[str, str | None]
    synth: str


class IncompatibleWorker(LatentdError):
    """A worker that would give other results than the others."""


@lru_cache(maxsize=1)
def versions() -> dict[str, str | None]:
    """Name -> version, of this process."""
    found: dict[str, str | None] = {"latentd": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def environment() -> Environment:
    """This machine's.

    Raises:
        LatentdError: amSynth is not installed.
    """
    return Environment(versions(), synths.synth_fingerprint())


def run(make: Make, number: int, task: Any, wanted: Environment) -> Any:
    """What `make()(task)` gives, or a `Failed`. Tasks of one `make` share processes, one for each that runs at a time.

    Raises:
        IncompatibleWorker: this worker is not what was wanted.
        LatentdError: amSynth is not installed here.
    """
    if environment() != wanted:
        raise IncompatibleWorker("This worker differs from the others")
    for _ in range(TRIES):
        process = _bench.take(make)
        process.give(number, task, 1)
        try:
            answer = process.pipe.recv()
        except (EOFError, OSError):
            _bench.end(process)
            continue
        _bench.put_back(make, process)
        return answer
    return Failed(f"Task {number + 1} ended its worker {TRIES} times")


class _Bench:
    """The processes of this dask worker: at most as many as this machine can render at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: threading.Semaphore | None = None
        self._idle: list[tuple[Make, Worker]] = []
        self._timer: threading.Timer | None = None

    def take(self, make: Make) -> Worker:
        """A process for one task, when there is a place for it."""
        with self._lock:
            self._places = self._places or threading.Semaphore(synths.most_jobs(None))
        self._places.acquire()
        with self._lock:
            if self._timer:
                self._timer.cancel()
            for entry in self._idle:
                if entry[0] == make:
                    self._idle.remove(entry)
                    return entry[1]
        try:
            return Worker(make)
        except BaseException:  # no memory for one more: the place is free again for the next try
            self._leave()
            raise

    def put_back(self, make: Make, process: Worker) -> None:
        """Keep it for the next task, if that comes soon."""
        with self._lock:
            self._idle.append((make, process))
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(_IDLE_S, self._rest)
            self._timer.daemon = True
            self._timer.start()
        self._leave()

    def end(self, process: Worker) -> None:
        """It has crashed."""
        process.end()
        self._leave()

    def _leave(self) -> None:
        assert self._places is not None
        self._places.release()

    def _rest(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, process in idle:
            process.end()


_bench = _Bench()
