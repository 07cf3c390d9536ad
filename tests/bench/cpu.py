"""Processor time: at rest, and while 250 points a second come in."""

from __future__ import annotations

import math
import socket
import time

from latentd.osc import packets
from tests.bench import usage
from tests.bench.report import Figure, run
from tests.support.daemon import Daemon, free_port, latentd, mapped
from tests.support.rig import Server, amsynth, jackd, wait_for

IDLE_S, PLAY_S = 20.0, 15.0
RATE_HZ = 250.0


def _pids(daemon: Daemon) -> dict[str, int]:
    return {"engine": daemon.pid, "JACK port": daemon.status()["ways"]["jack"]["child_pid"]}


def play(port: int, seconds: float, rate_hz: float = RATE_HZ) -> float:
    """Draw circles over the whole pad for so long; the rate reached, points a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        start = time.monotonic()
        count = 0
        while (now := time.monotonic()) < start + seconds:
            angle = 2.0 * math.pi * (now - start) / 4.0
            sender.send(packets.write("/xy", 0.5 + 0.45 * math.cos(angle), 0.5 + 0.45 * math.sin(1.3 * angle)))
            count += 1
            time.sleep(max(start + count / rate_hz - time.monotonic(), 0.0))
        return count / (time.monotonic() - start)


def _idle(daemon: Daemon, what: str) -> list[Figure]:
    """After a first point, so that all is known and at rest."""
    daemon.send("/xy", 0.3, 0.6)
    time.sleep(2.0)
    shares = usage.share(_pids(daemon), IDLE_S)
    return [
        Figure(f"{what}, idle: engine", shares["engine"], "%", 0.5),
        Figure(f"{what}, idle: JACK port", shares["JACK port"], "%"),
        Figure(f"{what}, idle: together", sum(shares.values()), "%"),
    ]


def _busy(daemon: Daemon, what: str) -> list[Figure]:
    pids = _pids(daemon)
    play(daemon.port, 1.0)
    before = {name: usage.cpu_s(pid) for name, pid in pids.items()}
    start = time.monotonic()
    rate = play(daemon.port, PLAY_S)
    elapsed = time.monotonic() - start
    shares = {name: (usage.cpu_s(pid) - before[name]) / elapsed * 100.0 for name, pid in pids.items()}
    return [
        Figure(f"{what}, {rate:.0f} points/s: engine", shares["engine"], "%", 8.0),
        Figure(f"{what}, {rate:.0f} points/s: JACK port", shares["JACK port"], "%"),
    ]


def _osc(server: Server, what: str) -> list[Figure]:
    port = free_port()
    with latentd("--output", "osc", env=server.env, port=port) as daemon, amsynth(server, nsm_port=port):
        wait_for(lambda: daemon.status()["ways"]["osc"]["connected"], "latentd to reach amSynth")
        return _idle(daemon, what) + _busy(daemon, what)


def _jack(server: Server, what: str, busy: bool = True) -> list[Figure]:
    with (
        mapped() as controllers,
        latentd("--output", "jack", "--set", f"controllers={controllers}", env=server.env) as daemon,
        amsynth(server, controllers=controllers.read_text(encoding="utf-8")),
    ):
        wait_for(lambda: daemon.status()["ways"]["jack"]["connected"], "latentd to reach amSynth")
        return _idle(daemon, what) + (_busy(daemon, what) if busy else [])


def bench() -> list[Figure]:
    """Both ways in at 64 frames, 750 cycles a second; the JACK port at rest also at 256, as each cycle costs it."""
    with jackd(64) as server:
        figures = _osc(server, "osc") + _jack(server, "jack")
    with jackd(256) as server:
        return figures + _jack(server, "jack at 256 frames", busy=False)


if __name__ == "__main__":
    run({"cpu": bench})
