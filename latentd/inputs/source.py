"""The newest state of one source, and which of several fingers leads it. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from latentd.instrument.point import Point
from latentd.status import Counters

# A number beyond this is a mistake of the sender: no device measures it, and arithmetic on it would overflow.
ABSURD = 1e9
# More fingers than any surface tells apart; what claims more is dropped.
MAX_FINGERS = 64

_X, _Y, _TOUCH = 1, 2, 4


class Source:
    """What one mapping has heard. Holds one point, not a queue: the newest replaces, and the loss is counted."""

    __slots__ = ("_counters", "_fresh", "_relative", "_t", "_touch", "_x", "_y", "name")

    def __init__(self, name: str, counters: Counters, relative: bool = False) -> None:
        self.name = name
        self._counters = counters
        self._relative = relative
        self._x: float | None = None
        self._y: float | None = None
        self._touch: bool | None = None
        self._t = 0.0
        self._fresh = 0  # which of x, y and touch changed since the last `take`

    def hear(self, x: float | None, y: float | None, touch: bool | None, now: float) -> None:
        """Take what one message said; None is what it did not say."""
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
        # The y after its x completes a point; only what was new and never looked at is lost. Movements add up.
        if self._fresh & fresh and not self._relative:
            self._counters.superseded += 1
        self._fresh |= fresh
        self._t = now

    def take(self) -> Point | None:
        """The newest point if something came since the last call."""
        if not self._fresh:
            return None
        point = Point(self._x, self._y, self._touch, self.name, self._t, self._relative)
        self._fresh = 0
        if self._relative:
            self._x = self._y = None
        return point


class Fingers:
    """Fingers in the order in which they came down; the first or the newest leads, the next takes over."""

    __slots__ = ("_newest", "_places", "_source")

    def __init__(self, source: Source, newest: bool) -> None:
        self._source = source
        self._newest = newest
        self._places: dict[Hashable, tuple[float | None, float | None]] = {}

    def __contains__(self, finger: Hashable) -> bool:
        return finger in self._places

    def __len__(self) -> int:
        return len(self._places)

    def put(self, finger: Hashable, x: float | None = None, y: float | None = None) -> None:
        """This finger is down, and as far as said it is here."""
        old = self._places.get(finger)
        if old is None and len(self._places) >= MAX_FINGERS:
            return
        old = old or (None, None)
        self._places[finger] = (old[0] if x is None else x, old[1] if y is None else y)

    def lift(self, finger: Hashable) -> None:
        """This finger is gone."""
        self._places.pop(finger, None)

    def keep(self, alive: frozenset[Hashable]) -> None:
        """All fingers but these are gone."""
        for finger in [f for f in self._places if f not in alive]:
            del self._places[finger]

    def rename(self, old: Hashable, new: Hashable) -> None:
        """One finger goes on under another name, in its place of the order."""
        self._places = {new if finger == old else finger: place for finger, place in self._places.items()}

    def leader(self) -> Hashable | None:
        """The finger that leads; None when none is down."""
        return next(reversed(self._places) if self._newest else iter(self._places), None)

    def tell(self, now: float) -> None:
        """Hand the leader's place to the source, or that nobody touches."""
        leader = self.leader()
        if leader is None:
            self._source.hear(None, None, False, now)
            return
        x, y = self._places[leader]
        if x is not None and y is not None:
            self._source.hear(x, y, True, now)
