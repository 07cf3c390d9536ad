"""How long the turns of the loop take, and what a long one did. Time is an argument."""

from __future__ import annotations

from latentd.daemon.sender import Sender
from latentd.osc.packets import Message
from latentd.status import Histogram

# A turn this long is heard: points come every 4 to 16 ms.
LONG_S = 0.02
# So many different causes are logged; whoever sends ever new addresses cannot fill the log.
MAX_LOGGED = 64
_SHOWN_CHARS = 60  # characters of an address

What = str | Message


class Turns:
    """Measures each turn from the event that woke the loop to its end, and keeps the part that took longest.

    Attributes:
        lengths: of all turns.
        long: how many took `LONG_S` or more.
    """

    def __init__(self) -> None:
        self.lengths = Histogram()
        self.long = 0
        self._longest = ""
        self._logged: set[str] = set()
        self._began_t = self._part_t = 0.0
        self._most_s = 0.0
        self._what: What = ""
        self._sender: Sender | None = None

    def begin(self, now: float) -> None:
        """A turn begins."""
        self._began_t = self._part_t = now
        self._most_s, self._what = 0.0, ""

    def did(self, what: What, now: float, sender: Sender | None = None) -> None:
        """A part of the turn ends: a message of this sender was carried out, or a step of the loop."""
        spent = now - self._part_t
        self._part_t = now
        if spent > self._most_s:
            self._most_s, self._what, self._sender = spent, what, sender

    def end(self, now: float) -> str:
        """The turn ends. Returns a line for the log if it was long, and its cause is a new one; otherwise nothing."""
        length = now - self._began_t
        if length < LONG_S:
            self.lengths.add(length)
            return ""
        self.long += 1
        cause = self._cause()
        line = f"{length * 1e3:.0f} ms, {self._most_s * 1e3:.0f} ms of it for {cause}"
        if length > self.lengths.max_s:
            self._longest = line
        self.lengths.add(length)
        name = self._what if isinstance(self._what, str) else self._what.address
        if name in self._logged or len(self._logged) >= MAX_LOGGED:
            return ""
        self._logged.add(name)
        return f"a turn of the loop took {line}: nothing else was answered meanwhile"

    def facts(self) -> dict[str, object]:
        """For status: milliseconds of all turns, how many were long, and what the longest one did."""
        return {**self.lengths.facts(), "long": self.long, "longest": self._longest}

    def _cause(self) -> str:
        if isinstance(self._what, str):
            return self._what
        address = self._what.address
        shown = address if len(address) <= _SHOWN_CHARS else address[:_SHOWN_CHARS] + "…"
        return f"{shown} from {self._sender}"
