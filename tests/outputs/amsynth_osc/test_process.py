"""The watch over the synth's process: its states, which process it is, and what the `osc` output makes of its end."""

from __future__ import annotations

import errno
import logging
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from latentd.osc.address import Address
from latentd.outputs.amsynth_osc.process import Process, ProcessWatch, WatchState, find
from latentd.system import port_owner
from latentd.system.port_owner import Owner
from tests.support.rig import LIMIT_S
from tests.support.state_table import StateTable, Transition, rows
from tests.support.synth_process import FakePidfd

SYNTH = ("127.0.0.1", 20000)
UNSEEN = Process(None, None, "it is another user's")


class System:
    """A watch, a background that runs nothing by itself, and descriptors that are no processes."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self.full = False
        self.now = 100.0
        self.pidfds: list[FakePidfd] = []
        self.ended = 0
        self.addresses: Iterator[Address] = iter(("127.0.0.1", port) for port in range(20000, 30000))
        self.watch = ProcessWatch(self.submit)

    def __del__(self) -> None:
        self.watch.stop()

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> bool:
        if not self.full:
            self.waiting.append((job, then))
        return not self.full

    def new_address(self) -> None:
        self.watch.watch(next(self.addresses))

    def due(self, full: bool = False) -> None:
        assert self.watch.state is WatchState.WANTED
        self.full = full
        self.now += 100.0
        self.poll()

    def poll(self) -> None:
        self.ended += self.watch.poll(self.now)

    def result(self, found: object) -> None:
        assert self.waiting
        _, then = self.waiting.pop()
        then(found)
        self.poll()

    def a_process(self) -> Process:
        self.pidfds.append(FakePidfd())
        return Process(self.pidfds[-1].fd, 4711)

    def found(self) -> None:
        assert self.waiting
        self.result(self.a_process())

    def found_for_another(self) -> None:
        assert self.waiting
        self.new_address()
        _, then = self.waiting.pop()
        then(self.a_process())

    def process_ended(self) -> None:
        assert self.watch.filenos()
        self.pidfds[-1].end()
        self.watch.wake()
        self.poll()

    def something_else_is_readable(self) -> None:
        assert self.watch.filenos()
        self.watch.wake()
        self.poll()

    def open(self) -> list[bool]:
        return [pidfd.open for pidfd in self.pidfds]


WATCH = StateTable(
    ProcessWatch,
    WatchState,
    System,
    lambda system: system.watch.state,
    {
        "new address": System.new_address,
        "due": System.due,
        "due, background is full": lambda system: system.due(full=True),
        "found": System.found,
        "found for another": System.found_for_another,
        "not to be watched": lambda system: system.result(UNSEEN),
        "nobody has the address": lambda system: system.result(None),
        "its process ended": System.process_ended,
        "something else is readable": System.something_else_is_readable,
        "stopped": lambda system: system.watch.stop(),
    },
)


@pytest.mark.parametrize("row", rows(ProcessWatch), ids=str)
def test_a_watch_goes_where_its_table_says(row: Transition) -> None:
    WATCH.check(row)


def test_nothing_else_changes_a_watch() -> None:
    WATCH.check_the_rest()


@pytest.fixture
def system() -> Iterator[System]:
    found = System()
    yield found
    found.watch.stop()
    assert not any(found.open())


def test_an_end_is_reported_once_and_its_descriptor_closed(system: System) -> None:
    system.new_address()
    system.due()
    system.found()
    assert list(system.watch.filenos()) == [system.pidfds[0].fd]
    assert system.watch.pid == 4711
    system.process_ended()
    system.poll()
    assert system.ended == 1
    assert not system.watch.filenos()
    assert not any(system.open())


def test_the_process_of_an_older_synth_is_closed_whenever_it_is_found(system: System) -> None:
    system.new_address()
    system.due()
    system.found()
    system.new_address()
    assert not any(system.open())
    system.due()
    system.found_for_another()
    assert not any(system.open())
    system.due()
    system.found()
    assert system.open() == [False, False, True]
    assert system.ended == 0


def test_what_is_found_after_the_end_is_closed(system: System) -> None:
    system.new_address()
    system.due()
    system.watch.stop()
    system.found()
    assert not any(system.open())


def test_a_synth_that_starts_again_on_the_same_port_is_another_process(system: System) -> None:
    """Its predecessor's end may not have been seen yet."""
    system.watch.watch(SYNTH)
    system.due()
    system.found()
    system.pidfds[0].end()
    system.watch.wake()
    system.watch.watch(SYNTH)
    system.due()
    system.found()
    assert system.open() == [False, True]
    assert system.ended == 0
    system.process_ended()
    assert system.ended == 1


def test_an_end_that_was_not_reported_yet_is_none_of_the_next_synth(system: System) -> None:
    system.watch.watch(SYNTH)
    system.due()
    _, then = system.waiting.pop()
    then(None)
    system.watch.watch(SYNTH)
    system.due()
    system.found()
    assert system.ended == 0


def test_what_cannot_be_watched_is_looked_for_every_5_s_and_logged_once(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    system.new_address()
    for _ in range(3):
        system.due()
        system.result(UNSEEN)
        assert system.watch.due_s == system.now + 5.0
    assert caplog.text.count("cannot be watched (it is another user's)") == 1
    system.due()
    system.result(OSError(24, "Too many open files"))
    assert caplog.text.count("cannot be watched ([Errno 24] Too many open files)") == 1
    system.due()
    system.result(None)
    assert system.ended == 1


SOCKET = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.bind(("0.0.0.0", 0))
    print(udp.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """A process with a UDP socket; it prints the port."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SOCKET], stdin=pipe, stdout=pipe, text=True) as program:
        yield program
        program.kill()


def address_of(program: subprocess.Popen[str]) -> Address:
    assert program.stdout is not None
    return "127.0.0.1", int(program.stdout.readline())


def test_the_process_behind_an_address_is_found_and_its_end_shows(other: subprocess.Popen[str]) -> None:
    address = address_of(other)
    found = find(address)
    assert found is not None
    assert found.fd is not None
    assert found.pid == other.pid
    assert not select.select([found.fd], [], [], 0.0)[0]
    other.kill()  # not waited for: a zombie has ended, too
    assert select.select([found.fd], [], [], LIMIT_S)[0]
    os.close(found.fd)
    assert find(address) is None, "nobody has the address any more"


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS, errno.ESRCH])
def test_without_a_pidfd_the_socket_shows_whether_the_synth_is_there(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuses(_pid: int) -> int:
        raise OSError(code, os.strerror(code))

    address = address_of(other)
    monkeypatch.setattr(os, "pidfd_open", refuses)
    assert find(address) == Process(None, other.pid, f"pidfd_open: {os.strerror(code)}")
    other.kill()
    other.wait()
    assert find(address) is None


def test_a_process_that_cannot_be_seen_is_not_watched(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, or one in a container beside ours."""
    address = address_of(other)
    monkeypatch.setattr(port_owner, "udp_owner", lambda *_address: None)
    found = find(address)
    assert found is not None
    assert (found.fd, found.pid) == (None, None)
    other.kill()
    other.wait()
    assert find(address) is None


def test_a_pid_that_became_another_processs_is_not_watched(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(other)
    owners = [Owner(other.pid, "amsynth"), None]
    pidfd = FakePidfd()
    monkeypatch.setattr(os, "pidfd_open", lambda _pid: pidfd.fd)
    monkeypatch.setattr(port_owner, "udp_owner", lambda *_address: owners.pop(0))
    found = find(address)
    assert found is not None
    assert found.fd is None
    assert not pidfd.open
