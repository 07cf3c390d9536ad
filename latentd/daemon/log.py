"""The log: lines go through a queue to a thread of its own, so that standard error blocks nothing."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import select
import sys
from typing import TextIO

# How many lines may wait for the log's thread, and how long that thread waits for a reader of standard error. Further
# lines are dropped: a reader that has stopped must not delay the performance, or its end.
MAX_LINES = 1000
_READER_S = 0.5


class _Lines(logging.handlers.QueueHandler):
    """Passes lines to the log's thread.

    Attributes:
        dropped: lines for which there was no room.
    """

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Drop the line rather than wait."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Error(logging.StreamHandler[TextIO]):
    """Standard error, whose reader may have stopped. Before the first line that is read again it says what is lost."""

    def __init__(self, stream: TextIO, lines: _Lines) -> None:
        super().__init__(stream)
        self._lines = lines
        self._dropped = self._reported = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, if there is room for it soon."""
        if not select.select([], [self.stream], [], _READER_S)[1]:
            self._dropped += 1
            return
        dropped = self._dropped + self._lines.dropped
        if dropped > self._reported:
            text = "%d lines of this log are lost, because nobody read them in time"
            args = (dropped - self._reported,)
            super().emit(logging.LogRecord(record.name, logging.WARNING, "", 0, text, args, None))
            self._reported = dropped
        super().emit(record)


class Log(logging.handlers.QueueListener):
    """The log's thread."""

    def stop(self) -> None:
        """Write the lines that wait, as long as they are read."""
        thread = self._thread  # the base class would join it without a limit
        with contextlib.suppress(queue.Full):
            self.enqueue_sentinel()
        if thread is not None:
            thread.join(2 * _READER_S)
        self._thread = None


def start_log(level: int = logging.INFO) -> Log:
    """Route the `latentd` logger through a queue to a thread that writes standard error. Stop the result at exit."""
    records: queue.Queue[logging.LogRecord] = queue.Queue(MAX_LINES)
    lines = _Lines(records)
    handler = _Error(sys.stderr, lines)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("latentd")
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers[:] = [lines]
    listener = Log(records, handler)
    listener.start()
    return listener
