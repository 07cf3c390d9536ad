"""Counters, latency histogram and the background log: what the daemon knows about itself."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import math
import queue
import select
import sys
from dataclasses import dataclass, field
from typing import TextIO

# A bin is 2**(1/8) wide (9 %), from 1 us up to 65 s: small enough to quote a p99.9 from.
_BINS_PER_OCTAVE = 8
_BIN_COUNT = 26 * _BINS_PER_OCTAVE


class Histogram:
    """Latencies in logarithmic bins: constant memory, about 0.3 us to add one, quantiles to 9 %."""

    def __init__(self) -> None:
        self.bins = [0] * _BIN_COUNT
        self.count = 0
        self.max_s = 0.0
        self._sum = 0.0
        self._squares = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 1 us."""
        us = seconds * 1e6
        i = int(math.log2(us) * _BINS_PER_OCTAVE) if us > 1.0 else 0
        self.bins[i if i < _BIN_COUNT else -1] += 1
        self.count += 1
        self._sum += seconds
        self._squares += seconds * seconds
        if seconds > self.max_s:
            self.max_s = seconds

    def quantile_s(self, q: float) -> float:
        """Upper edge of the bin that holds quantile `q` (0..1), at most the maximum seen; 0.0 when empty."""
        wanted = q * self.count
        seen = 0
        for i, n in enumerate(self.bins):
            seen += n
            if n and seen >= wanted:
                return min(math.exp2((i + 1) / _BINS_PER_OCTAVE) * 1e-6, self.max_s)
        return 0.0

    def jitter_s(self) -> float:
        """Standard deviation, seconds."""
        if not self.count:
            return 0.0
        mean = self._sum / self.count
        return math.sqrt(max(self._squares / self.count - mean * mean, 0.0))

    def facts(self) -> dict[str, float]:
        """Milliseconds, for status."""
        return {
            "count": self.count,
            "p50_ms": round(self.quantile_s(0.5) * 1e3, 4),
            "p99_ms": round(self.quantile_s(0.99) * 1e3, 4),
            "p999_ms": round(self.quantile_s(0.999) * 1e3, 4),
            "max_ms": round(self.max_s * 1e3, 4),
            "jitter_ms": round(self.jitter_s() * 1e3, 4),
        }


@dataclass(slots=True)
class Counters:
    """Everything that comes in, goes out or is lost. Each loss has its own counter; nothing is dropped unseen."""

    received: int = 0  # datagrams and MIDI messages
    used: int = 0  # points that moved the pad's point
    superseded: int = 0  # points replaced by a newer one before they were looked at
    unmapped: int = 0  # well-formed messages that no mapping wants
    malformed: int = 0  # datagrams and messages that break their format
    refused: int = 0  # datagrams from hosts that `allow:` does not name
    sent: int = 0  # parameter values handed to the output
    withheld: int = 0  # values that the message budget held back for a later tick
    lost: int = 0  # datagrams of ours that the system had no room for
    faults: int = 0  # exceptions caught in the loop: each is a bug, logged, and the loop goes on


@dataclass(slots=True)
class Status:
    """The daemon's whole self-knowledge; owned by the engine's thread."""

    counters: Counters = field(default_factory=Counters)
    latency: Histogram = field(default_factory=Histogram)  # datagram arrival to output
    lateness: Histogram = field(default_factory=Histogram)  # the loop's own wake-ups, late by


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
