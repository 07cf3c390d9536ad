"""The dry run: one JSON line for every send, instead of a synth."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import queue
import select
import sys
import threading
from collections.abc import Sequence

import numpy as np

from latentd.instrument.point import Change
from latentd.synth.amsynth import COUNT, MINIMUM, NAMES, SPAN, Array

# Lines queued for a slow reader; more are dropped and counted.
MAX_QUEUED = 256
_CLOSE_S = 1.0
log = logging.getLogger(__name__)
_LOW: list[float] = MINIMUM.tolist()
_SPAN: list[float] = SPAN.tolist()

# Time and changes, or the bytes of a MIDI message.
Line = tuple[float, dict[int, float]] | tuple[int, int, int]


class Print:
    """Writes `{"t": seconds, "changes": {parameter: value in the synth's units}}` and `{"midi": [bytes]}` lines.

    A separate thread formats and writes, so a pipe that nobody reads blocks that thread and never the engine.

    Args:
        stream: unbuffered, as Python's end waits for a buffer that another thread writes; None: nowhere.
    """

    name = "print"
    interval_s = 0.004
    budget_per_s: float | None = None

    def __init__(self, stream: io.FileIO | None) -> None:
        self.resolution: Array = np.full(COUNT, 1e-6)
        self.reachable = np.ones(COUNT, dtype=np.bool_)
        self._stream = stream
        self._state: dict[int, float] = {}
        self._lines: queue.Queue[Line | None] = queue.Queue(MAX_QUEUED)
        self._written = 0
        self._lost = 0
        self._broken = stream is None
        self._thread = threading.Thread(target=self._work, name="latentd-print", daemon=True)
        self._thread.start()

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Print the new values."""
        if changes:
            self._state.update(changes)
            self._put((now, dict(changes)))

    def resend_all(self, now: float) -> None:
        """Print every value ever sent."""
        if self._state:
            self._put((now, dict(self._state)))

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Print a note or channel message."""
        self._put((status, data1, data2))
        return True

    def poll(self, now: float) -> float | None:
        """Nothing to do."""
        return None

    def settled(self) -> bool:
        """True: there is no synth to wait for."""
        return True

    def filenos(self) -> Sequence[int]:
        """None."""
        return ()

    def facts(self) -> dict[str, object]:
        """For status: lines written and lost; connected until the reader closed the pipe."""
        return {"connected": not self._broken, "written": self._written, "lost": self._lost}

    def close(self) -> None:
        """Write what is queued, for at most a second."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(_CLOSE_S)

    def _put(self, line: Line) -> None:
        if self._broken:
            self._lost += 1
            return
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def _work(self) -> None:
        """The thread's work, until `close` or until the reader is gone."""
        while (line := self._lines.get()) is not None:
            try:
                self._write(json.dumps(_readable(line)).encode() + b"\n")
            except (OSError, ValueError) as error:  # a broken pipe, a closed stream, a full disk
                self._broken = True
                self._lost += 1
                if not isinstance(error, BrokenPipeError):
                    log.warning("nothing more is printed: %s", getattr(error, "strerror", None) or error)
                return
            self._written += 1

    def _write(self, data: bytes) -> None:
        assert self._stream is not None  # without one nothing is queued
        while data:
            select.select([], [self._stream], [])  # another program may have made it one that does not wait
            data = data[self._stream.write(data) or 0 :]


def standard_output() -> io.FileIO | None:
    """Standard output without its buffer; None where it is closed."""
    return None if sys.stdout is None else io.FileIO(sys.stdout.fileno(), "w", closefd=False)


def _readable(line: Line) -> dict[str, object]:
    """What a line shows: times to the microsecond, parameters by name and in the synth's units."""
    if len(line) == 3:
        return {"midi": list(line)}
    now, changes = line
    return {
        "t": round(now, 6),
        "changes": {NAMES[i]: round(_LOW[i] + float(value) * _SPAN[i], 6) for i, value in changes.items()},
    }
