"""The service's loop in this process, in time that only passes while it waits; fixtures in `daemon/conftest.py`."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from latentd.config.config import Config
from latentd.daemon.service import Service
from latentd.model import bundle
from latentd.osc import packets
from tests.support.daemon import free_port
from tests.support.rig import LIMIT_S

TURNS = 5000  # more than any of these tests takes; a loop that spins ends there


class Clock:
    """Stands still, but for `step_s` at every look at it and for what the loop waits.

    Attributes:
        jobs: in the background, which take no time on this clock, however slow the disk is.
    """

    def __init__(self) -> None:
        self.jobs = 0
        self.now = 1000.0
        self.step_s = 0.0
        self.end = float("inf")
        self.turns = 0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.turns += 1
        if self.now >= self.end or self.turns > TURNS:
            stop()


def stop() -> None:
    """End the service as systemd does."""
    os.kill(os.getpid(), signal.SIGTERM)


class Epoll:
    """The real one, in the clock's time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._real = real_epoll()

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        ready = self._real.poll(LIMIT_S if self._clock.jobs else 0)
        self._clock.wait(0.0 if ready else timeout)
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


real_epoll = select.epoll


class Rig:
    """A dry service that runs in this process, and a sender."""

    def __init__(self, state: Path, clock: Clock, **settings: Any) -> None:
        self.clock = clock
        port = free_port()
        config = Config(output="print", listen=f"127.0.0.1:{port}", state=str(state), **settings)
        self.service = Service(config, bundle.load(), config.model, None)
        self.engine = self.service.engine
        self._to = ("127.0.0.1", port)
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, x: float, y: float) -> None:
        self.send_datagram(packets.write("/latentd/xy", x, y))

    def send_datagram(self, datagram: bytes) -> None:
        self._sender.sendto(datagram, self._to)

    def close(self) -> None:
        """Close everything."""
        self.service.close()
        self._sender.close()

    def run(self, seconds: float) -> None:
        """Run for so long on its clock; should it hang, a real one ends it."""
        self.clock.end = self.clock.now + seconds
        hangs = threading.Timer(LIMIT_S, stop)
        hangs.start()
        try:
            self.service.run()
        finally:
            hangs.cancel()
        assert self.clock.turns < TURNS, "the loop spins"
        assert self.service.status.counters.faults == 0
