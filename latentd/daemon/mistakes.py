"""Which mistakes of clients the log has: each distinct one once. Pure."""

from __future__ import annotations

from collections.abc import Hashable

MAX_KNOWN = 256
# Anyone may make up any number of mistakes: so many lines at once, then one a second.
MAX_LINES = 20
_PER_S = 1.0


class Mistakes:
    """Tells which mistakes are new. Of too many the one that was made least recently is forgotten."""

    def __init__(self) -> None:
        self._known: dict[Hashable, None] = {}
        self._lines = float(MAX_LINES)
        self._t = 0.0

    def is_new(self, mistake: Hashable, now: float) -> bool:
        """True when this one belongs in the log now; one for which there is no room counts as new the next time."""
        if mistake in self._known:
            self._known[mistake] = self._known.pop(mistake)
            return False
        # What comes back from the background brings the time of its message.
        self._lines = min(self._lines + max(now - self._t, 0.0) * _PER_S, float(MAX_LINES))
        self._t = max(self._t, now)
        if self._lines < 1.0:
            return False
        self._lines -= 1.0
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[mistake] = None
        return True
