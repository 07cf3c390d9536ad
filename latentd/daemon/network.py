"""Where the daemon listens, who may speak to it, and who wants to hear from it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import math
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from latentd.errors import LatentdError, UserError
from latentd.system import port_owner

# Verdicts and subscribers are remembered for so many hosts; a hostile network cannot make either grow.
_MOST_HOSTS = 256
_RECEIVE_BUFFER = 1 << 20
_REFUSED_S = 60.0

Sender = tuple[str, int]

log = logging.getLogger(__name__)


def listen(address: Sender) -> socket.socket:
    """A UDP socket for everything that speaks OSC to us; it does not block.

    Raises:
        LatentdError: somebody listens there already.
        UserError: it is no address of this machine.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.setblocking(False)
    # A full buffer loses the newest datagram, so it is as large as the system allows: some 500 small ones.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        host, port = address
        if error.errno == errno.EADDRINUSE:
            hint = f"Another daemon may run: `latentd status --to {host}:{port}`; or choose another with --listen"
            raise LatentdError(port_owner.taken(host, port), hint) from error
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", "Choose another with --listen") from error
    return listening


class Allowed:
    """This machine, and the networks of `allow:`."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._listed = tuple(networks)
        self._networks = [ipaddress.ip_network(n, strict=False) for n in ("127.0.0.0/8", *networks)]
        self._known: dict[str, bool] = {}
        self._said = -math.inf

    def __contains__(self, host: str) -> bool:
        verdict = self._known.get(host)
        if verdict is None:
            address = ipaddress.ip_address(host)
            verdict = any(address in network for network in self._networks)
            if len(self._known) >= _MOST_HOSTS:
                self._known.clear()
            self._known[host] = verdict
        return verdict

    def log_refused(self, host: str, now: float) -> None:
        """Log who was refused, at most once a minute: a phone that is refused looks just like one that is off."""
        if now - self._said >= _REFUSED_S:
            self._said = now
            wanted = ", ".join((*self._listed, network_of(host)))
            log.warning("%s is refused: not in `allow:`. Accept its network with --set 'allow=[%s]'", host, wanted)


def network_of(host: str) -> str:
    """The network to allow for `host`: one that this machine is on, or the 256 addresses around the host."""
    address = ipaddress.ip_address(host)
    own = (network for network in _own_networks() if address in ipaddress.ip_network(network))
    return next(own, None) or str(ipaddress.ip_network(f"{host}/24", strict=False))


def warn_if_alone(host: str, networks: Sequence[str]) -> None:
    """Warn at the start if `host` is for other machines but `networks` accepts none of them."""
    alone = all(ipaddress.ip_network(network, strict=False).is_loopback for network in networks)
    if alone and not ipaddress.ip_address(host).is_loopback:
        own = ", ".join(_own_networks()) or "192.168.1.0/24"
        log.warning(
            "%s refuses other machines: `allow:` has no network. Accept yours with --set 'allow=[%s]'", host, own
        )


def _own_networks() -> list[str]:
    from latentd.system.machine import networks  # asks the system; needed only here

    return networks()


def overrun(listening: socket.socket) -> int:
    """Datagrams that the system dropped because the socket's buffer was full: the last column of /proc/net/udp."""
    inode = str(os.fstat(listening.fileno()).st_ino)
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[9] == inode:
                return int(fields[12])
    return 0
