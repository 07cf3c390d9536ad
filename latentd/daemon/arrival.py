"""When a datagram arrived in the kernel, on the monotonic clock.

The kernel stamps each datagram (SO_TIMESTAMPNS, socket(7)), so what has waited in the socket counts. Its stamps are of
the system's clock, which NTP, a user or a suspend may step at any time. The monotonic clock runs at the same rate, so
the offset of the two is constant but for steps, and a datagram cannot have come before the socket was last empty.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

# Linux's, of 64 bits everywhere since 5.1; Python has no name for it.
_SO_TIMESTAMPNS_NEW = 64
_STAMP = struct.Struct("@qq")
STAMP_BYTES = socket.CMSG_SPACE(_STAMP.size)
# A smaller change of the offset is no step, and how precise an arrival is after one.
_STEP_S = 1e-3
# No loop that runs leaves a datagram waiting for so long.
_LONG_S = 1.0


def ask_for_stamps(listening: socket.socket) -> None:
    """Have the kernel stamp each datagram; an older one does not, and then a datagram arrives when it is read."""
    with contextlib.suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW, 1)


def seconds(stamp: bytes) -> float:
    """The kernel's stamp as seconds since 1970."""
    whole, nanoseconds = _STAMP.unpack(stamp)
    return float(whole + nanoseconds * 1e-9)


def clock_offset() -> float:
    """What the system's clock is ahead of the monotonic one; less, if we are interrupted in between."""
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class Arrivals:
    """Maps stamps to the monotonic clock; time is an argument.

    Args:
        now: no datagram arrived before.
        offset: the difference of the clocks at this moment.
    """

    def __init__(self, now: float, offset: Callable[[], float] = clock_offset) -> None:
        self._read_offset = offset
        self._empty_t = now  # the socket was empty
        # now, and when the socket was last empty: they differ when the clock was stepped since
        self._offset = self._before = max(offset(), offset(), offset())

    def begin(self) -> None:
        """The socket is to be read: notice a step of the clock."""
        offset = self._read_offset()
        if abs(offset - self._offset) > _STEP_S:
            offset = max(offset, self._read_offset(), self._read_offset())
            if abs(offset - self._offset) > _STEP_S:
                self._offset = offset

    def find(self, stamp: float, now: float) -> float:
        """When a datagram with this stamp arrived, which is read at `now`; at the latest now."""
        at = stamp - self._offset
        if self._empty_t <= at <= now and self._offset == self._before:
            return at
        # Which offset was it stamped with? As a rule only one puts it between the last time that the socket was empty
        # and now. If both do, it came after the step, unless it would have waited for long: then it came before.
        earliest = self._empty_t - _STEP_S
        if not max(earliest, now - _LONG_S) <= at <= now + _STEP_S:
            times = (at, stamp - self._before)
            at = max((t for t in times if earliest <= t <= now + _STEP_S), default=now)
        return min(at, now)

    def emptied(self, now: float) -> None:
        """The socket was empty at `now`."""
        self._empty_t = now
        self._before = self._offset
