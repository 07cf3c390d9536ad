"""How long the turns of the loop take, and what a long one did. Time is an argument.

On a busy machine a turn is long because other programs run meanwhile, whatever it does: so the time that it had the
processor is named, too (`ran`: processor time of the engine's thread, s).
"""

from __future__ import annotations

from latentd.daemon.sender import Sender
from latentd.osc.packets import Message
from latentd.status import Histogram

# A turn this long is audible: points come every 4 to 16 ms.
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
        self._began_t = self._part_t = self._ran_s = 0.0
        self._most_s = 0.0
        self._what: What = ""
        self._sender: Sender | None = None

    def begin(self, now: float, ran: float) -> None:
        """A turn begins."""
        self._ran_s = ran
        self._began_t = self._part_t = now
        self._most_s, self._what = 0.0, ""

    def did(self, what: What, now: float, sender: Sender | None = None) -> None:
        """A part of the turn ends: a message of this sender was carried out, or a step of the loop."""
        spent = now - self._part_t
        self._part_t = now
        if spent > self._most_s:
            self._most_s, self._what, self._sender = spent, what, sender

    def is_long(self, now: float) -> bool:
        """The turn ends, and counts; True: call `name` before the next one."""
        length = now - self._began_t
        longest = length > self.lengths.max_s
        self.lengths.add(length)
        if length < LONG_S:
            return False
        self.long += 1
        if longest:
            self._longest = ""
        return True

    def name(self, now: float, ran: float) -> str:
        """Name what that turn did. Returns a line for the log if that is a new cause, otherwise nothing."""
        length, ran_s = now - self._began_t, ran - self._ran_s
        most = f"{self._most_s * 1e3:.0f} ms of it for {self._cause()}"
        line = f"{length * 1e3:.0f} ms ({ran_s * 1e3:.0f} ms on the processor), {most}"
        self._longest = self._longest or line
        name = self._what if isinstance(self._what, str) else self._what.address
        # The first turn opens ports and starts the JACK port's process; nobody plays yet.
        if self.lengths.count == 1 or name in self._logged or len(self._logged) >= MAX_LOGGED:
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
