"""Where the daemon listens, and which hosts may send to it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from latentd.daemon import multicast
from latentd.daemon.intervals import AtMostEvery
from latentd.daemon.sender import ask_for_info
from latentd.errors import LatentdError, UserError
from latentd.osc.address import Address, bound, is_any, is_local, is_multicast, join_address, resolve, split_zone
from latentd.system import port_owner

# Decisions are remembered for so many hosts; a hostile network cannot make them grow.
MAX_KNOWN = 256
RECEIVE_BUFFER = 1 << 20
_REFUSED_S = 60.0
_CHOOSE = "Choose another with --listen"

log = logging.getLogger(__name__)


def listen(address: Address) -> socket.socket:
    """A UDP socket for everything that sends OSC to us; it does not block. [::] stands for every IPv4 address, too.

    With the address of a multicast group it receives what is sent to the group, and to any address of this machine.

    Raises:
        LatentdError: another program listens there.
        UserError: it is not an address of this machine.
    """
    host = address[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:  # a kernel without IPv6
        raise UserError(f"cannot listen on {join_address(*address)}: {error.strerror}", _CHOOSE) from error
    listening.setblocking(False)
    # A full buffer loses the newest datagram, so it is as large as the system allows: some 500 small ones.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    try:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if is_any(bound(host)):
            ask_for_info(listening)
        if is_multicast(host):
            multicast.join(listening, host)
        listening.bind(resolve(bound(host), address[1])[1])
    except OSError as error:
        listening.close()
        where = join_address(*address)
        if error.errno == errno.EADDRINUSE:
            hint = f"Another daemon may run: `latentd status --to {where}`; or choose another with --listen"
            raise LatentdError(port_owner.taken(bound(host), address[1]), hint) from error
        raise UserError(f"cannot listen on {where}: {error.strerror}", _CHOOSE) from error
    return listening


class Allowed:
    """This machine, and the networks of `allow:`. This machine's own addresses are looked up each time: they change."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._listed = tuple(networks)
        self._networks = [ipaddress.ip_network(n, strict=False) for n in ("127.0.0.0/8", "::1/128", *networks)]
        self._known: dict[str, bool] = {}
        self._limit = AtMostEvery(_REFUSED_S)

    def __contains__(self, host: str) -> bool:
        allowed = self._known.get(host)
        if allowed is None:
            address = ipaddress.ip_address(host)
            allowed = any(address in network for network in self._networks)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            if not allowed and is_local(host):  # sent to another address of this machine, as amSynth's announcement
                return True
            self._known[host] = allowed
        return allowed

    def log_refused(self, host: str, now: float) -> None:
        """Log who was refused, at most once a minute: a phone that is refused looks just like one that is off."""
        if self._limit.allows(now):
            wanted = ", ".join((*self._listed, network_of(host)))
            log.warning("%s is refused: not in `allow:`. Accept its network with --set 'allow=[%s]'", host, wanted)


def network_of(host: str) -> str:
    """The network to allow for `host`: one that this machine is on, or the /24 (of IPv6 the /64) around it."""
    address = ipaddress.ip_address(host)
    own = (network for network in _own_networks() if address in ipaddress.ip_network(network))
    around = f"{split_zone(host)[0]}/{24 if address.version == 4 else 64}"
    return next(own, None) or str(ipaddress.ip_network(around, strict=False))


def warn_if_alone(host: str, networks: Sequence[str]) -> None:
    """Warn at the start if `host` is for other machines but `networks` accepts none of them."""
    alone = all(ipaddress.ip_network(network, strict=False).is_loopback for network in networks)
    if alone and not ipaddress.ip_address(split_zone(host)[0]).is_loopback:
        own = ", ".join(_own_networks()) or "192.168.1.0/24"
        log.warning(
            "%s refuses other machines: `allow:` has no network. Accept yours with --set 'allow=[%s]'", host, own
        )


def _own_networks() -> list[str]:
    from latentd.system.machine import networks  # asks the system; needed only here

    return networks()


def overrun(listening: socket.socket) -> int:
    """Datagrams that the system dropped because the socket's buffer was full: the last column of /proc/net/udp(6)."""
    inode = str(os.fstat(listening.fileno()).st_ino)
    table = "udp6" if listening.family == socket.AF_INET6 else "udp"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[9] == inode:
                return int(fields[12])
    return 0
