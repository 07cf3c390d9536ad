"""What moves the point without a hand: a glide, wandering, a recorded gesture played back. Pure."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from latentd.instrument.pad import XY


@dataclass(frozen=True, slots=True)
class Glide:
    """A move from one pad point to another that starts and ends at rest (cubic smoothstep)."""

    start: XY
    goal: XY
    start_s: float
    duration_s: float

    def at(self, now: float) -> XY:
        """The point at monotonic time `now`; exactly `goal` from the end on."""
        if self.done(now):
            return self.goal
        t = max(now - self.start_s, 0.0) / self.duration_s
        s = t * t * (3.0 - 2.0 * t)
        return (
            self.start[0] + s * (self.goal[0] - self.start[0]),
            self.start[1] + s * (self.goal[1] - self.start[1]),
        )

    def done(self, now: float) -> bool:
        """True from the end of the glide on."""
        return now - self.start_s >= self.duration_s


class PointMotion(Protocol):
    """Something that moves the pad's point without a hand."""

    def at(self, now: float) -> XY:
        """The point at monotonic time `now`."""

    def done(self, now: float) -> bool:
        """True once it stays where it is."""


@dataclass(frozen=True, slots=True)
class Wander:
    """An endless slow walk over the whole pad from `start` on: a sine for each axis, with periods that never align.

    Attributes:
        idle: it began because nobody played, so it is not what somebody plays.
    """

    start: XY
    start_s: float
    idle: bool = False
    periods_s: XY = (31.0, 47.3)
    reach: float = 0.5

    def at(self, now: float) -> XY:
        """The point at monotonic time `now`."""
        t = now - self.start_s
        return self._axis(0, t), self._axis(1, t)

    def done(self, now: float) -> bool:
        """Never."""
        return False

    def _axis(self, i: int, t: float) -> float:
        phase = math.asin(min(max((self.start[i] - 0.5) / self.reach, -1.0), 1.0))
        return 0.5 + self.reach * math.sin(phase + 2.0 * math.pi * t / self.periods_s[i])


# A recording ends by itself here: 20 minutes of 50 points a second, about 6 MB.
MAX_RECORDED = 60_000


class Recording:
    """A recorded gesture: pad points with their times, from the first one on.

    Args:
        on_full: called once, by the movement that does not fit; what came before is kept.

    Attributes:
        times: monotonic seconds.
        points: the pad point at each of these times.
    """

    def __init__(self, on_full: Callable[[], None]) -> None:
        self.times: list[float] = []
        self.points: list[XY] = []
        self._on_full: Callable[[], None] | None = on_full

    def add(self, xy: XY, now: float) -> None:
        """Record where the point is, if it moved and there is room."""
        if self.points and self.points[-1] == xy:
            return
        if len(self.points) < MAX_RECORDED:
            self.times.append(now)
            self.points.append(xy)
        elif self._on_full is not None:
            on_full, self._on_full = self._on_full, None
            on_full()


class Playback:
    """A recording played again and again, straight lines between its points. It must not grow any more."""

    def __init__(self, recording: Recording, start_s: float) -> None:
        self._times = recording.times
        self._points = recording.points
        self._start_s = start_s

    def at(self, now: float) -> XY:
        """The point at monotonic time `now`."""
        first, last = self._times[0], self._times[-1]
        t = first + ((now - self._start_s) % (last - first) if last > first else 0.0)
        i = min(bisect.bisect_right(self._times, t), len(self._times) - 1)
        if i == 0:
            return self._points[0]
        t0, t1 = self._times[i - 1], self._times[i]
        s = (t - t0) / (t1 - t0) if t1 > t0 else 1.0
        (x0, y0), (x1, y1) = self._points[i - 1], self._points[i]
        return x0 + s * (x1 - x0), y0 + s * (y1 - y0)

    def done(self, now: float) -> bool:
        """Never: it loops."""
        return False
