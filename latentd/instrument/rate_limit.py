"""How many messages may be sent: a token bucket. Pure, and without numpy: the JACK port's process uses it."""

from __future__ import annotations

import math

_PATCH = 41  # messages: a whole patch may go at once


class Budget:
    """At most `per_s` messages in any second: the bucket's size and its refill together never exceed that.

    The bucket holds a tenth of a second's messages, at least one and at most a whole patch.
    """

    def __init__(self, per_s: float | None) -> None:
        self._burst = math.inf if per_s is None else min(float(_PATCH), max(per_s / 10.0, 1.0))
        self._refill = math.inf if per_s is None else per_s - self._burst
        self._tokens = self._burst
        self._t: float | None = None

    def available(self, now: float) -> int:
        """Messages that may be sent at `now` (monotonic s)."""
        if self._burst == math.inf:
            return _PATCH
        if self._t is not None:
            self._tokens = min(self._tokens + max(now - self._t, 0.0) * self._refill, self._burst)
        self._t = now
        return max(int(self._tokens), 0)

    def spend(self, messages: int) -> None:
        """Account for messages that were sent, even for more than were available."""
        self._tokens -= messages

    def next_s(self) -> float:
        """Seconds until one more message is free."""
        return max(1.0 - self._tokens, 0.0) / self._refill
