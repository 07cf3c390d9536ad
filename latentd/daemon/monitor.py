"""Copies of what arrives, for clients that asked with `/latentd/monitor 1`; without any nothing is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from latentd.daemon.sender import Sender
from latentd.errors import LatentdError
from latentd.osc import packets

ADDRESS = "/latentd/monitor"
# A client that does not ask again in this time is forgotten.
LASTS_S = 10.0
MAX_COPIES_PER_S = 200
MAX_MONITORS = 4
# Of longer datagrams only the start is copied: enough to see what they are.
MAX_COPIED = 8192
_START = 64
# Requests that move nothing, and what amSynth acknowledges: they would hide everything else.
_IGNORED = tuple(f"{a}\0".encode() for a in (ADDRESS, "/latentd/status", "/latentd/ping", "/reply"))


class Monitors:
    """The clients that get copies. Runs on the engine's thread.

    A copy is `/latentd/monitor ssbi`: kind (`osc`, `refused`, `long` or `midi`), where it came from (`HOST:PORT`, or
    the name of a MIDI port), the bytes (nil where there are none), and how many copies the limit a second has
    withheld so far.

    Args:
        send: takes one OSC packet and an address.

    Attributes:
        any: there is a client; check it before calling anything else.
    """

    def __init__(self, send: Callable[[bytes, Sender], None]) -> None:
        self.any = False
        self._send = send
        self._clients: dict[tuple[str, int], tuple[Sender, float]] = {}  # and until when
        self._second_ends = 0.0
        self._copies = 0  # in this second
        self._withheld = 0

    def subscribe(self, sender: Sender, on: bool, now: float) -> None:
        """Start, renew or end copying to `sender`.

        Raises:
            LatentdError: as many as can be are sent copies.
        """
        clients = self._clients
        clients.pop(sender.address, None)
        if on:
            if len(clients) >= MAX_MONITORS:
                self._drop_silent(now)
            if len(clients) >= MAX_MONITORS:
                raise LatentdError(f"{MAX_MONITORS} clients are sent copies already", "End one of them first")
            clients[sender.address] = sender, now + LASTS_S
        self.any = bool(clients)

    def _drop_silent(self, now: float) -> None:
        for address, (_, until) in list(self._clients.items()):
            if now > until:
                del self._clients[address]
        self.any = bool(self._clients)

    def datagram(self, data: bytes, sender: Sender, allowed: bool, now: float) -> None:
        """Copy one datagram as it arrived; `allowed`: it was not refused."""
        if data.startswith(_IGNORED):
            return
        kind = "refused" if not allowed else "long" if len(data) > MAX_COPIED else "osc"
        self._copy(kind, str(sender), data[:_START] if len(data) > MAX_COPIED else data, now)

    def midi(self, data: bytes, port: str, now: float) -> None:
        """Copy MIDI bytes as they arrived."""
        self._copy("midi", port, data[:MAX_COPIED], now)

    def _copy(self, kind: str, source: str, data: bytes, now: float) -> None:
        if now >= self._second_ends:
            self._second_ends, self._copies = now + 1.0, 0
        if self._copies >= MAX_COPIES_PER_S:
            self._withheld += 1
            return
        self._copies += 1
        packet = packets.write(ADDRESS, kind, source, data or None, self._withheld)  # an empty blob cannot be built
        self._drop_silent(now)
        for monitor, _ in self._clients.values():
            with contextlib.suppress(OSError):  # it is gone, and will not ask again
                self._send(packet, monitor)
