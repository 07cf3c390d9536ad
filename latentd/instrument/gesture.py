"""From what devices send to one pad point: many sources, one of which leads. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Sequence

from latentd.instrument.gesture_settings import GestureSettings
from latentd.instrument.gesture_source import GestureSource
from latentd.instrument.pad import CENTRE, XY
from latentd.instrument.point import Point

# Input counts as at rest after this long without a message, and switches settle: a device that sends only changes, such
# as a knob, may tremble slowly.
REST_S = 0.4
# Time between steps while the filter is still closing in.
_STEP_S = 0.004


class Gesture:
    """Many sources in, one pad point out.

    Of the sources that may lead (see `GestureSource`) the one of highest priority leads, and an equal takes no lead
    from it; where nobody leads, the one that became active last. Who leads, with A and B of one priority and C of a
    higher one:

        state  | event                     | next state
        nobody | A moves                   | A
        nobody | B moves                   | B
        A      | B moves                   | A
        any    | C moves                   | C
        A      | A is released             | A
        A      | A is released and B moves | B
        nobody | A is released and B moves | B
        A      | A lapses and B moves      | B
        nobody | A lapses and B moves      | B
        A      | B moves and A lapses      | B
        A      | B moves and A is released | B
        A      | A moves last and lapses   | A
        nobody | B moves and A lapses      | B
        nobody | B moves and A is released | B
        nobody | A moves last and lapses   | A
        any    | a landmark                | nobody

    A leader that may lead no longer keeps the lead until another source may; the point stays where it is, unless
    another source has sent a newer point meanwhile: the last word counts.
    """

    def __init__(self, settings: dict[str, GestureSettings]) -> None:
        self._sources = {name: GestureSource(s) for name, s in settings.items()}
        self._leader: GestureSource | None = None
        self.xy: XY = CENTRE
        self.still = True

    @property
    def leader(self) -> str:
        """The name of the source that leads or led last; empty before the first point and after a landmark."""
        return next((name for name, source in self._sources.items() if source is self._leader), "")

    @property
    def touched(self) -> bool | None:
        """The leader's touch; None when it has none or nobody leads."""
        return self._leader.touch.value if self._leader else None

    def held(self, now: float) -> bool:
        """A finger is on the leading source, which has not lapsed."""
        leader = self._leader
        return leader is not None and bool(leader.touch.value) and leader.active(now)

    def step(self, points: Sequence[Point], now: float) -> bool:
        """Take the new points; move `xy` and `still`. Returns True when the point moved."""
        used = False
        for point in points:
            source = self._sources.get(point.source)
            if source is not None:
                source.receive(point, self.xy, source is self._leader)
        leader = self._choose(now)
        if leader is not self._leader and leader is not None:
            if self._leader is not None:
                self._leader.lose_lead()
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
        self._sources[name].release()

    def update_touch(self, points: Sequence[Point]) -> None:
        """Frozen: positions count for nothing, but touches do, or a finger lifted meanwhile would lead for ever."""
        for point in points:
            source = self._sources.get(point.source)
            if source is not None and point.touch is not None:
                source.update_touch(point.touch)

    def settle_at(self, xy: XY, now: float) -> None:
        """A landmark or a glide put the point here: no source leads until it sends again, and has moved if it was
        active until now.
        """
        self.xy = xy
        for source in self._sources.values():
            source.yield_point(now)
        if self._leader is not None:
            self._leader.lose_lead()
            self._leader = None
        self.still = True

    def next_step(self, now: float) -> float | None:
        """When `step` wants a call without new points; None once everything rests."""
        leader = self._leader
        if leader is None:
            return None
        if self.still:
            return max(leader.lapses(), now) if self._successor(leader) else None
        if self.xy != leader.raw:
            return now + _STEP_S
        return max(leader.last_t + REST_S, now)

    def _choose(self, now: float) -> GestureSource | None:
        """The source that leads now; None when no source may."""
        able = [source for source in self._sources.values() if source.may_lead(now)]
        if not able:
            return self._successor(self._leader) if self._leader else None
        if len(able) == 1:
            return able[0]
        top = max(source.priority for source in able)
        rivals = [source for source in able if source.priority == top]
        if self._leader in rivals:
            return self._leader
        return max(rivals, key=lambda source: source.since)

    def _successor(self, leader: GestureSource) -> GestureSource | None:
        """Who takes over once nobody may lead: the source whose point is the newest; None when that is the leader's."""
        newest = max(self._sources.values(), key=lambda source: source.point_t)
        return newest if newest.point_t > leader.point_t and newest.counts() else None
