"""One device as a source of the gesture: its touch, whether its position counts, and where it is on the pad. Pure."""

from __future__ import annotations

import math
from enum import Enum

from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.one_euro import Axis
from latentd.instrument.pad import XY, clip
from latentd.instrument.point import Point

# A source without touch counts as released after RELEASE_S without a message, a touched one after HELD_S: a phone may
# have died, or its last message got lost. A finger that is still there goes on where it is once it moves.
RELEASE_S = 0.5
HELD_S = 10.0
# Input counts as stopped after this long without a message: 100 ms is four frames of the slowest usual sender (40 Hz).
STILL_S = 0.1
# How close a `soft` source must come to the present point before it takes over.
_PICKUP = 0.04


class Touch(Enum):
    """What is known of the finger on a source. What this table does not list changes nothing:

        state   | event                                    | next state
        any     | touch on                                 | ON
        any     | touch off                                | OFF
        any     | touch on while frozen                    | ON
        any     | touch off while frozen                   | OFF
        any     | released by a command                    | UNKNOWN
        OFF     | a new position, RELEASE_S after the lift | UNKNOWN

    Datagrams get lost: a device that moves long after a lift must have been touched again.
    """

    UNKNOWN = None  # the device has no touch, or its last touch message got lost
    ON = True
    OFF = False


class Position(Enum):
    """Whether the position that a source sends counts. What this table does not list changes nothing:

        state    | event                                             | next state
        any      | touch on at a new position                        | LIVE
        any      | touch on right after a new position               | LIVE
        any      | touch on at the old position, the point there     | LIVE
        any      | touch on at the old position, the point elsewhere | STALE
        any      | touch off                                         | LIVE
        STALE    | a small movement                                  | LIVE
        STALE    | a large movement                                  | LIVE
        LIVE     | a landmark                                        | YIELDED
        YIELDED  | a large movement                                  | LIVE
        YIELDED  | a message after a pause of RELEASE_S              | LIVE

    Devices repeat their old position with a new touch, and some stream all the time. A movement is large when it is
    relative or leads farther than `retake` from where the source yielded.
    """

    LIVE = "moves the point"
    STALE = "is where the finger was before it was lifted"
    YIELDED = "has not moved since a landmark took the point"


# An Enum's attribute costs 0.1 us on Python 3.11, ten times as much as a global.
_LIVE, _STALE, _YIELDED = Position
_UNKNOWN, _ON, _OFF = Touch
_TOUCH = {touch.value: touch for touch in Touch}


class GestureSource:
    """One device's present state. It may lead while it is active, LIVE and, with soft pickup, has been picked up.

    A source lapses when it sends nothing for its time limit, or when a landmark or a command ends its activity; the
    next message that counts makes it active again.

    Attributes:
        raw: where it is on the pad, before the filter; None until it has sent a position that counts.
        last_t: when it last sent anything (monotonic s); minus infinity once it has lapsed by a landmark or a command.
        since: when it became active.
        point_t: when it sent the newest position that counts; minus infinity once a landmark took the point.
    """

    __slots__ = (
        "_device", "_last_touch", "_last_xy", "_moved_t", "_picked_up", "_received_t", "_settings", "_touch_t",
        "_yielded_at", "filters", "last_t", "point_t", "position", "raw", "since", "touch",
    )  # fmt: skip

    def __init__(self, settings: GestureSettings) -> None:
        self._settings = settings
        self.touch = _UNKNOWN
        self.position = _LIVE
        self.raw: XY | None = None
        self.last_t = self.since = self.point_t = -math.inf
        self._received_t = self._moved_t = self._touch_t = -math.inf  # last message, new position, change of touch
        self._last_xy: tuple[float | None, float | None] | None = None  # as the last message had it
        self._last_touch: bool | None = None
        self._yielded_at: XY = (0.0, 0.0)  # where it was when a landmark took the point
        self._device: list[float | None] = [None, None]  # where it is on the pad, axis by axis
        self._picked_up = [settings.pickup == "jump"] * 2  # which axes move the point
        self.filters = (Axis(settings.filter), Axis(settings.filter)) if settings.filter else None

    @property
    def priority(self) -> int:
        """The source of highest priority leads."""
        return self._settings.priority

    def active(self, now: float) -> bool:
        """Touched, or without touch, at a known position, and not lapsed."""
        if self.touch is _OFF or self.position is _STALE:
            return False
        return now < self.last_t + self._limit_s()

    def lapses(self) -> float:
        """When it is no longer active, if it sends nothing more (monotonic s)."""
        return self.last_t if self.touch is _OFF else self.last_t + self._limit_s()

    def _limit_s(self) -> float:
        return self._settings.timeout_s or (HELD_S if self.touch is _ON else RELEASE_S)

    def may_lead(self, now: float) -> bool:
        """Active, and its position moves the point on one axis at least."""
        return self.counts() and self.active(now)

    def counts(self) -> bool:
        """Its position moves the point on one axis at least, should it lead."""
        return self.position is _LIVE and (self._picked_up[0] or self._picked_up[1]) and self.raw is not None

    # -- events ----------------------------------------------------------------------------------

    def receive(self, point: Point, present: XY, leads: bool) -> None:
        """Take the newest point of this source; `present` is where the pad's point is."""
        was_active = self.active(point.t)
        self._update(point, present)
        self.last_t = self._received_t = point.t
        if self.touch is _OFF or self.position is _STALE:
            return  # many devices send a last, meaningless position when they are released
        if not was_active:
            self.since = point.t
            self.reset_filter()
        # Movements go on from where the point is; positions are what they are, whoever leads.
        start = self.raw if self.raw is not None and (leads or not point.relative) else present
        self.raw = self._pick_up(self._place(point, start), point, present)
        if self.position is _YIELDED and (
            point.relative or _distance(self.raw, self._yielded_at) > self._settings.retake
        ):
            self.position = _LIVE
        self.point_t = point.t

    def _update(self, point: Point, present: XY) -> None:
        """Touch and position, as their tables say."""
        moved = point.relative or (point.x, point.y) != self._last_xy
        changed = point.touch is not self._last_touch
        self._last_xy, self._last_touch = (point.x, point.y), point.touch
        if self.position is _YIELDED and point.t >= self._received_t + RELEASE_S:
            self.position = _LIVE  # a gesture of its own begins
        if changed and point.touch is not None:
            self.touch, self._touch_t = _TOUCH[point.touch], point.t
            old = point.t >= self._moved_t + STILL_S
            elsewhere = self.raw is not None and _distance(self.raw, present) > _PICKUP
            self.position = _STALE if point.touch and old and elsewhere else _LIVE
        elif moved and self.touch is _OFF and point.t >= self._touch_t + RELEASE_S:
            self.touch = _UNKNOWN
        if moved:
            self._moved_t = point.t
            if self.position is _STALE:
                self.position = _LIVE

    def update_touch(self, touch: bool) -> None:
        """A touch while the gesture is frozen, when positions count for nothing."""
        self.touch = _TOUCH[touch]

    def release(self) -> None:
        """A command ends its activity, and nothing is known of its touch; what it sends next counts again."""
        self.touch, self.last_t = _UNKNOWN, -math.inf

    def yield_point(self, now: float) -> None:
        """A landmark has the point now: a source that streams on where it was shall not take it back at once."""
        if self.position is _LIVE and self.raw is not None and self._settings.retake > 0.0 and self.active(now):
            self.position, self._yielded_at = _YIELDED, self.raw
        self.last_t = self.point_t = -math.inf

    def lose_lead(self) -> None:
        """Another source leads now: a soft one must be picked up again."""
        self._picked_up = [self._settings.pickup == "jump"] * 2

    # -- where it is -----------------------------------------------------------------------------

    def reset_filter(self) -> None:
        """The next position passes the filter unchanged."""
        for axis in self.filters or ():
            axis.reset()

    def filtered(self, now: float) -> XY:
        """The filtered pad point at `now`; until the next message the last position counts as repeated."""
        assert self.raw is not None
        if self.filters is None:
            return self.raw
        fast = now >= self.last_t + STILL_S
        return self.filters[0].step(self.raw[0], now, fast), self.filters[1].step(self.raw[1], now, fast)

    def _pick_up(self, place: XY, point: Point, present: XY) -> XY:
        """Where it wants the point while it is at `place`: with soft pickup an axis waits until the two have met."""
        sent = (point.y, point.x) if self._settings.swap else (point.x, point.y)
        for axis in (0, 1):
            if sent[axis] is not None:
                self._picked_up[axis] = self._picked_up[axis] or _met(self._device[axis], place[axis], present[axis])
                self._device[axis] = place[axis]
        return place[0] if self._picked_up[0] else present[0], place[1] if self._picked_up[1] else present[1]

    def _place(self, point: Point, previous: XY) -> XY:
        s = self._settings
        x, y = (point.y, point.x) if s.swap else (point.x, point.y)
        if point.relative:
            dx = _scaled(x or 0.0, s.range_x, s.invert_x, relative=True)
            dy = _scaled(y or 0.0, s.range_y, s.invert_y, relative=True)
            return clip(previous[0] + dx), clip(previous[1] + dy)
        return (
            previous[0] if x is None else self._shape(_scaled(x, s.range_x, s.invert_x)),
            previous[1] if y is None else self._shape(_scaled(y, s.range_y, s.invert_y)),
        )

    def _shape(self, value: float) -> float:
        """Dead zone and curve, both around the centre; 0 and 1 stay where they are."""
        s = self._settings
        if s.dead_zone == 0.0 and s.curve == 1.0:
            return value
        offset = 2.0 * value - 1.0
        beyond = max(abs(offset) - 2.0 * s.dead_zone, 0.0) / (1.0 - 2.0 * s.dead_zone)
        return float(0.5 + 0.5 * math.copysign(beyond**s.curve, offset))


def _scaled(value: float, ends: tuple[float, float], invert: bool, relative: bool = False) -> float:
    low, high = ends
    scaled = (value if relative else value - low) / (high - low)
    if invert:
        scaled = -scaled if relative else 1.0 - scaled
    return scaled if relative else clip(scaled)


def _distance(a: XY, b: XY) -> float:
    """The greater of the distances along the two axes."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _met(previous: float | None, at: float, present: float) -> bool:
    """A source came near the present point on this axis, or passed it."""
    near = abs(at - present) <= _PICKUP
    return near or (previous is not None and min(previous, at) <= present <= max(previous, at))
