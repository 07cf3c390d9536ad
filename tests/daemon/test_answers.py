"""Whatever the daemon sends to a client leaves from the address that the client asked, or its system would drop it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from latentd.osc import packets
from tests.support.daemon import Daemon, free_port, latentd
from tests.support.rig import LIMIT_S

LISTENS = ["0.0.0.0", "[::]"]
ASKED = ["127.0.0.1", "127.0.0.2", "127.3.2.1"]


class Caller:
    """A client that the system gives datagrams from the address that it asked, and no others."""

    def __init__(self, host: str, port: int, own_port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(LIMIT_S)
        if own_port:
            self.socket.bind(("::1" if ":" in host else "127.0.0.1", own_port))
        self.socket.connect((host, port))

    def send(self, address: str, *args: float | str) -> None:
        self.socket.send(packets.write(address, *args))

    def next(self, address: str) -> packets.Message:
        """The next message with this address."""
        while True:
            message = packets.read(self.socket.recv(65536))[0]
            if message.address == address:
                return message

    def ask(self, question: str, *args: float | str, answer: str) -> packets.Message:
        self.send(question, *args)
        return self.next(answer)


@contextlib.contextmanager
def caller(host: str, daemon: Daemon, own_port: int = 0) -> Iterator[Caller]:
    found = Caller(host, daemon.port, own_port)
    with found.socket:
        yield found


@pytest.fixture(scope="module")
def feedback_port() -> int:
    return free_port()


@pytest.fixture(scope="module", params=LISTENS)
def anywhere(request: pytest.FixtureRequest, feedback_port: int) -> Iterator[Daemon]:
    """A daemon on every address of this machine."""
    port = free_port()
    settings = ("--set", f"feedback_port={feedback_port}")
    with latentd("--output", "print", "--listen", f"{request.param}:{port}", *settings, port=port) as daemon:
        yield daemon


@pytest.mark.parametrize("host", ASKED)
def test_every_answer_leaves_from_the_address_that_was_asked(anywhere: Daemon, host: str) -> None:
    with caller(host, anywhere) as client:
        anywhere.send("/latentd/xy", 0.5, 0.5)
        anywhere.settle()  # so that there is a patch to save
        client.ask("/latentd/ping", answer="/latentd/pong")
        client.ask("/latentd/status", answer="/latentd/status")
        client.ask("/latentd/save", "here", answer="/latentd/saved")  # after a write in the background
        client.ask("/latentd/model", "paper", answer="/latentd/loaded")
        client.ask("/latentd/undo", answer="/latentd/loaded")
        client.ask("/latentd/lock", "no-such-parameter", 1, answer="/latentd/error")


@pytest.mark.parametrize("host", ASKED)
def test_copies_for_a_monitor_do_too(anywhere: Daemon, host: str) -> None:
    with caller(host, anywhere) as client:
        client.send("/latentd/monitor", 1)
        client.ask("/xy", 0.5, 0.5, answer="/latentd/monitor")
        client.send("/latentd/monitor", 0)


@pytest.mark.parametrize("host", ASKED)
def test_a_subscriber_is_sent_the_point_from_the_address_that_it_asked(
    anywhere: Daemon, feedback_port: int, host: str
) -> None:
    with caller(host, anywhere, feedback_port) as client:
        client.send("/latentd/subscribe", 1)
        client.ask("/latentd/xy", 0.25, 0.75, answer="/latentd/xy")
        client.send("/latentd/subscribe", 0)
        client.ask("/latentd/ping", answer="/latentd/pong")


def test_one_client_that_asks_two_addresses_in_one_turn_is_answered_from_both(anywhere: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT_S)
        client.bind(("127.0.0.1", 0))
        for host in ASKED:
            client.sendto(packets.write("/latentd/status"), (host, anywhere.port))
        assert {client.recvfrom(65536)[1][0] for _ in ASKED} == set(ASKED)


@pytest.mark.parametrize(("listen", "asked"), [("0.0.0.0", "127.0.0.2"), ("[::]", "127.0.0.2"), ("[::]", "::1")])
def test_an_amsynth_that_announces_itself_is_answered_from_the_address_that_it_asked(listen: str, asked: str) -> None:
    port = free_port()
    with (
        latentd("--output", "osc", "--listen", f"{listen}:{port}", port=port) as daemon,
        caller(asked, daemon) as synth,
    ):
        synth.send("/nsm/server/announce", "amsynth", "", "amsynth", 1, 2, 4711)
        synth.next("/reply")
        daemon.send("/latentd/xy", 0.25, 0.75)  # from another address
        synth.next("/nsm/client/open")


def test_ipv6_clients_are_answered() -> None:
    port = free_port()
    with latentd("--output", "print", "--listen", f"[::]:{port}", port=port) as daemon, caller("::1", daemon) as client:
        client.ask("/latentd/ping", answer="/latentd/pong")
