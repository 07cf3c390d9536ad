"""`latentd monitor` as a process: beside a running daemon, and in its place."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from latentd.osc import packets
from tests.support.daemon import free_port, latentd, wait_s
from tests.support.listener import Listener
from tests.support.rig import LIMIT_S, jackd, wait_for

pytestmark = pytest.mark.real


class Monitor:
    """One `latentd monitor --json`: its lines, and its notes on standard error."""

    def __init__(self, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        environment = {**(env or os.environ), "XDG_CONFIG_HOME": str(folder)}
        argv = [sys.executable, "-W", "error", "-m", "latentd", "monitor", "--json", *options]
        self.process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self.notes = ""
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_notes)]
        for thread in self._threads:
            thread.start()
        wait_for(lambda: "q ends" in self.notes or self.process.poll() is not None, "the monitor to begin")

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def _read_notes(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notes += line

    def has(self, *messages: str) -> bool:
        """Is there a line about each of these messages?"""
        return {*messages} <= {line["message"] for line in self.lines}

    def shows(self, message: str) -> dict[str, Any]:
        """The line about this message, once it is there."""
        wait_for(lambda: self.has(message), f"a line: {message}")
        return next(line for line in self.lines if line["message"] == message)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(LIMIT_S)
        for thread in self._threads:
            thread.join(LIMIT_S)
        return code


@contextlib.contextmanager
def monitor(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Monitor]:
    started = Monitor(folder, *options, env=env)
    try:
        yield started
        code = started.end()
        assert code == 0, started.notes
        assert "Traceback" not in started.notes and "Warning" not in started.notes
    finally:
        started.process.kill()
        started.process.wait()
        for pipe in (started.process.stdout, started.process.stderr):
            assert pipe is not None
            pipe.close()


def again(act: Callable[[], None], condition: Callable[[], object], what: str) -> None:
    """Act until it has the wanted effect."""

    def tried() -> object:
        act()
        wait_s(0.1)
        return condition()

    wait_for(tried, what)


def test_beside_a_daemon_it_shows_what_moves_the_point_and_what_does_not(tmp_path: Path) -> None:
    with latentd("--output", "print", "--mapping", "xy") as daemon:
        with monitor(tmp_path, "--to", f"127.0.0.1:{daemon.port}") as watching:
            again(lambda: daemon.send("/first"), lambda: watching.lines, "the first copy")
            daemon.send("/xy", 0.25, 0.75)
            daemon.send("/3/xy", 0.5, 0.5)
            daemon.send_bytes(b"not osc!")
            point = watching.shows("/xy 0.25 0.75")
            assert point["points"] == [{"source": "xy", "x": 0.25, "y": 0.75, "touch": None, "clipped": ""}]
            assert (point["address"], point["args"]) == ("/xy", [0.25, 0.75])
            assert "--mapping" in watching.shows("/3/xy 0.5 0.5")["outcome"]
            assert "malformed" in watching.shows("8 bytes (not osc!)")["outcome"]
            wait_for(lambda: "xy leads now" in watching.notes, "who leads")
        # It has unsubscribed: the daemon sends no more copies, and played on all the time.
        assert daemon.status()["counters"]["faults"] == 0
        assert daemon.status()["xy"] == pytest.approx([0.25, 0.75], abs=1e-3)


def test_without_a_daemon_it_listens_in_its_place(tmp_path: Path) -> None:
    port = free_port()
    with monitor(tmp_path, "--listen", f"127.0.0.1:{port}", "--mapping", "xy") as watching:
        assert "no latentd" in watching.notes
        with socket.socket(type=socket.SOCK_DGRAM) as phone:
            phone.sendto(packets.write("/xy", 0.5, 0.25), ("127.0.0.1", port))
        assert watching.shows("/xy 0.5 0.25")["points"][0]["y"] == 0.25


def test_without_a_daemon_it_shows_midi_from_jack(tmp_path: Path) -> None:
    options = ("--listen", f"127.0.0.1:{free_port()}", "--mapping", "pair7", "--midi")
    with jackd() as server, monitor(tmp_path, *options, env=server.env) as watching:
        wait_for(lambda: "latentd:midi_in" in server.ports(), "the monitor's port")
        with Listener(server, "latentd:midi_in") as keyboard:
            wait_for(lambda: server.connections("listener:out"), "the connection")
            # What is played in the very period of the connection may be lost, or in one that the server is late for.
            shown = tuple(f"control_change channel=1 control={cc} value={value}" for cc, value in ((12, 127), (13, 0)))
            again(lambda: keyboard.play(b"\xb0\x0c\x7f", b"\xb0\x0d\x00"), lambda: watching.has(*shown), "both")
            assert watching.shows(shown[1])["points"][0]["x"] == 1.0


def test_all_messages_of_a_jack_event_are_shown_and_clock_is_not(tmp_path: Path) -> None:
    """Csound writes what it plays in a period into one event."""
    options = ("--listen", f"127.0.0.1:{free_port()}", "--mapping", "pair14", "--midi")
    event = bytes.fromhex("b00c27 b02c2e b00d5a 2d12")
    shown = tuple(
        f"control_change channel=1 control={cc} value={value}" for cc, value in ((12, 39), (44, 46), (13, 90), (45, 18))
    )
    with jackd() as server, monitor(tmp_path, *options, env=server.env) as watching:
        wait_for(lambda: "latentd:midi_in" in server.ports(), "the monitor's port")
        with Listener(server, "latentd:midi_in") as sequencer:
            wait_for(lambda: server.connections("listener:out"), "the connection")
            again(
                lambda: sequencer.play(b"\xf8", event, b"\xf0\x7e\x7f\xf7", b"\xfe"),
                lambda: watching.has(*shown, "sysex"),
                "all messages of the event",
            )
            assert {line["message"] for line in watching.lines} == {*shown, "sysex"}
            assert watching.shows(shown[3])["points"][0]["y"] == pytest.approx((90 * 128 + 18) / 16383)


def test_a_daemon_that_does_not_answer_at_the_given_address_is_an_error(tmp_path: Path) -> None:
    started = Monitor(tmp_path, "--to", f"127.0.0.1:{free_port()}")
    assert started.process.wait(LIMIT_S) == 1
    wait_for(lambda: "no latentd answers" in started.notes, "the reason")
    for pipe in (started.process.stdout, started.process.stderr):
        assert pipe is not None
        pipe.close()
