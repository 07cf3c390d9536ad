"""Who sent a datagram, and the address of this machine that an answer has to leave from.

A socket on one address answers from there. On 0.0.0.0 or [::] the system chooses an address by its routes, and a client
that asked another one discards the answer. There the kernel says with each datagram where it arrived (IP_PKTINFO,
ip(7); IPV6_PKTINFO, RFC 3542), and takes the same with each datagram that is sent.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any, NamedTuple

from latentd.osc.address import join_address, split_zone

# Of so many senders the data are kept; a hostile network cannot make them grow.
MAX_KNOWN = 256
# Linux's; Python 3.11 has no name for the first one.
IP_PKTINFO = 8
IPV6_PKTINFO = socket.IPV6_PKTINFO
_INFO4 = struct.Struct("@i4s4s")  # struct in_pktinfo: interface, our address to answer from, destination
_INFO6 = struct.Struct("@16sI")  # struct in6_pktinfo: destination, interface
# Room for what the kernel adds to one datagram.
INFO_BYTES = socket.CMSG_SPACE(_INFO6.size)

Ancillary = tuple[tuple[int, int, bytes], ...]


def ask_for_info(listening: socket.socket) -> None:
    """Have the kernel say with each datagram where it arrived; an IPv6 socket says it of IPv4 datagrams, too."""
    if listening.family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        listening.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


class Sender(NamedTuple):
    """A client, as it asked.

    Attributes:
        host: its address; of a link-local one with the interface (`fe80::1%eth0`).
        port: its UDP port.
        answer_from: ancillary data with which an answer leaves from the address that was asked; empty: the only one.
    """

    host: str
    port: int
    answer_from: Ancillary = ()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port alone, by which two questions of one client are alike."""
        return self.host, self.port

    def __str__(self) -> str:
        return join_address(self.host, self.port)


class Senders:
    """Makes a `Sender` of what the socket returns with a datagram, and an address for the socket of a `Sender`.

    Args:
        family: of the socket.
    """

    def __init__(self, family: int) -> None:
        self._inet6 = family == socket.AF_INET6
        self._known: dict[tuple[Any, bytes], Sender] = {}

    def find(self, address: Any, info: bytes) -> Sender:
        """The sender at this address; `info`: the datagram's PKTINFO, or empty."""
        known = self._known.get((address, info))
        return known if known is not None else self._add(address, info)

    def _add(self, address: Any, info: bytes) -> Sender:
        sender = Sender(*address) if not self._inet6 else Sender(_host6(address), address[1])
        if info:
            sender = sender._replace(answer_from=_answer6(info) if self._inet6 else _answer4(info))
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[address, info] = sender
        return sender

    def destination(self, sender: Sender) -> Any:
        """Where to send, as the socket takes it.

        Raises:
            OSError: its interface is gone.
        """
        if not self._inet6:
            return sender.address
        host, zone = split_zone(sender.host)
        if ":" not in host:
            return f"::ffff:{host}", sender.port
        return host, sender.port, 0, socket.if_nametoindex(zone) if zone else 0


def _host6(address: Any) -> str:
    """The host of an IPv6 socket's address: IPv4 hosts as such, link-local ones with their interface."""
    host, _, _, interface = address
    host, _ = split_zone(host)
    found = ipaddress.IPv6Address(host)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    if not interface:
        return str(host)
    try:
        return f"{host}%{socket.if_indextoname(interface)}"
    except OSError:  # unplugged since
        return str(host)


def _answer4(info: bytes) -> Ancillary:
    """The interface is left to the routes, except where only it tells two networks apart."""
    interface, own, _destination = _INFO4.unpack(info)
    address = ipaddress.IPv4Address(own)
    if address.is_unspecified:
        return ()
    data = _INFO4.pack(interface if address.is_link_local else 0, own, bytes(4))
    return ((socket.IPPROTO_IP, IP_PKTINFO, data),)


def _answer6(info: bytes) -> Ancillary:
    """As `_answer4`; of a datagram to a group the kernel says only the group, which nothing can be sent from."""
    own, interface = _INFO6.unpack(info)
    address = ipaddress.IPv6Address(own)
    if (address.ipv4_mapped or address).is_multicast:
        return ()
    data = _INFO6.pack(own, interface if address.is_link_local else 0)
    return ((socket.IPPROTO_IPV6, IPV6_PKTINFO, data),)
