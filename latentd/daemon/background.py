"""One worker thread for what may take time, such as file writes. Its results come back through `collect`."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Job = Callable[[], Any]
Then = Callable[[Any], None]

# More jobs than this at once mean that a disk hangs: further ones are refused, and the instrument plays on.
MAX_JOBS = 64


class Background:
    """Runs jobs in order in one thread; `collect` calls each job's `then` with its result on the caller's thread.

    The result of a job that raises is its exception.
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Job, Then] | None] = queue.Queue(MAX_JOBS)
        self._results: queue.SimpleQueue[tuple[Then, Any]] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._work, name="latentd-background", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Readable when `collect` has something to do."""
        return self._wake

    def submit(self, job: Job, then: Then) -> bool:
        """Queue a job; False if too many wait already."""
        try:
            self._jobs.put_nowait((job, then))
        except queue.Full:
            return False
        return True

    def collect(self) -> None:
        """Call `then` for every finished job."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        while not self._results.empty():
            then, result = self._results.get()
            try:
                then(result)
            except BaseException:
                os.eventfd_write(self._wake, 1)  # a bug in one must not hold back the others
                raise

    def close(self, limit_s: float = 2.0) -> None:
        """Finish the queued jobs, for at most `limit_s`, then end."""
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(None)
        self._thread.join(limit_s)
        if self._thread.is_alive():
            log.warning("a file write did not finish within %.0f s", limit_s)
        else:
            self.collect()  # what follows the last jobs, as the log of a write that failed
            os.close(self._wake)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, then = item
            try:
                result = job()
            except Exception as error:  # the engine's side decides what it means
                result = error
            self._results.put((then, result))
            os.eventfd_write(self._wake, 1)
