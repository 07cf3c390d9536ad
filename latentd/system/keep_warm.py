"""Being alert while somebody plays: warm caches on one core, so that the next point of a gesture is answered at once.

Measured (two cores, 128 units in the decoder): code that has not run for 20 ms takes three times as long, after 250 ms
ten times, and as long on a core that it has not run on before. So while points come, and for a moment after the last,
the loop stays on one core and goes through the line every few milliseconds with nothing new.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator

# A path through the code that was not taken for longer than this is no longer in the processor's caches.
WARM_S = 0.006
# So long after the last input; at rest nothing is done.
LASTS_S = 2.0
# After so long another core may suit better: the system chooses anew, then that one is kept.
_CHOICE_S = 0.5

_CORES = os.sched_getaffinity(0)  # what this process may use: nobody is alert yet


class Alert:
    """Of the thread that makes it. What that thread starts meanwhile inherits its one core, but for `roaming`."""

    def __init__(self) -> None:
        self._current_core = ctypes.CDLL(None).sched_getcpu
        self._ends = -math.inf
        self._chosen = -math.inf
        self._stays = False

    def heard(self, now: float) -> None:
        """Somebody plays. To be called once the point is answered."""
        self._ends = now + LASTS_S
        if self._stays and now >= self._chosen + _CHOICE_S:
            self._roam()
        elif not self._stays and len(_CORES) > 1:
            self._stays = _run_on({self._current_core()})
            self._chosen = now

    def due(self, last: float, now: float) -> float:
        """When to go through the line again, after the last time at `last`; infinite at rest."""
        if now < self._ends:
            return min(last + WARM_S, self._ends)
        self._roam()
        return math.inf

    def rest(self) -> None:
        """Be alert no more, whoever plays."""
        self._ends = -math.inf
        self._roam()

    def _roam(self) -> None:
        """Let the system choose the core."""
        if self._stays:
            _run_on(_CORES)
            self._stays = False


@contextlib.contextmanager
def roaming() -> Iterator[None]:
    """Processes and threads that start within this may run on every core, however alert the thread that starts them."""
    cores = os.sched_getaffinity(0)
    if cores != _CORES:
        _run_on(_CORES)
    try:
        yield
    finally:
        if cores != _CORES:
            _run_on(cores)


def _run_on(cores: set[int]) -> bool:
    # A container may change what is allowed at any time; where the core is not told, it is -1.
    with contextlib.suppress(OSError, ValueError):
        os.sched_setaffinity(0, cores)
        return True
    return False
