"""Python's garbage collector keeps quiet while playing: it runs when the loop says so."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Iterator

# Garbage is collected this often at rest, and this often where there is no rest.
REST_S = 30.0
LONGEST_S = 300.0


class Collector:
    """Collects when nothing is to be played, or when it has waited too long for that."""

    def __init__(self) -> None:
        self._collected_t = -math.inf

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is collected but by `collect`, and never what is here already.

        A start leaves some 700 objects of garbage, which are not worth the 40 ms that it takes to look for them.
        """
        gc.freeze()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
            gc.unfreeze()

    def collect(self, now: float, resting: bool) -> None:
        """Collect if it is time to; takes a fraction of a millisecond, as what is frozen is not looked at."""
        if now >= self._collected_t + (REST_S if resting else LONGEST_S):
            self._collected_t = now
            gc.collect()
