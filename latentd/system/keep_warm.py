"""Keep the code of a point warm while somebody plays, so that the next point of a gesture is answered at once.

Measured (two cores, 128 units in the decoder): code that has not run for 20 ms takes three times as long, after 250 ms
ten times, and as long on a core that it has not run on before. So while points come, and for a moment after the last,
the loop stays on one core and runs the tick again every few milliseconds with nothing new.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator
from enum import Enum

# Code that has not run for longer than this is no longer in the processor's caches.
WARM_S = 0.006
# Keep warm for so long after the last point.
LASTS_S = 2.0
# After so long another core may suit better: let the system choose again, then keep that one.
CHOICE_S = 0.5

_CORES = os.sched_getaffinity(0)  # what this process may use; nothing has been chosen yet


class WarmState(Enum):
    """Which cores the thread runs on, and whether it is kept warm. What this table does not list changes nothing:

        state  | event                                       | next state
        COLD   | a point                                     | PINNED
        PINNED | a point, CHOICE_S after the core was chosen | FREE
        FREE   | a point                                     | PINNED
        PINNED | no point for LASTS_S                        | COLD
        FREE   | no point for LASTS_S                        | COLD
        PINNED | rest                                        | COLD
        FREE   | rest                                        | COLD

    Where there is one core, or the system does not let the thread keep one, FREE stands for PINNED.
    """

    COLD = "on every core, not kept warm"
    PINNED = "on one core, kept warm"
    FREE = "on every core, kept warm: the system chooses the next one"


_COLD, _PINNED, _FREE = WarmState


class KeepWarm:
    """Keeps the thread that creates it warm. What that thread starts inherits its one core, except in `roaming`."""

    def __init__(self) -> None:
        self.state = _COLD
        self._current_core = ctypes.CDLL(None).sched_getcpu
        self._ends = self._chosen = self._ran = -math.inf

    def played(self, now: float) -> None:
        """A point has been answered."""
        self._ends = now + LASTS_S
        if self.state is not _PINNED:
            pinned = len(_CORES) > 1 and _run_on({self._current_core()})
            self.state, self._chosen = (_PINNED if pinned else _FREE), now
        elif now >= self._chosen + CHOICE_S:
            self._roam(_FREE)

    def ran(self, now: float) -> None:
        """The code of a point has run, for a point or to keep warm."""
        self._ran = now

    def due(self, now: float) -> float:
        """When to run it again; infinite when COLD. Call it every turn: it notices the end of playing."""
        if now < self._ends:
            return min(self._ran + WARM_S, self._ends)
        if self.state is not _COLD:
            self._roam(_COLD)
        return math.inf

    def rest(self) -> None:
        """Stop keeping warm."""
        self._ends = -math.inf
        self._roam(_COLD)

    def _roam(self, state: WarmState) -> None:
        """Let the system choose the core."""
        if self.state is _PINNED:
            _run_on(_CORES)
        self.state = state


@contextlib.contextmanager
def roaming() -> Iterator[None]:
    """Processes and threads that start within this may run on every core, even while the thread that starts them is
    pinned to one.
    """
    cores = os.sched_getaffinity(0)
    if cores != _CORES:
        _run_on(_CORES)
    try:
        yield
    finally:
        if cores != _CORES:
            _run_on(cores)


def _run_on(cores: set[int]) -> bool:
    # A container may change what is allowed at any time; where the system does not know the core, it is -1.
    with contextlib.suppress(OSError, ValueError):
        os.sched_setaffinity(0, cores)
        return True
    return False
