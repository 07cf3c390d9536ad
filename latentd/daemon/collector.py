"""Python's garbage collector does not run by itself while playing, only when the loop calls it."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Iterator

# Garbage is collected this often at rest, and this often if there is no rest.
REST_S = 30.0
LONGEST_S = 300.0


class Collector:
    """Collects garbage at rest, or when there has been no rest for too long."""

    def __init__(self) -> None:
        self._collected_t = -math.inf

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Collect only in `collect`, and never what exists already.

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
        """Collect if it is due; takes a fraction of a millisecond, because frozen objects are skipped."""
        if now >= self._collected_t + (REST_S if resting else LONGEST_S):
            self._collected_t = now
            gc.collect()
