"""Where the point is at home: the `home:` of the configuration."""

from __future__ import annotations

import logging

from latentd.errors import UserError
from latentd.instrument.landmarks import UserLandmarks
from latentd.instrument.pad import CENTRE, XY

log = logging.getLogger(__name__)


class HomePoint:
    """A point, or a landmark, which the performer may save, move and delete at any time.

    Args:
        configured: `[x, y]`, a landmark's name, or None.
        landmarks: the performer's.
    """

    def __init__(self, configured: str | list[float] | None, landmarks: UserLandmarks) -> None:
        self._configured = configured
        self._landmarks = landmarks
        self._warned = False

    def find(self) -> XY:
        """Where home is now; the middle of the pad where it is not configured, or names no landmark (logged once)."""
        home = self._configured
        if isinstance(home, list):
            return home[0], home[1]
        if home is None:
            return CENTRE
        try:
            return self._landmarks.find(home)
        except UserError as error:
            if not self._warned:
                log.warning("home: %s. Until then home is the middle of the pad", error)
            self._warned = True
            return CENTRE
