"""The performer's own named pad points. Pure."""

from __future__ import annotations

import difflib
import itertools

from latentd.errors import UserError
from latentd.instrument.pad import XY

# Comparing two names takes up to 0.2 ms, and a whole point may wait for the answer to a misspelled one.
_MAX_COMPARED = 12


class UserLandmarks:
    """The performer's own named pad points."""

    def __init__(self, points: dict[str, XY] | None = None) -> None:
        self.points: dict[str, XY] = dict(points or {})

    def find(self, name: str) -> XY:
        """The point called `name`.

        Raises:
            UserError: there is none; names the nearest one.
        """
        if name not in self.points:
            alike = (key for key in self.points if key[:1].casefold() == name[:1].casefold())
            near = difflib.get_close_matches(name, itertools.islice(alike, _MAX_COMPARED), n=1)
            raise UserError(f"no landmark {name!r}", f"Did you mean {near[0]!r}?" if near else "Save one first")
        return self.points[name]
