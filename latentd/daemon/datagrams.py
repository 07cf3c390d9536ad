"""The UDP socket that controllers, clients and the synth share."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from latentd.daemon import multicast
from latentd.daemon.arrival import STAMP_BYTES, Arrivals, ask_for_stamps, seconds
from latentd.daemon.monitor import Monitors
from latentd.daemon.network import Allowed, listen, overrun
from latentd.daemon.sender import INFO_BYTES, Sender, Senders
from latentd.osc import packets
from latentd.osc.address import Address, bound, is_any, is_multicast
from latentd.status import Counters

# One turn of the loop reads no more datagrams than this, for no longer, before it answers the newest point.
MAX_DATAGRAMS = 256
_READING_S = 0.005
# How often a group is joined on new interfaces.
_JOIN_S = 5.0
_LARGEST = 65536
_USUAL = 1024

# The messages of one datagram, who sent it, when it is read, and when it arrived in the kernel.
Dispatch = Callable[[list[packets.Message], Sender, float, float], object]


class Datagrams:
    """Reads what arrives, passes on its messages, and sends. Nothing here waits.

    Args:
        address: where to listen.
        networks: `allow:` of the configuration; this machine is always allowed.
        counters: count every loss.
        dispatch: called with the messages of each datagram that can be read.

    Attributes:
        monitors: the clients that get copies of what arrives.

    Raises:
        LatentdError: the address cannot be listened on.
    """

    def __init__(self, address: Address, networks: Sequence[str], counters: Counters, dispatch: Dispatch) -> None:
        self._allowed = Allowed(networks)
        self._counters = counters
        self._dispatch = dispatch
        # A new buffer of this size for each datagram would make the heap grow and shrink every time.
        self._room = memoryview(bytearray(_LARGEST))
        self._rooms = [self._room]
        self._last = b""  # the last readable one of the usual size
        self.monitors = Monitors(self.send)
        self._arrivals = Arrivals(time.monotonic())
        self._socket = listen(address)
        ask_for_stamps(self._socket)
        self._senders = Senders(self._socket.family)
        self._group = address[0] if is_multicast(address[0]) else None
        self._join_at = -math.inf
        self._ancillary_room = STAMP_BYTES + (INFO_BYTES if is_any(bound(address[0])) else 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Readable when `read` has something to read."""
        return self._socket.fileno()

    def read(self, now: float) -> None:
        """Read what waits, up to the limits of a turn, and dispatch the messages."""
        receive, rooms, ancillary_room = self._socket.recvmsg_into, self._rooms, self._ancillary_room
        arrivals = self._arrivals
        arrivals.begin()
        enough, latest = now + _READING_S, now
        for _ in range(MAX_DATAGRAMS):
            try:
                size, ancillary, _, address = receive(rooms, ancillary_room)
            except BlockingIOError:
                arrivals.emptied(latest)
                return
            except OSError:
                continue  # an ICMP answer to something we sent: the next datagram is behind it
            arrived, info = latest, b""
            for level, _, data in ancillary:
                if level == socket.SOL_SOCKET:
                    arrived = arrivals.find(seconds(data), latest)
                else:
                    info = data
            sender = self._senders.find(address, info)
            messages = self._messages(size, sender, now)
            if messages is None:
                continue
            self._dispatch(messages, sender, now, arrived)
            latest = time.monotonic()
            if latest > enough:
                return  # what waits is read in the next turn, after the tick

    def _messages(self, size: int, sender: Sender, now: float) -> list[packets.Message] | None:
        """The messages of the datagram that was received; None: it is not accepted, or cannot be read."""
        datagram, counters = bytes(self._room[:size]), self._counters
        counters.received += 1
        if self.monitors.any:
            self.monitors.datagram(datagram, sender, sender.host in self._allowed, now)
        if sender.host not in self._allowed:
            counters.refused += 1
            self._allowed.log_refused(sender.host, now)
            return None
        try:
            messages = packets.read(datagram, counters)
        except packets.Malformed:
            counters.malformed += 1
            return None
        if size <= _USUAL:
            self._last = datagram
        return messages

    def poll(self, now: float) -> float | None:
        """Join the group on interfaces that were plugged in since. Returns when to call again; None without a group."""
        if self._group is None:
            return None
        if now >= self._join_at:
            self._join_at = now + _JOIN_S
            with contextlib.suppress(OSError):  # the next call tries again
                multicast.join(self._socket, self._group)
        return self._join_at

    def rehearse(self) -> None:
        """Parse the last datagram once more, to keep that code warm: see `KeepWarm`."""
        with contextlib.suppress(packets.Malformed):
            packets.read(self._last)

    def send(self, packet: bytes, to: Sender) -> None:
        """Send one datagram, or lose it: nothing waits for a peer. It leaves from the address that the peer asked.

        Raises:
            OSError: no program listens there, or it cannot be reached (never because a buffer is full).
        """
        try:
            destination = self._senders.destination(to)
            if not to.answer_from or not self._send_from(packet, to, destination):
                self._socket.sendto(packet, destination)
        except BlockingIOError:
            self._counters.lost += 1

    def _send_from(self, packet: bytes, to: Sender, destination: Any) -> bool:
        """Send from the address that was asked; False: this machine no longer has it, so any other is better than none.

        Raises:
            BlockingIOError: no room.
        """
        try:
            self._socket.sendmsg((packet,), to.answer_from, 0, destination)
        except BlockingIOError:
            raise
        except OSError:
            return False
        return True

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        """Answer a client; one that is gone is no error."""
        with contextlib.suppress(OSError):
            self.send(packets.write(address, *args), sender)

    def overrun(self) -> int:
        """Datagrams that the system dropped because the socket's buffer was full."""
        return overrun(self._socket)
