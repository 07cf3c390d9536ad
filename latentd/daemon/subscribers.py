"""Which hosts are sent the point, how often, and until when."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from latentd.daemon.intervals import AtMostEvery
from latentd.daemon.sender import Sender
from latentd.errors import UserError
from latentd.instrument.pad import XY
from latentd.osc import packets

MAX_PER_S = 30
_FEEDBACK_S = 1.0 / MAX_PER_S
MAX_HOSTS = 256
MAX_PORTS = 8  # of one host; a client that sends each message from a new port uses them up, and the first ones go
# So long a host may say nothing. An installation's tablet watches for days, and an app in the background refuses
# datagrams for a while, so neither an hour nor an ICMP error ends a subscription; a stale one costs next to nothing.
LASTS_DAYS = 7
LASTS_S = LASTS_DAYS * 86400.0
_LOG_S = 60.0

log = logging.getLogger(__name__)


class Feedback:
    """Sends the point to subscribers, at most 30 times a second and only when it has moved.

    A subscription belongs to the host and port that it came from, so that one app does not end another one's. A host
    is sent the point once, to the feedback port, while it has any; from each address that its apps asked.

    Args:
        send: takes one OSC packet and where to send it.
        port: the UDP port on the subscribers' hosts.

    Attributes:
        any: there is a subscriber; check it before calling `received`.
    """

    def __init__(self, send: Callable[[bytes, Sender], None], port: int) -> None:
        self.any = False
        self._send = send
        self._port = port
        # host -> the ports that have subscribed, oldest first, and where and from where each is sent the point
        self._ports: dict[str, dict[int, Sender]] = {}
        self._received_s: dict[str, float] = {}  # the same hosts -> the last message of each
        self._sent: XY | None = None  # None: a subscriber has not been sent any point yet
        self._sent_t = -_FEEDBACK_S
        self._log_limit = AtMostEvery(_LOG_S)

    def received(self, host: str, now: float) -> None:
        """A message of this host arrived: its subscriptions are renewed."""
        if host in self._received_s:
            self._received_s[host] = now

    def subscribe(self, sender: Sender, on: bool, now: float) -> None:
        """Start or end the subscription of `sender`; a new one is sent the point at once.

        Raises:
            UserError: it is to end, but only other ports of the host have subscribed.
        """
        host, port = sender.address
        ports = self._ports.get(host, {})
        if not on:
            self._end_one(host, port, ports)
            return
        if not ports and len(self._ports) >= MAX_HOSTS:
            self._end(min(self._received_s, key=self._received_s.__getitem__), f"{MAX_HOSTS} hosts are subscribed", now)
        ports.pop(port, None)
        if len(ports) >= MAX_PORTS:
            ports.pop(next(iter(ports)))
        ports[port] = sender._replace(port=self._port)
        self._ports[host] = ports
        self._received_s[host] = now
        self._sent = None
        self.any = True

    def step(self, xy: XY | None, now: float) -> float | None:
        """Send the point if it is due. Returns when to call again (monotonic s); None when nothing is left to send."""
        if not self._ports or xy is None or xy == self._sent:
            return None
        if now < self._sent_t + _FEEDBACK_S:
            return self._sent_t + _FEEDBACK_S
        self._sent, self._sent_t = xy, now
        packet = packets.write("/latentd/xy", *xy)
        for host, received_s in list(self._received_s.items()):
            if now > received_s + LASTS_S:
                self._end(host, f"nothing came from {host} for {LASTS_DAYS} days", now)
                continue
            self._send_to(host, packet)
        return None

    def _send_to(self, host: str, packet: bytes) -> None:
        """Send once from each address that the host's clients asked: they drop what leaves from another."""
        for to in set(self._ports[host].values()):
            with contextlib.suppress(OSError):  # its network is gone; it is sent the next movement once that is back
                self._send(packet, to)

    def _end_one(self, host: str, port: int, ports: dict[int, Sender]) -> None:
        """End what this port has subscribed; without any subscription of the host there is nothing to do."""
        if ports and port not in ports:
            others = ", ".join(map(str, ports))
            raise UserError(f"port {port} has not subscribed", f"Send it from the port that has: {others}")
        ports.pop(port, None)
        if not ports:
            self._forget(host)

    def _end(self, host: str, why: str, now: float) -> None:
        """End the subscriptions of a host, and tell it, where it listens."""
        text = f"subscription ended: {why}. Send /latentd/subscribe 1 to go on"
        self._send_to(host, packets.write("/latentd/error", text))
        self._forget(host)
        if self._log_limit.allows(now):
            log.warning("%s is no longer sent the point: %s", host, why)

    def _forget(self, host: str) -> None:
        self._ports.pop(host, None)
        self._received_s.pop(host, None)
        self.any = bool(self._ports)
