"""A pool of worker processes: results come in order, and a crash costs one task."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

from latentd.errors import LatentdError

# One thread each: the parallelism is one process per core. Freed memory is kept between clips.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}
AHEAD = 4  # tasks per worker that may be started while an earlier one is not finished
TRIES = 2
_STOP_S = 5.0  # for a worker to stop
# The program of a worker process, with the pipe's number and the parent's sys.path as arguments.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from latentd.offline.render.workers import serve; serve(int(sys.argv[1]))"
)

# A worker closes it at its end: `make` may add its programs and folders.
at_end = contextlib.ExitStack()

Work = Callable[[Any], Any]


class Failed(LatentdError):
    """The result of a task that crashed its worker on every try, or raised a `LatentdError`."""


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def run(make: Callable[[], Work], tasks: Iterable[Any], jobs: int) -> Generator[Any, None, None]:
    """The result of `make()(task)` for each task, in order, or a `Failed`.

    `make` is called once in each worker and must be importable; tasks and results must be picklable. Closing the
    iterator stops the workers.
    """
    pool = _Pool(make, jobs)
    try:
        yield from pool.run(tasks)
    finally:
        pool.close()


class Worker:
    """A process, the pipe to it, and its present task.

    It is not a `multiprocessing.Process`: a dask worker may not start one, since it is a daemonic one itself, and it
    would inherit the environment of this process, which other threads may change.
    """

    def __init__(self, make: Callable[[], Work]) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        argv = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *sys.path]
        with theirs, _uninterrupted():
            self._process = subprocess.Popen(
                argv, env=os.environ | _ENVIRONMENT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self.task: tuple[int, Any, int] | None = None
        self._send(make)

    def give(self, index: int, task: Any, tries: int) -> None:
        """Give it a task."""
        self.task = (index, task, tries)
        self._send(task)

    def _send(self, message: Any) -> None:
        """Send, and ignore a dead process: reading its answer will fail."""
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def end(self) -> None:
        """Stop it, even during a task; a second Ctrl-C waits until then."""
        with _uninterrupted():
            self.pipe.close()
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
            self._process.kill()
            self._process.wait()


class _Pool:
    def __init__(self, make: Callable[[], Work], jobs: int) -> None:
        self._make = make
        self._jobs = jobs
        self._workers: list[Worker] = []

    def run(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """See `run`. Tasks are taken only as fast as results are."""
        source = enumerate(tasks)
        again: deque[tuple[int, Any, int]] = deque()
        done: dict[int, Any] = {}
        wanted, exhausted = 0, False
        while True:
            while not exhausted or again:
                worker = self._idle()
                if worker is None:
                    break
                if again:
                    worker.give(*again.popleft())
                    continue
                if self._busy() + len(done) >= self._jobs * AHEAD:
                    break
                following = next(source, None)
                if following is None:
                    exhausted = True
                else:
                    worker.give(*following, 1)
            if exhausted and not again and not done and not self._busy():
                return
            if wanted not in done:
                self._collect(done, again)
            while wanted in done:
                yield done.pop(wanted)
                wanted += 1

    def _busy(self) -> int:
        return sum(worker.task is not None for worker in self._workers)

    def _idle(self) -> Worker | None:
        """A worker without a task, started if there may be one more; None if all have one."""
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None and len(self._workers) < self._jobs:
            idle = Worker(self._make)
            self._workers.append(idle)
        return idle

    def _collect(self, done: dict[int, Any], again: deque[tuple[int, Any, int]]) -> None:
        """Wait for at least one worker; the task of a crashed one is tried again, or has failed."""
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        for pipe in wait(list(busy)):
            worker = next(worker for connection, worker in busy.items() if connection is pipe)
            assert worker.task is not None
            index, task, tries = worker.task
            try:
                done[index] = worker.pipe.recv()
                worker.task = None
            except (EOFError, OSError):
                self._workers.remove(worker)
                worker.end()
                if tries < TRIES:
                    again.append((index, task, tries + 1))
                else:
                    done[index] = Failed(f"Task {index + 1} crashed its worker {tries} times")

    def close(self) -> None:
        """Stop all workers, busy or not."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Defer Ctrl-C to the end of the context. Processes started within ignore it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    # A handler is not inherited, and a mask leaves the signal to other threads: so both.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


def serve(pipe_number: int) -> None:
    """Run a worker until the pipe closes or SIGTERM; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Not ignored or blocked: programs started here would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _quiet()
    # The parent's end closes when it has no more work, or has crashed.
    with at_end, contextlib.suppress(EOFError), Connection(pipe_number) as pipe:
        _work(pipe)


def _work(pipe: Connection) -> NoReturn:
    make = pipe.recv()
    work: Work | None = None
    while True:
        task = pipe.recv()
        try:
            work = work or make()
            result = work(task)
        except LatentdError as error:
            result = Failed(error.message, error.hint)
        pipe.send(result)


def _quiet() -> None:
    """Discard the output of the plugin and its host."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
