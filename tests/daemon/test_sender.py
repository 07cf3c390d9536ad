"""Which address an answer leaves from, and where it goes, as the socket takes it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from latentd.daemon.datagrams import Datagrams
from latentd.daemon.sender import IP_PKTINFO, Sender, Senders
from latentd.osc import packets
from latentd.status import Counters
from tests.support.daemon import free_port
from tests.support.rig import LIMIT_S

LO = socket.if_nametoindex("lo")
GONE4 = ((socket.IPPROTO_IP, IP_PKTINFO, struct.pack("@i4s4s", 0, socket.inet_aton("203.0.113.9"), bytes(4))),)
GONE6 = (
    (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, "2001:db8::9") + struct.pack("@I", 0)),
)


def info4(own: str, destination: str, interface: int = 7) -> bytes:
    return struct.pack("@i4s4s", interface, socket.inet_aton(own), socket.inet_aton(destination))


def info6(destination: str, interface: int = 7) -> bytes:
    return socket.inet_pton(socket.AF_INET6, destination) + struct.pack("@I", interface)


def answers_from(family: int, address: tuple[object, ...], info: bytes) -> list[bytes]:
    return [data for _, _, data in Senders(family).find(address, info).answer_from]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (info4("192.168.1.5", "192.168.1.5"), [info4("192.168.1.5", "0.0.0.0", 0)]),
        (info4("192.168.1.5", "192.168.1.255"), [info4("192.168.1.5", "0.0.0.0", 0)]),  # broadcast
        (info4("192.168.1.5", "239.1.2.3"), [info4("192.168.1.5", "0.0.0.0", 0)]),  # a group
        (info4("169.254.3.4", "169.254.3.4"), [info4("169.254.3.4", "0.0.0.0", 7)]),  # the same network twice
        (info4("0.0.0.0", "255.255.255.255"), []),
        (b"", []),
    ],
)
def test_an_ipv4_answer_leaves_from_the_own_address_at_which_the_question_arrived(
    asked: bytes, answered: list[bytes]
) -> None:
    assert answers_from(socket.AF_INET, ("192.168.1.77", 9000), asked) == answered


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (info6("fd00::2"), [info6("fd00::2", 0)]),
        (info6("fe80::2"), [info6("fe80::2", 7)]),
        (info6("::ffff:127.0.0.2"), [info6("::ffff:127.0.0.2", 0)]),
        (info6("ff02::fb"), []),
        (info6("::ffff:239.1.2.3"), []),
        (b"", []),
    ],
)
def test_so_does_an_ipv6_answer_by_its_interface_where_it_is_link_local(asked: bytes, answered: list[bytes]) -> None:
    assert answers_from(socket.AF_INET6, ("fd00::77", 9000, 0, 0), asked) == answered


@pytest.mark.parametrize(
    ("address", "host", "destination"),
    [
        (("fd00::77", 9000, 0, 0), "fd00::77", ("fd00::77", 9000, 0, 0)),
        (("fe80::77", 9000, 0, LO), "fe80::77%lo", ("fe80::77", 9000, 0, LO)),
        (("::ffff:10.1.2.3", 9000, 0, 0), "10.1.2.3", ("::ffff:10.1.2.3", 9000)),
    ],
)
def test_a_host_on_an_ipv6_socket_is_shown_as_people_write_it_and_reached_again(
    address: tuple[object, ...], host: str, destination: tuple[object, ...]
) -> None:
    senders = Senders(socket.AF_INET6)
    sender = senders.find(address, b"")
    assert sender.address == (host, 9000)
    assert senders.destination(sender) == destination


def test_the_senders_that_are_kept_are_few_and_those_of_two_addresses_differ() -> None:
    senders = Senders(socket.AF_INET)
    for port in range(1, 3000):
        assert senders.find(("127.0.0.1", port), b"").port == port
    assert len(senders._known) <= 256
    first, second = (senders.find(("127.0.0.1", 9), info4(own, own)) for own in ("127.0.0.1", "127.0.0.2"))
    assert first != second
    assert first.address == second.address


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::"])
def datagrams(request: pytest.FixtureRequest) -> Iterator[Datagrams]:
    with Datagrams((request.param, free_port()), [], Counters(), lambda *_: None) as found:
        yield found


@pytest.mark.parametrize("gone", [GONE4, GONE6], ids=["IPv4", "IPv6"])
def test_an_answer_from_an_address_that_this_machine_no_longer_has_leaves_from_another(
    datagrams: Datagrams, gone: tuple[tuple[int, int, bytes], ...]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(LIMIT_S)
        datagrams.reply(Sender("127.0.0.1", client.getsockname()[1], gone), "/latentd/pong")
        assert packets.read(client.recv(1024))[0].address == "/latentd/pong"


def test_a_client_on_an_interface_that_is_gone_is_no_error(datagrams: Datagrams) -> None:
    datagrams.reply(Sender("fe80::77%gone", 9), "/latentd/pong")
