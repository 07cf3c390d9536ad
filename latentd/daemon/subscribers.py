"""Who is told where the point is, and how often."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from latentd.instrument.pad import XY
from latentd.osc import packets

MAX_PER_S = 30
_FEEDBACK_S = 1.0 / MAX_PER_S
MAX_HOSTS = 256


class Feedback:
    """Tells subscribers where the point is, at most 30 times a second and only when it moved.

    Args:
        send: takes one OSC packet and an address.
        port: the UDP port on the subscribers' hosts.
    """

    def __init__(self, send: Callable[[bytes, tuple[str, int]], None], port: int) -> None:
        self._send = send
        self._port = port
        self._hosts: dict[str, None] = {}
        self._told: XY | None = None
        self._t = -_FEEDBACK_S

    def subscribe(self, host: str, on: bool) -> None:
        """Begin or end telling `host`; a new one is told at once."""
        self._hosts.pop(host, None)
        if on:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts.pop(next(iter(self._hosts)))
            self._hosts[host] = None
            self._told = None

    def step(self, xy: XY | None, now: float) -> float | None:
        """Tell where the point is; returns when to call again, None when there is nothing left to tell."""
        if not self._hosts or xy is None or xy == self._told:
            return None
        if now < self._t + _FEEDBACK_S:
            return self._t + _FEEDBACK_S
        self._told, self._t = xy, now
        packet = packets.write("/latentd/xy", *xy)
        for host in self._hosts:
            with contextlib.suppress(OSError):  # its network is gone; it hears again once that is back
                self._send(packet, (host, self._port))
        return None
