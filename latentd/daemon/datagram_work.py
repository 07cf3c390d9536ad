"""How much one datagram may have the daemon do, so that none holds up the points behind it. Pure."""

from __future__ import annotations

# One unit takes about 10 us on a core of a 2-core server. Enough for the 128 messages that one datagram holds at most.
MAX_WORK = 150
MISTAKE = 25  # looking for the nearest name, the answer, a line in the log


class DatagramWork:
    """What is left of the work that the present datagram may cause. The last message may exceed it.

    Attributes:
        left: in units; MAX_WORK when a datagram begins.
        refused: messages of it, or addresses that a pattern matched, that were not carried out.
    """

    __slots__ = ("left", "refused")

    def __init__(self) -> None:
        self.left = MAX_WORK
        self.refused = 0


def of_pattern(pattern: str) -> int:
    """The units of comparing an address pattern with all addresses, about 1 ms at most.

    Measured with the worst ones of each kind: 2 us for each character, and 50 us more for each `[`, as far as names go.
    """
    return 4 + len(pattern) // 5 + 5 * min(pattern.count("["), 16)
