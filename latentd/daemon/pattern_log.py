"""Logs the patterns of the configuration that match no MIDI port."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)

_LOOK_S = 1.0
# Devices and synths may start a little later than the daemon.
_WARN_AFTER_S = 10.0

Patterns = Mapping[str, Sequence[str]]  # by the key of the configuration that they stand in


class PatternLog:
    """Warns about each pattern once, when it has had no port for 10 s.

    Args:
        without_port: the patterns that match no port now.
    """

    def __init__(self, without_port: Callable[[], Patterns]) -> None:
        self._without_port = without_port
        self._look_at = -math.inf
        self._since: dict[tuple[str, str], float] = {}
        self._logged: set[tuple[str, str]] = set()

    def step(self, now: float) -> None:
        """Look at them, at most once a second. Needs no deadline: while ports are looked for, turns come more often."""
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_S
        missing = {(key, pattern) for key, patterns in self._without_port().items() for pattern in patterns}
        self._since = {one: self._since.get(one, now) for one in missing}
        for key, pattern in sorted(missing - self._logged):
            if now >= self._since[key, pattern] + _WARN_AFTER_S:
                self._logged.add((key, pattern))
                log.warning("%s: no port matches %r. `latentd ports` lists the ports", key, pattern)
