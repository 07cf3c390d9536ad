"""Joins the group of a multicast address in `listen`.

The socket is bound to every address (`osc/address.py: bound`), so that clients, and amSynth on this machine, reach it,
too. Of groups it receives this one alone.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct

from latentd.osc.address import resolve, split_zone

# Linux's, ip(7) and ipv6(7); Python has no names for them. 0: not the groups that other programs have joined.
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29


def join(listening: socket.socket, host: str) -> None:
    """Join on the interface that `host` names, or on every one: a tracker may be behind any.

    Call it again now and then for interfaces that were plugged in since; where the group is joined already nothing
    happens.

    Raises:
        OSError: no interface joined it.
    """
    resolve(host, 0)  # says if the interface does not exist
    group, zone = split_zone(host)
    inet6 = listening.family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if inet6 else socket.IPPROTO_IP
    with contextlib.suppress(OSError):  # an old kernel
        listening.setsockopt(level, _IPV6_MULTICAST_ALL if inet6 else _IP_MULTICAST_ALL, 0)
    refused: OSError | None = None
    joined = False
    for index, name in socket.if_nameindex():
        if zone in ("", name):
            try:
                _join_on(listening, group, index)
                joined = True
            except OSError as error:
                refused = error
    if not joined:
        raise refused or OSError(errno.ENODEV, "there is no network interface")


def _join_on(listening: socket.socket, group: str, index: int) -> None:
    if listening.family == socket.AF_INET6:
        request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)  # struct ipv6_mreq
        level, option = socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP
    else:
        request = socket.inet_aton(group) + bytes(4) + struct.pack("@i", index)  # struct ip_mreqn
        level, option = socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP
    try:
        listening.setsockopt(level, option, request)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:  # joined already
            raise
