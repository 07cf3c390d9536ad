"""From what devices send to one pad point: range, direction, curve, filter, touch, and which source leads. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from latentd.instrument.pad import CENTRE, XY, clip
from latentd.instrument.point import Point
from latentd.schema.documents import Strict


class Filter(Strict):
    """One-euro filter (Casiez, Roussel and Vogel 2012): little lag when moving, no jitter at rest."""

    min_cutoff_hz: float = Field(default=2.0, gt=0.0, le=1000.0, description="cutoff at rest: lower is calmer")
    beta: float = Field(default=4.0, ge=0.0, le=1000.0, description="cutoff gained per pad width a second")
    derivative_cutoff_hz: float = Field(default=1.0, gt=0.0, le=1000.0, description="cutoff of the speed estimate")


class GestureSettings(Strict):
    """The `gesture:` section of a mapping: how this device's numbers become pad points 0..1, x right and y up."""

    # Not strict, because YAML has lists where Python has tuples; the numbers in them are strict.
    range_x: tuple[float, float] = Field(
        default=(0.0, 1.0), strict=False, description="device values at the left and right edge"
    )
    range_y: tuple[float, float] = Field(
        default=(0.0, 1.0), strict=False, description="device values at the bottom and top edge"
    )
    swap: bool = Field(default=False, description="the device sends y first")
    invert_x: bool = Field(default=False, description="the device's x grows to the left")
    invert_y: bool = Field(default=False, description="the device's y grows downwards")
    curve: float = Field(default=1.0, gt=0.0, le=10.0, description="exponent around the centre: above 1 is finer there")
    dead_zone: float = Field(default=0.0, ge=0.0, lt=0.5, description="half width around the centre that reads as it")
    filter: Filter | None = Field(default_factory=Filter, description="null switches the filter off")
    timeout_s: float | None = Field(
        default=None, gt=0.0, description="no message for so long counts as touch off (null: 10 s, without touch 0.5 s)"
    )
    priority: int = Field(default=0, description="the touched source of highest priority leads")
    pickup: Literal["jump", "soft"] = Field(
        default="jump", description="soft: each axis takes over only once it comes near the present point"
    )
    retake: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="while it goes on sending, how far it must move to lead after a landmark",
    )

    @field_validator("range_x", "range_y")
    @classmethod
    def _not_empty(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] == value[1]:
            raise ValueError("the two ends of a range must differ")
        return value


# A source without touch counts as let go after this long without a message, and a touched one after this long: a phone
# may have died, or its last message got lost. A finger that still lies there goes on where it is once it moves.
RELEASE_S = 0.5
HELD_S = 10.0
# Input counts as stopped after this long without a message: 100 ms is four frames of the slowest usual sender (40 Hz).
STILL_S = 0.1
# And as at rest after this long, when switches settle: what sends on change alone, as a knob does, may tremble slowly.
REST_S = 0.4
# Once input stopped, the filter closes in at this cutoff, so that rest is reached in about 0.1 s.
_STILL_CUTOFF_HZ = 12.0
# Below this distance the filter snaps to the input: a quarter of the finest pad in use (14 bits is 6e-5).
_SNAP = 1.5e-5
# How close a `soft` source must come to the present point before it takes over.
_PICKUP = 0.04
# Time between steps while the filter is still closing in.
_STEP_S = 0.004
# Two samples closer than this tell nothing about speed, and dividing by less could overflow.
_INSTANT_S = 1e-6


class Axis:
    """One-euro filter of one coordinate. A fresh one and a reset one behave alike; time 0.0 is a time."""

    __slots__ = ("_primed", "_raw", "_settings", "_speed", "_t", "value")

    def __init__(self, settings: Filter) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample passes unchanged."""
        self._primed = False
        self._raw = self._speed = self._t = self.value = 0.0

    def step(self, raw: float, t: float, fast: bool = False) -> float:
        """Feed one sample taken at `t` (monotonic s); `fast` closes in on an input that stopped."""
        if not self._primed:
            self._primed, self._raw, self._t, self.value = True, raw, t, raw
            return raw
        dt = t - self._t
        if dt < _INSTANT_S:  # two samples of one instant: the newer replaces, speed unknown
            self._raw = raw
            return self.value
        settings = self._settings
        speed = (raw - self._raw) / dt
        self._speed += _alpha(settings.derivative_cutoff_hz, dt) * (speed - self._speed)
        cutoff = settings.min_cutoff_hz + settings.beta * abs(self._speed)
        if fast:
            cutoff = max(cutoff, _STILL_CUTOFF_HZ)
        self.value += _alpha(cutoff, dt) * (raw - self.value)
        if abs(raw - self.value) < _SNAP:
            self.value = raw
        self._raw, self._t = raw, t
        return self.value


def _alpha(cutoff_hz: float, dt: float) -> float:
    """Smoothing factor of a first-order low pass sampled `dt` seconds apart."""
    r = 2.0 * math.pi * cutoff_hz * dt
    return r / (r + 1.0)


class _Source:
    """One device's present state: where it points, whether it is touched, when it last spoke."""

    __slots__ = (
        "_device", "_heard_t", "_meets", "_moved_t", "_said", "_settings", "_touch_said", "_touch_t", "_wants_position",
        "filters", "last_t", "raw", "since", "touch", "waits_at",
    )  # fmt: skip

    def __init__(self, settings: GestureSettings) -> None:
        self._settings = settings
        self.raw: XY | None = None  # on the pad, before the filter
        self.touch: bool | None = None
        self.last_t = self._heard_t = self._moved_t = self._touch_t = -math.inf
        self.since = -math.inf  # when it became active
        self.waits_at: XY | None = None  # where it was when a landmark took the point from it; it has not moved since
        self._said: tuple[float | None, float | None] | None = None  # x and y of the last message
        self._touch_said: bool | None = None
        self._wants_position = False  # touched, but where is not known yet
        self._device: list[float | None] = [None, None]  # where it is on the pad, axis by axis
        self._meets = [settings.pickup == "jump"] * 2  # which axes follow it
        filter_ = settings.filter
        self.filters = (Axis(filter_), Axis(filter_)) if filter_ else None

    @property
    def priority(self) -> int:
        return self._settings.priority

    def hear(self, point: Point, present: XY, leads: bool) -> None:
        """Take the newest point of this source; `present` is where the pad's point is."""
        was_active = self.active(point.t)
        self._feel(point, present)
        self.last_t = self._heard_t = point.t
        if self.touch is False or self._wants_position:
            return  # many devices send a last, meaningless position when they are let go
        if not was_active:
            self.since = point.t
            self.reset_filter()
        # Movements go on from where the point is; positions are what they are, whoever leads.
        start = self.raw if self.raw is not None and (leads or not point.relative) else present
        self.raw = self._follow(self._place(point, start), point, present)
        if self.waits_at is not None and (point.relative or _apart(self.raw, self.waits_at) > self._settings.retake):
            self.waits_at = None

    def _feel(self, point: Point, present: XY) -> None:
        """Touch, and whether the position is one of this touch. Datagrams get lost, and a position repeats the last."""
        moved = point.relative or (point.x, point.y) != self._said
        self._said = (point.x, point.y)
        turned = point.touch is not self._touch_said
        self._touch_said = point.touch
        if turned or point.t >= self._heard_t + RELEASE_S:
            self.waits_at = None  # a gesture of its own begins
        if turned and point.touch is not None:
            self.touch, self._touch_t = point.touch, point.t
            # What it said before it was let go is where the finger was, not where it is.
            old = not moved and point.t >= self._moved_t + STILL_S
            elsewhere = self.raw is not None and _apart(self.raw, present) > _PICKUP
            self._wants_position = point.touch and old and elsewhere
        elif moved and self.touch is False and point.t >= self._touch_t + RELEASE_S:
            self.touch = None  # it moves on: that it is touched got lost on the way
        if moved:
            self._moved_t, self._wants_position = point.t, False

    def _follow(self, place: XY, point: Point, present: XY) -> XY:
        """Where a source wants the point that is at `place`: with soft pickup an axis stays until the two have met."""
        heard = (point.y, point.x) if self._settings.swap else (point.x, point.y)
        for axis in (0, 1):
            if heard[axis] is not None:
                self._meets[axis] = self._meets[axis] or _met(self._device[axis], place[axis], present[axis])
                self._device[axis] = place[axis]
        return place[0] if self._meets[0] else present[0], place[1] if self._meets[1] else present[1]

    @property
    def picked_up(self) -> bool:
        """It moves the point on one axis at least."""
        return self._meets[0] or self._meets[1]

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

    def active(self, now: float) -> bool:
        """Touched, or without touch, and heard recently enough."""
        if self.touch is False or self._wants_position:
            return False
        limit = self._settings.timeout_s or (HELD_S if self.touch else RELEASE_S)
        return now - self.last_t < limit

    def stand_back(self, now: float) -> None:
        """A landmark has the point now: who streams on where it was shall not take it back at once."""
        if self.waits_at is None and self._settings.retake > 0.0 and self.active(now):
            self.waits_at = self.raw
        self.last_t = -math.inf

    def release(self) -> None:
        """Another source leads now: a soft one must be picked up again."""
        self._meets = [self._settings.pickup == "jump"] * 2

    def reset_filter(self) -> None:
        for axis in self.filters or ():
            axis.reset()

    def filtered(self, now: float) -> XY:
        """The filtered pad point at `now`; the input counts as repeated until it is heard again."""
        assert self.raw is not None
        if self.filters is None:
            return self.raw
        fast = now >= self.last_t + STILL_S
        return self.filters[0].step(self.raw[0], now, fast), self.filters[1].step(self.raw[1], now, fast)


def _scaled(value: float, ends: tuple[float, float], invert: bool, relative: bool = False) -> float:
    low, high = ends
    scaled = (value if relative else value - low) / (high - low)
    if invert:
        scaled = -scaled if relative else 1.0 - scaled
    return scaled if relative else clip(scaled)


def _apart(a: XY, b: XY) -> float:
    """How far on the axis where it is farther."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _met(previous: float | None, at: float, present: float) -> bool:
    """A source came near the present point on this axis, or passed it."""
    near = abs(at - present) <= _PICKUP
    return near or (previous is not None and min(previous, at) <= present <= max(previous, at))


class Gesture:
    """Many sources in, one pad point out.

    Lead rule: of the active sources the one of highest priority leads; among equals the one that leads keeps the
    lead until it is let go, then the one that became active last takes over. Let go, the point stays where it is.
    A landmark takes the lead from all: what begins after it leads, and what goes on, as a tilted phone, once it moves.
    """

    def __init__(self, settings: dict[str, GestureSettings]) -> None:
        self._sources = {name: _Source(s) for name, s in settings.items()}
        self._leader: _Source | None = None
        self.xy: XY = CENTRE
        self.still = True

    @property
    def leader(self) -> str:
        """The name of the source that leads or led last; empty before the first point."""
        return next((name for name, source in self._sources.items() if source is self._leader), "")

    @property
    def touched(self) -> bool | None:
        """The leader's touch; None when it has none or nothing leads."""
        return self._leader.touch if self._leader else None

    def step(self, points: Sequence[Point], now: float) -> bool:
        """Take the new points; move `xy` and `still`. Returns True when a point was used."""
        used = False
        for point in points:
            source = self._sources.get(point.source)
            if source is not None:
                source.hear(point, self.xy, source is self._leader)
        leader = self._choose(now)
        if leader is not self._leader and leader is not None:
            if self._leader is not None:
                self._leader.release()
            leader.reset_filter()
            self._leader = leader
        if self._leader is not None and self._leader.raw is not None:
            moved = self._leader.filtered(now)
            used = moved != self.xy
            self.xy = moved
            self.still = now >= self._leader.last_t + REST_S and moved == self._leader.raw
        return used

    def release(self, name: str) -> None:
        """This source leads no more, and nothing is known of its touch; what it sends next counts again."""
        source = self._sources[name]
        source.touch, source.last_t = None, -math.inf

    def overhear(self, points: Sequence[Point]) -> None:
        """Frozen: positions count for nothing, but who touches does, or a hand lifted meanwhile would lead for ever."""
        for point in points:
            source = self._sources.get(point.source)
            if source is not None and point.touch is not None:
                source.touch = point.touch

    def settle_at(self, xy: XY, now: float) -> None:
        """Another hand (a landmark, a glide) put the point here: no source leads until it is heard again, and has
        moved if it was active until now.
        """
        self.xy = xy
        for source in self._sources.values():
            source.stand_back(now)
        if self._leader is not None:
            self._leader.release()
            self._leader = None
        self.still = True

    def next_step(self, now: float) -> float | None:
        """When `step` wants a call without new points; None once everything rests."""
        leader = self._leader
        if leader is None or self.still:
            return None
        if self.xy != leader.raw:
            return now + _STEP_S
        return max(leader.last_t + REST_S, now)

    def _choose(self, now: float) -> _Source | None:
        active = [
            s
            for s in self._sources.values()
            if s.picked_up and s.waits_at is None and s.raw is not None and s.active(now)
        ]
        if len(active) < 2:
            return active[0] if active else None
        top = max(s.priority for s in active)
        rivals = [s for s in active if s.priority == top]
        if self._leader in rivals:
            return self._leader
        return max(rivals, key=lambda s: s.since)
