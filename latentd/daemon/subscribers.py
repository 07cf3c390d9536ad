"""Which hosts are sent the point, and how often."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from latentd.instrument.pad import XY
from latentd.osc import packets

MAX_PER_S = 30
_FEEDBACK_S = 1.0 / MAX_PER_S
MAX_HOSTS = 256


class Feedback:
    """Sends the point to subscribers, at most 30 times a second and only when it has moved.

    Args:
        send: takes one OSC packet and an address.
        port: the UDP port on the subscribers' hosts.
    """

    def __init__(self, send: Callable[[bytes, tuple[str, int]], None], port: int) -> None:
        self._send = send
        self._port = port
        self._hosts: dict[str, None] = {}
        self._sent: XY | None = None  # None: a subscriber has not been sent any point yet
        self._sent_t = -_FEEDBACK_S

    def subscribe(self, host: str, on: bool) -> None:
        """Start or end sending to `host`; a new one is sent the point at once."""
        self._hosts.pop(host, None)
        if on:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts.pop(next(iter(self._hosts)))
            self._hosts[host] = None
            self._sent = None

    def step(self, xy: XY | None, now: float) -> float | None:
        """Send the point if it is due. Returns when to call again (monotonic s); None when nothing is left to send."""
        if not self._hosts or xy is None or xy == self._sent:
            return None
        if now < self._sent_t + _FEEDBACK_S:
            return self._sent_t + _FEEDBACK_S
        self._sent, self._sent_t = xy, now
        packet = packets.write("/latentd/xy", *xy)
        for host in self._hosts:
            with contextlib.suppress(OSError):  # its network is gone; it is sent the next movement once that is back
                self._send(packet, (host, self._port))
        return None
