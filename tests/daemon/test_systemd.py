"""What systemd receives, through a real datagram socket."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentd.daemon import systemd
from tests.support.daemon import free_port


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end of the socket."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield receiver


def test_each_message_arrives_as_systemd_spells_it(manager: socket.socket) -> None:
    systemd.ready()
    systemd.alive()
    systemd.status("250 points/s\nREADY=0")
    systemd.stopping()
    messages = [manager.recv(100) for _ in range(4)]
    assert messages == [b"READY=1", b"WATCHDOG=1", b"STATUS=250 points/s READY=0", b"STOPPING=1"]


def test_the_watchdog_is_fed_at_once_and_then_twice_in_the_time_that_systemd_allows(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    watchdog = systemd.Watchdog()
    manager.setblocking(False)

    def fed(now: float) -> bool:
        assert watchdog.poll(now) == 2.0 * (now // 2.0 + 1.0), "when to call again"
        with contextlib.suppress(BlockingIOError):
            return manager.recv(100) == b"WATCHDOG=1"
        return False

    assert [now for now in range(9) if fed(float(now))] == [0, 2, 4, 6, 8]


def test_without_a_watchdog_nothing_is_sent_and_no_call_is_due(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert systemd.Watchdog().poll(10.0) is None
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"latentd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(b"\0" + name.encode())
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        systemd.ready()
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1234", "relative", "/" + "x" * 500])
def test_nothing_happens_without_a_manager(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.alive()


def test_a_manager_that_stopped_reading_does_not_block_us(manager: socket.socket) -> None:
    for _ in range(5000):  # far beyond any socket's queue
        systemd.alive()
    manager.close()
    systemd.stopping()


def test_an_idle_daemon_feeds_its_watchdog_and_ends_in_order(manager: socket.socket, tmp_path: Path) -> None:
    env = os.environ | {"WATCHDOG_USEC": "500000", "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "latentd", "run", "--output", "print", "--listen", f"127.0.0.1:{free_port()}"]
    manager.settimeout(60)
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as daemon:
        try:
            assert manager.recv(100) == b"STATUS=playing through print: as configured"
            assert [manager.recv(100) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
            daemon.send_signal(signal.SIGTERM)
            while (message := manager.recv(100)) == b"WATCHDOG=1":
                pass
            assert message == b"STOPPING=1"
            assert daemon.wait(60) == 0
        finally:
            daemon.kill()


@pytest.mark.parametrize(
    ("limit", "pid", "expected"),
    [
        ("10000000", None, 5.0),
        ("10000000", "own", 5.0),
        ("10000000", "1", None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
        ("-5", None, None),
        (None, None, None),
    ],
)
def test_watchdog_interval_is_half_of_what_systemd_allows(
    limit: str | None, pid: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", limit), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert systemd.interval_s() == expected
