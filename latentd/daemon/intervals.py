"""What happens at most every so often: log lines, summaries. Pure; time is an argument."""

from __future__ import annotations

import math


class AtMostEvery:
    """True at most once in `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last_t = -math.inf

    def allows(self, now: float) -> bool:
        """Whether it may happen at `now` (monotonic s); if so it counts as having happened."""
        if now < self._last_t + self._seconds:
            return False
        self._last_t = now
        return True
