"""The log: lines go through a queue to a thread of its own, so that standard error can hold up nothing."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import select
import sys
from typing import TextIO

# Lines that wait for the log's thread, and how long it waits for whoever reads standard error. What is more gets lost:
# nobody may hold up the performance, or its end, by not reading.
_MOST_LINES = 1000


_PATIENCE_S = 0.5


class _Lines(logging.handlers.QueueHandler):
    """Hands lines over to the log's thread."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Lose the line rather than wait."""
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


class _Error(logging.StreamHandler[TextIO]):
    """Standard error, which somebody may have stopped reading."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line if there is room for it soon."""
        if select.select([], [self.stream], [], _PATIENCE_S)[1]:
            super().emit(record)


class Log(logging.handlers.QueueListener):
    """The log's thread."""

    def stop(self) -> None:
        """Write what waits, as long as somebody reads it."""
        thread = self._thread  # the base class would join it without a limit
        with contextlib.suppress(queue.Full):
            self.enqueue_sentinel()
        if thread is not None:
            thread.join(2 * _PATIENCE_S)
        self._thread = None


def start_log(level: int = logging.INFO) -> Log:
    """Route the `latentd` logger through a queue to a thread that writes standard error. Stop the result at exit."""
    records: queue.Queue[logging.LogRecord] = queue.Queue(_MOST_LINES)
    handler = _Error(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("latentd")
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers[:] = [_Lines(records)]
    listener = Log(records, handler)
    listener.start()
    return listener
