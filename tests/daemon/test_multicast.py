"""A group's address in `listen`: the daemon joins it, on every interface or on one, and clients still reach the daemon.

No datagram of these tests leaves this machine: its time to live is 0.
"""

from __future__ import annotations

import errno
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentd.daemon import multicast
from latentd.daemon.datagrams import Datagrams
from latentd.daemon.network import listen
from latentd.errors import UserError
from latentd.osc import packets
from latentd.status import Counters
from tests.daemon.test_answers import caller
from tests.support.daemon import Daemon, free_port, latentd
from tests.support.rig import LIMIT_S, wait_for

LO = socket.if_nametoindex("lo")
TUIO = [("alive", 1), ("set", 1, 0.25, 0.75, 0.0, 0.0, 0.0), ("fseq", 7)]


def group4() -> str:
    """A group that no other program has joined."""
    return f"239.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def group6() -> str:
    return f"ff02::{random.randrange(1 << 16):x}:{random.randrange(1 << 16):x}"


def to_group(group: str, port: int, *datagrams: bytes) -> None:
    """Send to the group, through loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        for datagram in datagrams:
            sender.sendto(datagram, (group, port))


@pytest.fixture(params=["", "%lo"])
def joined(request: pytest.FixtureRequest) -> Iterator[tuple[Daemon, str]]:
    """A daemon, and the group on which it listens."""
    group, port = group4(), free_port()
    with latentd("--output", "print", "--listen", f"{group}{request.param}:{port}", port=port) as daemon:
        yield daemon, group


def test_osc_and_tuio_to_the_group_move_the_point(joined: tuple[Daemon, str]) -> None:
    daemon, group = joined
    to_group(group, daemon.port, packets.write("/xy", 0.5, 0.5))
    wait_for(lambda: daemon.status()["source"] == "xy", "the point of OSC")
    to_group(group, daemon.port, *(packets.write("/tuio/2Dcur", *args) for args in TUIO))
    wait_for(lambda: daemon.status()["source"] == "tuio", "the point of TUIO")


def test_datagrams_to_other_groups_are_not_received(joined: tuple[Daemon, str]) -> None:
    daemon, group = joined
    other, before = group4(), daemon.status()["counters"]["unmapped"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:  # which makes this machine receive it
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request4(other))
        to_group(other, daemon.port, packets.write("/of-another-group"))
    to_group(group, daemon.port, packets.write("/of-this-group"))
    assert daemon.status()["counters"]["unmapped"] == before + 1


def test_a_question_to_the_group_is_answered_and_so_is_one_to_this_machine(joined: tuple[Daemon, str]) -> None:
    daemon, group = joined
    with caller("127.0.0.2", daemon) as client:
        client.ask("/latentd/ping", answer="/latentd/pong")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT_S)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        client.sendto(packets.write("/latentd/ping"), (group, daemon.port))
        answer, sender = client.recvfrom(1024)
        assert packets.read(answer)[0].address == "/latentd/pong"
        assert sender == ("127.0.0.1", daemon.port)


def test_an_ipv6_group_is_joined_on_every_interface() -> None:
    group, port = group6(), free_port()
    with listen((group, port)) as listening:
        members = Path("/proc/net/igmp6").read_text(encoding="ascii").splitlines()
        hexadecimal = socket.inet_pton(socket.AF_INET6, group).hex()
        assert "lo" in {fields[1] for line in members if (fields := line.split())[2] == hexadecimal}
        sent = 0
        for index, _ in socket.if_nameindex():
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 0)
                try:
                    sender.sendto(b"x", (group, port, 0, index))
                except OSError:
                    continue  # an interface without IPv6 or without multicast, as the kernel has loopback
                sent += 1
        listening.settimeout(LIMIT_S)
        assert [listening.recv(16) for _ in range(sent)] == [b"x"] * sent


def request4(group: str) -> bytes:
    return socket.inet_aton(group) + bytes(4) + struct.pack("@i", LO)


def leave(listening: socket.socket, group: str) -> None:
    listening.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, request4(group))


def is_member(listening: socket.socket, group: str) -> bool:
    try:
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request4(group))
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
        return True
    leave(listening, group)
    return False


def test_the_group_is_joined_again_every_5_s_on_interfaces_that_were_plugged_in_since() -> None:
    group = group4()
    with Datagrams((group, free_port()), [], Counters(), lambda *_: None) as datagrams:
        listening = datagrams._socket
        multicast.join(listening, group)  # nothing new
        assert is_member(listening, group)
        for now in (0.0, 5.0):
            leave(listening, group)  # as unplugging does
            assert datagrams.poll(now) == now + 5.0
            assert is_member(listening, group)
            leave(listening, group)
            assert datagrams.poll(now + 4.9) == now + 5.0
            assert not is_member(listening, group)
            multicast.join(listening, group)
    with Datagrams(("127.0.0.1", free_port()), [], Counters(), lambda *_: None) as datagrams:
        assert datagrams.poll(0.0) is None


@pytest.mark.parametrize("host", ["239.1.2.3%none", "ff02::77%none"])
def test_an_interface_that_does_not_exist_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(UserError, match=r"cannot listen on .*: there is no network interface none\. Choose another"):
        listen((host, free_port()))
