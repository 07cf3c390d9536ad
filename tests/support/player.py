"""A dry daemon that is played through its control interface."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.client import Client
from tests.support.daemon import Daemon, free_port
from tests.support.daemon import latentd as running
from tests.support.rig import LIMIT_S, wait_for

CENTRE = [0.5, 0.5]


class Player:
    """A daemon, the client that plays it, and what it sends to the feedback port."""

    def __init__(self, daemon: Daemon, client: socket.socket, feedback: socket.socket) -> None:
        self.daemon = daemon
        self.address = ("127.0.0.1", daemon.port)
        self.client = client
        self.feedback = feedback

    def send(self, address: str, *args: float | str | None) -> None:
        """Send one message, from the client."""
        self.client.sendto(packets.write(address, *args), self.address)

    def answers(self, listening: socket.socket | None = None) -> list[packets.Message]:
        """What has arrived since the last call."""
        found: list[packets.Message] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found += packets.read((listening or self.client).recv(65536))
        return found

    def status(self) -> dict[str, Any]:
        """The daemon's status, which comes after what was sent before."""
        return self.daemon.status()

    def finish(self) -> None:
        """Wait until everything that was sent is carried out, in the background, too."""
        with Client(f"127.0.0.1:{self.daemon.port}") as client:
            client.confirm("/latentd/save", "barrier", answer="/latentd/saved", limit_s=LIMIT_S, answer_s=LIMIT_S)

    def reset(self) -> None:
        """The point in the middle, and nothing that moves or holds it; nothing locked, no landmark."""
        for name in ("notes", "wander", "play", "freeze", "touch", "record", "monitor", "subscribe"):
            self.send(f"/latentd/{name}", 0)
        self.send("/latentd/xy", *CENTRE)
        wait_for(lambda: self.daemon.status()["xy"] == CENTRE, "the point")
        status = self.daemon.status()
        for name in status["own"]:
            self.send("/latentd/lock", name, 0)
        for name in status["landmarks"]:
            self.send("/latentd/landmark/delete", name)
        if status["model"] != bundle.DEFAULT:
            self.send("/latentd/model", bundle.DEFAULT)
        self.finish()
        (self.daemon.state / "banks" / "mine.bank").unlink(missing_ok=True)
        self.answers()
        self.answers(self.feedback)


@contextlib.contextmanager
def playing() -> Iterator[Player]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as feedback,
    ):
        port = free_port()
        feedback.bind(("127.0.0.1", port))
        for listening in (client, feedback):
            listening.setblocking(False)
        with running("--output", "print", "--set", f"feedback_port={port}", "--set", "notes.chord=[C4]") as daemon:
            yield Player(daemon, client, feedback)
