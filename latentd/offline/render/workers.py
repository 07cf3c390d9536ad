"""Worker processes that live as long as there is work: results in order, and a crash costs one task."""

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

# One thread each: as many processes as cores are the parallelism. The heap is kept between clips, not handed back.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}
AHEAD = 4  # tasks per worker that may be done while an earlier one is still missing
TRIES = 2
_PATIENCE_S = 5.0  # for a worker to end in order
# What a worker's process runs, with the pipe's number and the parent's sys.path as arguments.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from latentd.offline.render.workers import serve; serve(int(sys.argv[1]))"
)

# What a worker closes when it ends: `make` may enter its programs and folders here.
at_end = contextlib.ExitStack()

Work = Callable[[Any], Any]


class Failed(LatentdError):
    """A task whose worker crashed on every try, or that raised a `LatentdError`."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def run(make: Callable[[], Work], tasks: Iterable[Any], jobs: int) -> Generator[Any, None, None]:
    """What `make()(task)` gives for each task, in the tasks' order; a `Failed` stands where there is no result.

    `make` is called once in each worker and must be importable; so must tasks and results be picklable. Leaving the
    iterator, by an exception too, ends the workers.
    """
    pool = _Pool(make, jobs)
    try:
        yield from pool.run(tasks)
    finally:
        pool.close()


class Worker:
    """A process, the pipe to it, and the task that it has.

    Not one of `multiprocessing`'s, which a dask worker may not start (it is a daemon of that kind itself), and which
    would take their environment from this process as a whole, whatever its other threads do.
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
        """Let it begin with a task."""
        self.task = (index, task, tries)
        self._send(task)

    def _send(self, thing: Any) -> None:
        """That it has died is seen when its answer is read."""
        with contextlib.suppress(OSError):
            self.pipe.send(thing)

    def end(self) -> None:
        """End it, even in the middle of a task; a second Ctrl-C has to wait."""
        with _uninterrupted():
            self.pipe.close()
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_S)
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
        """A worker without a task, made if there may be one more; None when all have one."""
        idle = next((worker for worker in self._workers if worker.task is None), None)
        if idle is None and len(self._workers) < self._jobs:
            idle = Worker(self._make)
            self._workers.append(idle)
        return idle

    def _collect(self, done: dict[int, Any], again: deque[tuple[int, Any, int]]) -> None:
        """Wait for at least one worker; a dead one gives its task back, or fails it."""
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
                    done[index] = Failed(f"Task {index + 1} ended its worker {tries} times")

    def close(self) -> None:
        """End all workers, busy or not."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off to the end of this. A process that starts meanwhile does not hear it at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    # The handler alone is not inherited; the mask alone leaves the signal to other threads.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def serve(pipe_number: int) -> None:
    """A worker's life: it ends with the pipe or by SIGTERM, in order, and leaves Ctrl-C to the parent."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Not ignored and not blocked, which programs started here would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _quiet()
    # The parent's end closes when it has no more work, or is no more.
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
    """The plugin and its host print what nobody asked for."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
