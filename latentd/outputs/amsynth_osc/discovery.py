"""The address of a running amSynth: from its announcement, from a file, or found in /proc.

amSynth announces itself once, at its start, and accepts the answer at any later time (measured with 1.13.2). So a
daemon that missed the announcement can still answer it, if it knows the UDP port.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from pathlib import Path

from latentd.osc.address import Address, is_local
from latentd.system import files

MAX_BYTES = 4096
_NSM_URL = re.compile(rb"NSM_URL=osc\.udp://([^/:]+|\[[^/\]]+\]):(\d+)/?")


def remember(path: Path, address: Address) -> None:
    """Save the address for the next daemon.

    Raises:
        OSError: the state folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.replace(path, json.dumps({"host": address[0], "port": address[1]}).encode() + b"\n")


def recall(path: Path) -> Address | None:
    """The saved address; None: there is none, or the file holds anything but an address of this machine."""
    try:
        found = json.loads(files.read(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    host, port = found.get("host"), found.get("port")
    if not isinstance(host, str) or not is_local(host):
        return None
    return (host, port) if type(port) is int and 0 < port < 65536 else None


def running(port: int) -> list[Address]:
    """Addresses of this user's amSynths that were started with this UDP port of ours in `NSM_URL`.

    Reads /proc (a few milliseconds): not for the engine's thread.
    """
    found: list[Address] = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                if (process / "comm").read_bytes() == b"amsynth\n" and _is_for(process, port):
                    found += (("127.0.0.1", number) for number in _udp_ports(process))
            except OSError:
                continue  # it has ended, or belongs to another user
    return found


def _is_for(process: Path, port: int) -> bool:
    for entry in (process / "environ").read_bytes().split(b"\0"):
        if matched := _NSM_URL.fullmatch(entry):
            host = matched[1].decode(errors="replace")
            return int(matched[2]) == port and (host in ("localhost", socket.gethostname()) or is_local(host))
    return False


def _udp_ports(process: Path) -> list[int]:
    """The process's bound IPv4 UDP ports: the inodes of its sockets, looked up in its network's table."""
    inodes = set()
    for entry in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it closes files while we look
            inodes.add(os.readlink(entry))  # noqa: PTH115 - "socket:[N]" is no path
    rows = [line.split() for line in (process / "net" / "udp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if f"socket:[{row[9]}]" in inodes]
