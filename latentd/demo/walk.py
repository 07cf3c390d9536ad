"""The demo's movement: a slow walk over the pad that pauses for every other input. Pure; time is an argument."""

from __future__ import annotations

import math

from latentd.demo.phrase import BEATS_PER_MINUTE
from latentd.instrument.pad import XY

# Name of the source, which is the name of the mapping file that makes the daemon read the walk's messages.
SOURCE = "demo"
ADDRESS = "/demo/xy"
# Its priority is below every default, so any other source that sends a point leads.
MAPPING = f"""\
title: "The demo's walk: any other source takes over"
osc:
  messages:
    - {{ address: {ADDRESS}, x: 0, y: 1, touch: 2 }}
gesture: {{ filter: null, priority: -1 }}
"""
# The walk goes on when no other source has moved the point for this long.
PAUSE_S = 3.0
# How long it takes from the point where the other source left it back to the walk.
RETURN_S = 3.0
_BAR_S = 4 * 60.0 / BEATS_PER_MINUTE
_PERIODS_S = (4.6 * _BAR_S, 3.1 * _BAR_S)
_REACH = (0.44, 0.42)


def path(t: float) -> XY:
    """Pad point of the walk after `t` seconds: two slow sines, slowest at the start of each bar."""
    turn = 2.0 * math.pi / _BAR_S
    s = t - 0.85 * math.sin(turn * t) / turn
    x, y = (
        0.5 + reach * math.sin(2.0 * math.pi * s / period + phase)
        for reach, period, phase in zip(_REACH, _PERIODS_S, (-0.3, 0.2), strict=True)
    )
    return x, y


class Walk:
    """Decides when the demo moves the point.

    Args:
        start_s: when the walk begins, on the clock of every `now`.
    """

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._other_s = -math.inf  # when another source moved last
        self._seen: XY | None = None
        self._resume: tuple[float, XY] | None = None
        self._touching = False

    def observe(self, source: str, xy: XY | None, touch: bool | None, now: float) -> None:
        """Take what the daemon reports: the leading source, its point, and whether the pad is touched."""
        if source not in ("", SOURCE) and xy is not None and (touch or xy != self._seen):
            self._other_s = now
            self._resume = (now + PAUSE_S, xy)
        self._seen = xy

    def paused(self, now: float) -> bool:
        """True while another source plays."""
        return now - self._other_s < PAUSE_S

    def message(self, now: float) -> tuple[float, float, int] | None:
        """The message to send now: x, y and touch; None where there is none.

        As soon as another source plays it ends its touch. If it only stopped sending, the daemon would let it lead for
        another half second, and a single message of the other source would not hold the point for longer than that.
        """
        point = self.at(now)
        if point is not None:
            self._touching = True
            return (*point, 1)
        if self._touching:
            self._touching = False
            return (0.0, 0.0, 0)
        return None

    def at(self, now: float) -> XY | None:
        """The pad point to move to now; None while another source plays."""
        if self.paused(now):
            return None
        goal = path(now - self._start_s)
        if self._resume is None:
            return goal
        since, start = self._resume
        part = (now - since) / RETURN_S
        if part >= 1.0:
            self._resume = None
            return goal
        part = max(part, 0.0)
        s = part * part * (3.0 - 2.0 * part)
        return start[0] + s * (goal[0] - start[0]), start[1] + s * (goal[1] - start[1])
