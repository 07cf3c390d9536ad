"""The demo's own hand: a slow walk over the pad that steps aside for every other one. Pure; time is an argument."""

from __future__ import annotations

import math

from latentd.demo.phrase import BEATS_A_MINUTE
from latentd.instrument.pad import XY

# The source's name: that of the mapping file which lets the daemon hear this hand.
SOURCE = "demo"
ADDRESS = "/demo/xy"
# Any other source that points somewhere leads, because this one's priority is lower than every default.
MAPPING = f"""\
title: "The demo's own hand: any other takes over"
osc:
  messages:
    - {{ address: {ADDRESS}, x: 0, y: 1, touch: 2 }}
gesture: {{ filter: null, priority: -1 }}
"""
# Nobody else moved for so long: go on.
PATIENCE_S = 3.0
# From where the other left the point back onto the walk.
RETURN_S = 3.0
_BAR_S = 4 * 60.0 / BEATS_A_MINUTE
_PERIODS_S = (4.6 * _BAR_S, 3.1 * _BAR_S)
_REACH = (0.44, 0.42)


def walk(t: float) -> XY:
    """Where the walk is after `t` seconds: two slow sines that linger at the start of each bar and hurry in between."""
    turn = 2.0 * math.pi / _BAR_S
    s = t - 0.85 * math.sin(turn * t) / turn
    x, y = (
        0.5 + reach * math.sin(2.0 * math.pi * s / period + phase)
        for reach, period, phase in zip(_REACH, _PERIODS_S, (-0.3, 0.2), strict=True)
    )
    return x, y


class Hand:
    """Decides when the walk moves the point.

    Args:
        start_s: when the walk begins, on the clock that `heard` and `at` are told.
    """

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._other_s = -math.inf  # when somebody else moved last
        self._seen: XY | None = None
        self._resume: tuple[float, XY] | None = None
        self._down = False

    def heard(self, source: str, xy: XY | None, touch: bool | None, now: float) -> None:
        """What the daemon says of its point: who leads, where it is, whether it is touched."""
        if source not in ("", SOURCE) and xy is not None and (touch or xy != self._seen):
            self._other_s = now
            self._resume = (now + PATIENCE_S, xy)
        self._seen = xy

    def waits(self, now: float) -> bool:
        """True while somebody else plays."""
        return now - self._other_s < PATIENCE_S

    def message(self, now: float) -> tuple[float, float, int] | None:
        """What to tell the daemon now: x, y and touch; None where there is nothing to tell.

        Lifted as soon as somebody else plays: a hand that just stopped would count for another half second, and a
        single message of the other's for as long, so the point could go back to where this hand had left it.
        """
        place = self.at(now)
        if place is not None:
            self._down = True
            return (*place, 1)
        if self._down:
            self._down = False
            return (0.0, 0.0, 0)
        return None

    def at(self, now: float) -> XY | None:
        """Where to move the point now; None while somebody else plays."""
        if self.waits(now):
            return None
        goal = walk(now - self._start_s)
        if self._resume is None:
            return goal
        since, place = self._resume
        part = (now - since) / RETURN_S
        if part >= 1.0:
            self._resume = None
            return goal
        part = max(part, 0.0)
        s = part * part * (3.0 - 2.0 * part)
        return place[0] + s * (goal[0] - place[0]), place[1] + s * (goal[1] - place[1])
