"""Where the point is at home: the `home:` of the configuration."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

from latentd.daemon import landmark_file
from latentd.errors import UserError
from latentd.instrument.landmarks import UserLandmarks
from latentd.instrument.pad import CENTRE, XY

log = logging.getLogger(__name__)


def mistake(home: object, folder: Path) -> tuple[str, str] | None:
    """What is wrong with a `home:` of a configuration whose state folder this is, and the next step; None: nothing."""
    if not isinstance(home, str) or not home.strip():
        return None
    file = folder / landmark_file.FILE
    known = landmark_file.names(file)
    if home in known:
        return None
    near = difflib.get_close_matches(home, known, n=1)
    step = f"did you mean {near[0]}?" if near else f"save it: `latentd send /latentd/landmark/save {home}`"
    return f"found {home!r}; no landmark in {file}", step


class HomePoint:
    """A point, or a landmark, which the performer may save, move and delete at any time.

    Args:
        configured: `[x, y]`, a landmark's name, or None.
        landmarks: the performer's.
    """

    def __init__(self, configured: str | list[float] | None, landmarks: UserLandmarks) -> None:
        self._configured = configured
        self._landmarks = landmarks
        self._missing = False

    def find(self) -> XY:
        """Where home is now; the middle of the pad where it is not configured, or names no landmark."""
        home = self._configured
        if isinstance(home, list):
            return home[0], home[1]
        if home is None:
            return CENTRE
        try:
            return self._landmarks.find(home)
        except UserError:
            return CENTRE

    def step(self) -> None:
        """Log that home's landmark is missing: at the start, and whenever it is deleted, by whomever."""
        home = self._configured
        if not isinstance(home, str) or home in self._landmarks.points:
            self._missing = False
        elif not self._missing:
            self._missing = True
            step = f"`latentd send /latentd/landmark/save {home}`"
            log.warning("home: no landmark %r, so home is the middle of the pad. Save it: %s", home, step)
