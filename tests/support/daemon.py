"""The real `latentd run` as a process, with folders and a port of its own, for tests that play it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from latentd.errors import LatentdError
from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.client import Client, Refused
from latentd.synth import midimap
from tests.support.rig import LIMIT_S, Program, wait_for

# Its folders are in memory, like a user's runtime folder on a real machine.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# Neither amSynth (10000 to 19999) nor the system (from 32768) gives these ports to a socket that asks for any.
_PORTS = range(20000, 32768)
_RESERVATIONS: list[socket.socket] = []


def free_port() -> int:
    """A UDP port that nobody uses, and that no other test run is given while this one lasts."""
    for port in random.sample(_PORTS, len(_PORTS)):
        reservation = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            reservation.bind(f"\0latentd-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            _RESERVATIONS.append(reservation)
            return port
        reservation.close()
    raise AssertionError(f"no UDP port is free from {_PORTS.start} to {_PORTS.stop - 1}")


class Daemon(Program):
    """One `latentd run`. `state` is its state folder; `start` returns when it answers."""

    def __init__(self, port: int, options: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        argv = [sys.executable, "-W", "error", "-m", "latentd", "run", "--listen", f"127.0.0.1:{port}", *options]
        super().__init__(argv, env, folder / "latentd.log")
        self.port = port
        self.state = folder / "state" / "latentd"
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def start(self) -> None:
        """Start it; returns when it answers, and what it had to say of its start is in the log."""
        starts = self._starts_logged()
        super().start()
        wait_for(self.answers, f"latentd to answer; its log:\n{self.log_text()}")
        wait_for(lambda: self._starts_logged() > starts, "the log of its start, which a thread of its own writes")

    def _starts_logged(self) -> int:
        return self.log_text().count(" INFO output ")

    def answers(self) -> bool:
        """True when it answers a ping; fails at once when it has ended."""
        assert self.running(), f"latentd ended:\n{self.log_text()}"
        with contextlib.suppress(LatentdError), Client(f"127.0.0.1:{self.port}") as client:
            return client.ask("/latentd/ping", limit_s=0.5).address == "/latentd/pong"
        return False

    def log_text(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def send(self, address: str, *args: float | str) -> None:
        """Send it one message."""
        self.send_bytes(packets.write(address, *args))

    def send_bytes(self, datagram: bytes) -> None:
        """Send it one datagram as it is."""
        self._sender.sendto(datagram, ("127.0.0.1", self.port))

    def status(self) -> dict[str, Any]:
        """Its status."""
        with Client(f"127.0.0.1:{self.port}") as client:
            return client.status(limit_s=LIMIT_S)

    def settle(self) -> None:
        """Wait until everything that was sent to it is played, and acknowledged if the output can.

        A request waits in the daemon's socket behind everything that was sent before, so its answer is newer than that.
        """
        wait_for(lambda: self.status()["settled"], "latentd to settle")

    def close(self) -> None:
        """Close the socket that `send` uses."""
        self._sender.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal that ends it; its exit code."""
        assert self._process is not None
        self.send_signal(number)
        return self._process.wait(LIMIT_S)


@contextlib.contextmanager
def latentd(
    *options: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    start: bool = True,
    config_home: Path | None = None,
) -> Iterator[Daemon]:
    """A running daemon with `options`; it must end with exit code 0 and have counted no faults.

    Args:
        config_home: its XDG_CONFIG_HOME, where that is a synth's, too.
    """
    with tempfile.TemporaryDirectory(prefix="latentd-run-", dir=_MEMORY) as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        environment = dict(env if env is not None else os.environ) | {
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(config_home or folder / "config"),
            "PYTHONUNBUFFERED": "1",
        }
        if env is None or "XDG_RUNTIME_DIR" not in env:  # PipeWire's socket is in its own
            environment["XDG_RUNTIME_DIR"] = str(folder / "run")
        daemon = Daemon(port or free_port(), options, environment, folder)
        try:
            if start:
                daemon.start()
            yield daemon
            if daemon.running():
                faults = daemon.status()["counters"]["faults"]
                assert daemon.end() == 0, daemon.log_text()
                assert faults == 0, daemon.log_text()
        finally:
            daemon.stop()
            daemon.close()


@contextlib.contextmanager
def mapped() -> Iterator[Path]:
    """A controllers file that reaches all 41 parameters."""
    with tempfile.TemporaryDirectory(prefix="latentd-map-") as folder:
        path = Path(folder) / "controllers"
        path.write_text(midimap.OURS.text(), encoding="utf-8")
        yield path


def ask(daemon: Daemon, address: str, *args: float | str) -> packets.Message:
    """What the daemon answers."""
    with Client(f"127.0.0.1:{daemon.port}") as client:
        return client.ask(address, *args, limit_s=LIMIT_S)


def error(daemon: Daemon, address: str, *args: float | str) -> str:
    """What the daemon answers to a mistake."""
    try:
        answer = ask(daemon, address, *args)
    except Refused as refusal:
        return str(refusal)
    raise AssertionError(f"{address} {args} was answered with {answer}")


def settled(daemon: Daemon) -> dict[str, Any]:
    """The daemon's status once everything that it was sent has had its effect."""
    daemon.settle()
    return daemon.status()


def decoded(x: float, y: float, model: str = bundle.DEFAULT) -> dict[str, float]:
    """What the command `latentd decode X Y` prints."""
    argv = [sys.executable, "-m", "latentd", "decode", str(x), str(y), "--model", model, "--json"]
    patch: dict[str, float] = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT_S).stdout)
    return patch


def wait_s(seconds: float) -> None:
    """Let time pass where a gesture needs it; no verdict may depend on how long it really took."""
    time.sleep(seconds)
