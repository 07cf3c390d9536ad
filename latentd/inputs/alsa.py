"""MIDI in through python-rtmidi from named ALSA ports. Its callbacks only hand bytes over."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from latentd.system import alsa
from latentd.system.keep_warm import roaming

log = logging.getLogger(__name__)

ROOM = 4096


class AlsaIn:
    """Hears every ALSA port whose name matches, and the ones that appear later.

    Args:
        ports: parts of port names, or regular expressions found in them.
        open_in: makes a hearing end.

    Raises:
        LatentdError: no ALSA sequencer on this machine.
        UserError: a name is none.
    """

    def __init__(self, ports: Sequence[str], open_in: Callable[[], alsa.RtIn] = alsa.open_in) -> None:
        self._matchers = [alsa.matcher(port) for port in ports]
        self._open_in = open_in
        self._scout = open_in()  # never connected: lists the ports
        self._ends: dict[str, alsa.RtIn] = {}
        self._heard: deque[tuple[bytes, str, float]] = deque(maxlen=ROOM)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._look_at = 0.0
        self.lost = 0

    def fileno(self) -> int:
        """Readable when something was heard."""
        return self._wake_fd

    def poll(self, now: float) -> float:
        """Open ports that have appeared, let go of those that have gone; returns when it next wants a call."""
        if now >= self._look_at:
            self._look_at = now + alsa.LOOK_S
            with contextlib.suppress(*alsa.ERRORS):  # the next look tries again
                self._look()
        return self._look_at

    def _look(self) -> None:
        names = self._scout.get_ports()
        for name in [n for n in self._ends if n not in names]:
            log.warning("lost ALSA port %s", name)
            self._let_go(name)
        for number, name in enumerate(names):
            if name not in self._ends and any(m.search(name) for m in self._matchers):
                with contextlib.suppress(*alsa.ERRORS):  # one that refuses must not hide those behind it
                    self._open(number, name)

    def _open(self, number: int, name: str) -> None:
        end = self._open_in()
        end.set_callback(self._hear, name)
        try:
            with roaming():  # its thread starts here
                end.open_port(number)
        except alsa.ERRORS:
            end.delete()
            raise
        self._ends[name] = end
        log.info("hearing ALSA port %s", name)

    def _hear(self, event: alsa.Message, port: str) -> None:
        """In rtmidi's thread: no more than handing over. The oldest message makes room when nobody takes them."""
        if len(self._heard) == ROOM:
            self.lost += 1
        self._heard.append((bytes(event[0]), port, time.monotonic()))
        os.eventfd_write(self._wake_fd, 1)

    def take_midi(self) -> list[tuple[bytes, str, float]]:
        """Messages since the last call, oldest first: bytes, name of the port, time on the monotonic clock."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def facts(self) -> dict[str, object]:
        """For status."""
        return {"ports": sorted(self._ends), "lost": self.lost}

    def _let_go(self, name: str) -> None:
        end = self._ends.pop(name)
        end.cancel_callback()  # first: closing a port while it calls can hang
        end.close_port()
        end.delete()

    def close(self) -> None:
        """Leave the sequencer."""
        for name in tuple(self._ends):
            self._let_go(name)
        self._scout.delete()
        os.close(self._wake_fd)
