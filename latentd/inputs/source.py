"""The newest state of one source, and which of several fingers leads it. Pure."""

from __future__ import annotations

import functools
from collections.abc import Hashable

from latentd.inputs.pad_range import PadRange
from latentd.instrument.point import Point
from latentd.status import Counters

# No device measures a number beyond this: the sender is wrong, and arithmetic with it would overflow.
ABSURD = 1e9
# More fingers than any surface tracks; further ones are dropped.
MAX_FINGERS = 64

_X, _Y, _TOUCH = 1, 2, 4
_point = functools.partial(tuple.__new__, Point)  # a third of what Point(...) costs


class Source:
    """The state of one mapping. Holds one point, not a queue: the newest replaces the last, and the loss is counted."""

    __slots__ = (
        "_clipped",
        "_counters",
        "_fresh",
        "_range",
        "_relative",
        "_t",
        "_touch",
        "_x",
        "_y",
        "arrived",
        "name",
    )

    def __init__(self, name: str, counters: Counters, relative: bool = False) -> None:
        self.name = name
        self._counters = counters
        self._relative = relative
        self._range: PadRange | None = None  # None once a value was outside
        self._clipped: list[tuple[str, str]] = []
        self._x: float | None = None
        self._y: float | None = None
        self._touch: bool | None = None
        self._t = 0.0
        self.arrived: float | None = None  # see `Point`; set by who passes the message on
        self._fresh = 0  # which of x, y and touch changed since the last `take`

    def watch(self, pad_range: PadRange, clipped: list[tuple[str, str]]) -> None:
        """Add the name and the first values outside this range, in words, to `clipped`."""
        self._range, self._clipped = pad_range, clipped

    def update(self, x: float | None, y: float | None, touch: bool | None, now: float) -> None:
        """Take what one message sets; None leaves a value as it is."""
        fresh = 0
        if x is not None:
            fresh = _X
            self._x = x if not self._relative or self._x is None else self._x + x
        if y is not None:
            fresh |= _Y
            self._y = y if not self._relative or self._y is None else self._y + y
        if touch is not None:
            fresh |= _TOUCH
            self._touch = touch
        # A y after its x completes the point; a value is lost only if another replaces it unread. Movements add up.
        if self._fresh & fresh and not self._relative:
            self._counters.superseded += 1
        self._fresh |= fresh
        self._t = now

    def take(self) -> Point | None:
        """The newest point, if a value has changed since the last call."""
        if not self._fresh:
            return None
        x, y, pad_range = self._x, self._y, self._range
        point = _point((x, y, self._touch, self.name, self._t, self._relative, self.arrived))
        self._fresh = 0
        # With touch off, many devices send a meaningless position.
        if (pad_range is not None and self._touch is not False) and (
            (x is not None and not pad_range.low_x <= x <= pad_range.high_x)
            or (y is not None and not pad_range.low_y <= y <= pad_range.high_y)
        ):
            self._range = None
            self._clipped.append((self.name, pad_range.excess(point)))
        if self._relative:
            self._x = self._y = None
        return point

    def exceeded(self) -> None:
        """More fingers, notes or trackers than can be followed: one was not, or the oldest is not any more."""
        self._counters.excess += 1


class Fingers:
    """Fingers in the order in which they went down; the first or the newest leads, and the next takes over."""

    __slots__ = ("_newest", "_places", "source")

    def __init__(self, source: Source, newest: bool) -> None:
        self.source = source
        self._newest = newest
        self._places: dict[Hashable, tuple[float | None, float | None]] = {}

    def __contains__(self, finger: Hashable) -> bool:
        return finger in self._places

    def __len__(self) -> int:
        return len(self._places)

    def put(self, finger: Hashable, x: float | None = None, y: float | None = None) -> None:
        """This finger is down, at x and y as far as they are known."""
        old = self._places.get(finger)
        if old is None and len(self._places) >= MAX_FINGERS:
            self.source.exceeded()
            return
        old = old or (None, None)
        self._places[finger] = (old[0] if x is None else x, old[1] if y is None else y)

    def lift(self, finger: Hashable) -> None:
        """This finger is up."""
        self._places.pop(finger, None)

    def rename(self, old: Hashable, new: Hashable) -> None:
        """A finger gets another name and keeps its place in the order."""
        self._places = {new if finger == old else finger: place for finger, place in self._places.items()}

    def leader(self) -> Hashable | None:
        """The finger that leads; None when none is down."""
        return next(reversed(self._places) if self._newest else iter(self._places), None)

    def report(self, now: float) -> None:
        """Set the source to the leader's place, or to touch off without one."""
        leader = self.leader()
        if leader is None:
            self.source.update(None, None, False, now)
            return
        x, y = self._places[leader]
        if x is not None and y is not None:
            self.source.update(x, y, True, now)
