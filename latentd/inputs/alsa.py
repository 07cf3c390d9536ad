"""MIDI in through python-rtmidi from ALSA ports. Its callbacks only hand over bytes."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from latentd.midi.messages import REAL_TIME, SYSEX
from latentd.system import alsa
from latentd.system.keep_warm import roaming

log = logging.getLogger(__name__)

MAX_WAITING = 4096


class AlsaIn:
    """Listens to every ALSA port whose name matches, and to those that appear later.

    Args:
        ports: parts of port names, or regular expressions found in them.
        open_in: opens one rtmidi input.

    Raises:
        LatentdError: no ALSA sequencer on this machine.
        UserError: a name is empty or not a regular expression.
    """

    def __init__(self, ports: Sequence[str], open_in: Callable[[], alsa.RtIn] = alsa.open_in) -> None:
        self._matchers = {port: alsa.matcher(port) for port in ports}
        self._unmatched: list[str] = []
        self._open_in = open_in
        self._lister = open_in()  # never connected: lists the ports
        self._inputs: dict[str, alsa.RtIn] = {}
        self._received: deque[tuple[bytes, str, float]] = deque(maxlen=MAX_WAITING)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._look_at = 0.0
        self.lost = 0

    def fileno(self) -> int:
        """Readable when a message was received."""
        return self._wake_fd

    def poll(self, now: float) -> float:
        """Open ports that have appeared, close those that have gone; returns when to call again."""
        if now >= self._look_at:
            self._look_at = now + alsa.LOOK_S
            with contextlib.suppress(*alsa.ERRORS):  # the next look tries again
                self._look()
        return self._look_at

    def _look(self) -> None:
        names = self._lister.get_ports()
        self._unmatched = [port for port, m in self._matchers.items() if not any(map(m.search, names))]
        for name in [n for n in self._inputs if n not in names]:
            log.warning("ALSA port %s is gone; latentd listens again when it is back", name)
            self._close_input(name)
        for number, name in enumerate(names):
            if name not in self._inputs and any(m.search(name) for m in self._matchers.values()):
                with contextlib.suppress(*alsa.ERRORS):  # one that does not open must not keep the next ones closed
                    self._open_input(number, name)

    def _open_input(self, number: int, name: str) -> None:
        rt_in = self._open_in()
        rt_in.ignore_types(sysex=False)  # counted and shown by the monitor; rtmidi drops clock and active sensing
        rt_in.set_callback(self._receive, name)
        try:
            with roaming():  # its thread starts here
                rt_in.open_port(number)
        except alsa.ERRORS:
            rt_in.delete()
            raise
        self._inputs[name] = rt_in
        log.info("listening to ALSA port %s", name)

    def _receive(self, event: alsa.Message, port: str) -> None:
        """In rtmidi's thread: only hand over. If nobody takes the messages, the oldest makes room.

        Start and stop are dropped (rtmidi drops the other real-time messages), and the data of system exclusive ones.
        """
        message = bytes(event[0])
        if message[0] >= REAL_TIME:
            return
        if len(self._received) == MAX_WAITING:
            self.lost += 1
        self._received.append((message if message[0] != SYSEX else message[:1], port, time.monotonic()))
        os.eventfd_write(self._wake_fd, 1)

    def take_midi(self) -> list[tuple[bytes, str, float]]:
        """Messages since the last call, oldest first: bytes, name of the port, time on the monotonic clock."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        return [self._received.popleft() for _ in range(len(self._received))]

    @property
    def patterns_without_port(self) -> dict[str, list[str]]:
        """Those of the configuration that match no port now, by key."""
        return {"alsa.inputs": self._unmatched} if self._unmatched else {}

    def facts(self) -> dict[str, object]:
        """For status."""
        return {"ports": sorted(self._inputs), "lost": self.lost}

    def _close_input(self, name: str) -> None:
        rt_in = self._inputs.pop(name)
        rt_in.cancel_callback()  # first: closing a port during a callback can hang
        rt_in.close_port()
        rt_in.delete()

    def close(self) -> None:
        """Leave the sequencer."""
        for name in tuple(self._inputs):
            self._close_input(name)
        self._lister.delete()
        os.close(self._wake_fd)
