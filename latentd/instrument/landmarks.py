"""The performer's own named pad points. Pure."""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Mapping

from latentd.errors import UserError
from latentd.instrument.pad import XY

# Comparing two names takes up to 0.2 ms, and a point waits while a misspelled one is answered.
_MAX_COMPARED = 12
_MAX_LISTED = 5


# Name -> its new point; None where it is to be forgotten.
LandmarkChange = Mapping[str, XY | None]


def changed(points: Mapping[str, XY], change: LandmarkChange) -> dict[str, XY]:
    """The points after a change."""
    return {name: xy for name, xy in {**points, **change}.items() if xy is not None}


class UserLandmarks:
    """The performer's own named pad points.

    Others may change the file that keeps them, so a change is written on top of what the file holds by then: it counts
    here from `begin` on, and `finish` brings what the file held.
    """

    def __init__(self, points: dict[str, XY] | None = None) -> None:
        self.points: dict[str, XY] = dict(points or {})
        self._under_way: list[LandmarkChange] = []
        self._unwritten: LandmarkChange = {}

    def to_write(self, change: LandmarkChange) -> LandmarkChange:
        """A change, and with it what could not be written before."""
        return {**self._unwritten, **change}

    @property
    def unwritten(self) -> int:
        """How many names have changes that could not be written."""
        return len(self._unwritten)

    def begin(self, writing: LandmarkChange) -> None:
        """What `to_write` returned is being written: it counts from now on."""
        self._unwritten = {}
        self._under_way.append(writing)
        self.points = changed(self.points, writing)

    def finish(self, written: LandmarkChange, kept: Mapping[str, XY] | None) -> None:
        """It is written, and the file holds `kept`; None where it could not be: it counts here."""
        self._under_way.remove(written)
        if kept is None:
            self._unwritten = {**written, **self._unwritten}
        else:
            self.points = functools.reduce(changed, [*self._under_way, self._unwritten], dict(kept))

    def find(self, name: str) -> XY:
        """The point called `name`.

        Raises:
            UserError: there is none; names the nearest one, or some.
        """
        if name not in self.points:
            alike = (key for key in self.points if key[:1].casefold() == name[:1].casefold())
            near = difflib.get_close_matches(name, itertools.islice(alike, _MAX_COMPARED), n=1)
            raise UserError(f"no landmark {name!r}", f"Did you mean {near[0]!r}?" if near else self._some())
        return self.points[name]

    def _some(self) -> str:
        listed = ", ".join(map(repr, sorted(self.points)[:_MAX_LISTED]))
        more = len(self.points) - _MAX_LISTED
        return f"There are {listed}{f' and {more} more' if more > 0 else ''}" if listed else "Save one first"
