"""Addresses as users type them: HOST:PORT, with an IPv6 host in brackets."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

Address = tuple[str, int]

_EXAMPLE = "an address is HOST:PORT, for example 127.0.0.1:8000"
_HOST = "the host is an IPv4 address such as 0.0.0.0 or 127.0.0.1, or an IPv6 address in brackets, such as [::]:8000"


def split_address(text: str) -> Address:
    """`HOST:PORT` as a pair; the host is an IP address or `localhost`.

    Link-local IPv6 and multicast addresses may end in an interface: `[fe80::1%eth0]:8000`, `239.1.2.3%eth0:8000`.

    Raises:
        ValueError: the text is not such an address.
    """
    in_brackets = text.startswith("[")
    host, _, port = text[1:].rpartition("]:") if in_brackets else text.rpartition(":")
    host = "127.0.0.1" if not in_brackets and host in ("", "localhost") else host
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(_EXAMPLE)
    try:
        address = ipaddress.ip_address(split_zone(host)[0])
    except ValueError:
        raise ValueError(_HOST) from None
    if (address.version == 6) != in_brackets:
        raise ValueError(_HOST)
    _check_zone(host, address)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or host), int(port)


def _check_zone(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Raises: ValueError: an interface is missing, or named where none belongs."""
    bare, zone = split_zone(host)
    link_local = address.version == 6 and address.is_link_local
    if "%" in host and not (zone and (link_local or address.is_multicast)):
        raise ValueError("only link-local IPv6 and multicast addresses end in %INTERFACE")
    if link_local and not zone:
        raise ValueError(f"a link-local address needs its interface, for example [{bare}%eth0]:8000")


def join_address(host: str, port: int) -> str:
    """The reverse of `split_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_zone(host: str) -> tuple[str, str]:
    """The address without its interface, and the interface; the latter is empty where there is none."""
    address, _, zone = host.partition("%")
    return address, zone


def is_any(host: str) -> bool:
    """True for the address that stands for every address of this machine."""
    return ipaddress.ip_address(split_zone(host)[0]).is_unspecified


def is_multicast(host: str) -> bool:
    """True for the address of a multicast group."""
    return ipaddress.ip_address(split_zone(host)[0]).is_multicast


def loopback(host: str) -> str:
    """Where this machine reaches a program that listens on `host`: every address and every group include loopback."""
    if not (is_any(host) or is_multicast(host)):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def bound(host: str) -> str:
    """The address that a socket for `host` is bound to: a group's datagrams arrive at every address."""
    if not is_multicast(host):
        return host
    return "::" if ":" in host else "0.0.0.0"  # noqa: S104  `allow:` decides who is accepted


def resolve(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """The family of a numeric address, and the address as the functions of `socket` take it.

    Raises:
        OSError: it names an interface that does not exist.
    """
    bare, zone = split_zone(host)
    if zone and zone not in (name for _, name in socket.if_nameindex()):
        raise OSError(errno.ENODEV, f"there is no network interface {zone}")
    found = socket.getaddrinfo(host if ":" in host else bare, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    return found[0][0], found[0][4]


def is_local(host: str) -> bool:
    """True for an address of this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(resolve(host, 0)[1])  # the system only lets us bind to its own addresses
        except OSError:
            return False
    return not (address.is_unspecified or address.is_multicast)
