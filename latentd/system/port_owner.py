"""Which program holds a UDP port, as far as /proc shows it: an ordinary user sees only their own programs."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Owner(NamedTuple):
    """A running program."""

    pid: int
    program: str


def taken(host: str, port: int, proc: Path = _PROC) -> str:
    """For a message: that the port is taken, and by which program."""
    owner = udp_owner(host, port, proc)
    return f"UDP port {port} is taken" + (f" by {owner.program} (pid {owner.pid})" if owner else "")


def udp_owner(host: str, port: int, proc: Path = _PROC) -> Owner | None:
    """The program with a socket that keeps others from binding this address and port; None where none is seen."""
    inodes = udp_sockets(host, port, proc)
    if not inodes:
        return None
    for process in proc.iterdir():
        if not process.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            if any(entry.readlink().name in inodes for entry in (process / "fd").iterdir()):
                return Owner(int(process.name), (process / "comm").read_text(errors="replace").strip())
    return None


def udp_ports(proc: Path = _PROC) -> set[int]:
    """The UDP ports of this machine that any program has bound."""
    return {int(line.split()[1].rpartition(":")[2], 16) for line in _sockets(proc)}


def _sockets(proc: Path) -> list[str]:
    """The lines of all UDP sockets."""
    lines: list[str] = []
    for table in ("udp", "udp6"):
        with contextlib.suppress(OSError):
            lines += (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
    return lines


def udp_sockets(host: str, port: int, proc: Path = _PROC) -> set[str]:
    """The sockets on this port, of every user, as links in /proc/PID/fd name them.

    An address clashes with itself and with any.
    """
    wildcards = {"0" * 8, "0" * 32}
    clashing = wildcards | {_in_proc(host)}
    found = set()
    for line in _sockets(proc):
        fields = line.split()
        address, _, number = fields[1].partition(":")
        if int(number, 16) == port and (address in clashing or _in_proc(host) in wildcards):
            found.add(f"socket:[{fields[9]}]")
    return found


def _in_proc(host: str) -> str:
    """An address in the kernel's notation: hexadecimal words of 32 bits, in the byte order of this machine."""
    packed = ipaddress.ip_address(host.partition("%")[0]).packed
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
