"""Which program holds a UDP port, shown on a /proc made for it and asked of the real one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from latentd.system import port_owner
from latentd.system.port_owner import Owner

HEADER = (
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer\n"
)


def proc(folder: Path, address: str, table: str = "udp") -> Path:
    """A /proc in which process 4711, amsynth, holds a socket on `address` (in the kernel's notation)."""
    (folder / "net").mkdir(parents=True)
    line = f"   36: {address} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 625602 2 0 0\n"
    (folder / "net" / table).write_text(HEADER + line)
    (folder / "4711" / "fd").mkdir(parents=True)
    (folder / "4711" / "fd" / "3").symlink_to("socket:[625602]")
    (folder / "4711" / "comm").write_text("amsynth\n")
    (folder / "4712").mkdir()  # of another user: no fd to see
    return folder


@pytest.mark.parametrize(
    ("address", "table", "host", "held"),
    [
        ("0100007F:1F40", "udp", "127.0.0.1", True),
        ("0100007F:1F40", "udp", "0.0.0.0", True),
        ("00000000:1F40", "udp", "127.0.0.1", True),
        ("0" * 32 + ":1F40", "udp6", "127.0.0.1", True),
        ("0" * 24 + "01000000:1F40", "udp6", "::1", True),
        ("0" * 24 + "01000000:1F40", "udp6", "127.0.0.1", False),
        ("0" * 24 + "01000000:1F40", "udp6", "::", True),
        ("0" * 32 + ":1F40", "udp6", "fe80::1%eth0", True),
        ("0100007F:1F41", "udp", "127.0.0.1", False),
        ("1401A8C0:1F40", "udp", "127.0.0.1", False),
    ],
)
def test_the_socket_that_clashes_leads_to_its_program(
    tmp_path: Path, address: str, table: str, host: str, held: bool
) -> None:
    found = port_owner.udp_owner(host, 8000, proc(tmp_path / "proc", address, table))
    assert found == (Owner(4711, "amsynth") if held else None)


def test_the_message_names_the_program_if_it_is_known(tmp_path: Path) -> None:
    folder = proc(tmp_path / "proc", "0100007F:1F40")
    assert port_owner.taken("127.0.0.1", 8000, folder) == "UDP port 8000 is taken by amsynth (pid 4711)"
    assert port_owner.taken("127.0.0.1", 8001, folder) == "UDP port 8001 is taken"
    assert port_owner.taken("127.0.0.1", 8000, tmp_path) == "UDP port 8000 is taken"


def test_the_system_itself_names_this_program() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("127.0.0.1", 0))
        owner = port_owner.udp_owner("127.0.0.1", mine.getsockname()[1])
    assert owner is not None
    assert owner.pid == os.getpid()
