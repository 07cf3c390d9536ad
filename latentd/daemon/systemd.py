"""Tell systemd how the daemon is doing (`sd_notify(3)`): datagrams to the socket that it names, nothing without one.

Everything here returns at once and never raises: a service manager that is gone must not stop the music.
"""

from __future__ import annotations

import math
import os
import socket


def ready() -> None:
    """Start-up is over: units that wait for the daemon (`Type=notify`) may start."""
    _send("READY=1")


def alive() -> None:
    """Send at least every `interval_s()`, or systemd takes the daemon for hung and restarts it: see `Watchdog`."""
    _send("WATCHDOG=1")


def stopping() -> None:
    """An orderly end has begun."""
    _send("STOPPING=1")


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _send("STATUS=" + " ".join(text.split()))


def interval_s() -> float | None:
    """How often to call `alive`, seconds: half of what the watchdog allows this process; None without a watchdog."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    for_pid = os.environ.get("WATCHDOG_PID", "")
    if not (limit.isascii() and limit.isdigit() and int(limit)) or for_pid not in ("", str(os.getpid())):
        return None
    return int(limit) / 2e6


class Watchdog:
    """Sends `alive` as often as systemd wants it, in the loop: a loop that hangs is restarted."""

    def __init__(self) -> None:
        self._interval_s = interval_s()
        self._sent_t = -math.inf

    def poll(self, now: float) -> float | None:
        """Send if it is time to. Returns when to call again (monotonic s); None without a watchdog."""
        if self._interval_s is None:
            return None
        if now >= self._sent_t + self._interval_s:
            self._sent_t = now
            alive()
        return self._sent_t + self._interval_s


def _send(message: str) -> None:
    address = os.environb.get(b"NOTIFY_SOCKET", b"")
    if address[:1] not in (b"/", b"@"):
        return
    if address[:1] == b"@":  # Linux's abstract sockets begin with a NUL
        address = b"\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode("utf-8", "replace"), socket.MSG_DONTWAIT, address)
    except OSError:
        pass  # its queue is full or it is gone; nothing depends on this message
