"""The `jack` output on real servers, judged by what amSynth saves and by a listening JACK client."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from latentd.outputs.jack.port import JackPort
from latentd.synth import amsynth
from tests.support.jack_cycle import check_limits
from tests.support.jack_port import a_patch, check_arrives, poll_until, port_on, send, synth_on
from tests.support.listener import Listener
from tests.support.oracle import Oracle
from tests.support.rig import LIMIT_S, Server, jackd, pipewire, wait_for

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _no_server_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


def test_random_walks_reach_the_synth_exactly(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle), port_on(server, monkeypatch) as port:
        rng = np.random.default_rng(1)
        patch = rng.random(amsynth.COUNT)
        for _ in range(5):
            for _ in range(100):
                patch = np.clip(patch + rng.normal(0.0, 0.05, amsynth.COUNT), 0.0, 1.0)
                send(port, patch.tolist())
                port.poll(time.monotonic())
                time.sleep(0.001)
            check_arrives(port, oracle, patch.tolist())
        assert port.facts()["faults"] == 0


@pytest.mark.parametrize("period", [64, 128, 1024])
def test_no_period_ever_exceeds_the_limits(period: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        jackd(period) as server,
        Listener(server) as listener,
        port_on(server, monkeypatch, playback="listener:in") as port,
    ):
        poll_until(port, lambda: port.facts()["connected"], "the connection")
        numbers = itertools.count()

        def sent_enough() -> bool:
            for n in itertools.islice(numbers, 3):
                send(port, a_patch(n))
                port.note(0x90 if n % 2 == 0 else 0x80, 60, 64)
            return len(listener.messages) > 5000

        poll_until(port, sent_enough, "the listener to receive 5000 messages")
        poll_until(port, port.settled, "the last values")
    for cycle in listener.cycles:
        assert cycle.frames == period
        check_limits(cycle.events, period)
    assert {m[0] for m in listener.messages} == {0xB0, 0x90, 0x80}


def test_a_synth_that_comes_back_gets_everything_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle) as synth, port_on(server, monkeypatch) as port:
        send(port, a_patch(1))
        check_arrives(port, oracle, a_patch(1))
        synth.kill()
        poll_until(port, lambda: not port.facts()["connected"], "the loss to be noticed")
        assert not port.settled()
        send(port, a_patch(2))
        synth.start()
        oracle.answer()
        check_arrives(port, oracle, a_patch(2))
        assert port.facts()["restarts"] == 0


def test_a_synth_that_quits_leaves_the_port_and_its_other_connections_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        jackd(1024) as server,
        Oracle() as oracle,
        synth_on(server, oracle) as synth,
        Listener(server),
        port_on(server, monkeypatch) as port,
    ):
        poll_until(port, lambda: port.facts()["connected"], "the connection")
        server.connect("listener:out", "latentd:midi_in")
        child = port.facts()["child_pid"]
        for _ in range(3):
            synth.stop()
            poll_until(port, lambda: not port.facts()["connected"], "the loss to be noticed")
            synth.start()
            poll_until(port, lambda: port.facts()["connected"], "the synth to be found again")
        assert port.facts()["child_pid"] == child
        assert server.connections("listener:out") == ["latentd:midi_in"]


def test_a_server_that_comes_back_finds_port_and_values_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle) as synth, port_on(server, monkeypatch) as port:
        send(port, a_patch(1))
        check_arrives(port, oracle, a_patch(1))
        server.kill()
        poll_until(port, lambda: not port.facts()["running"], "the loss to be noticed")
        synth.kill()
        send(port, a_patch(2))
        poll_until(port, lambda: "no JACK server" in str(port.facts()["problem"]), "the report")
        server.start()
        synth.start()
        oracle.answer()
        check_arrives(port, oracle, a_patch(2))


def test_a_port_started_before_its_server_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with jackd() as server:
        server.stop()
        with Oracle() as oracle, port_on(server, monkeypatch) as port:
            send(port, a_patch(3))
            poll_until(port, lambda: "no JACK server" in str(port.facts()["problem"]), "the report")
            server.start()
            with synth_on(server, oracle):
                check_arrives(port, oracle, a_patch(3))
                assert port.facts()["problem"] == ""


def test_a_stopped_server_blocks_nothing_and_goes_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle), port_on(server, monkeypatch) as port:
        send(port, a_patch(1))
        check_arrives(port, oracle, a_patch(1))
        child = port.facts()["child_pid"]
        server.main.pause()
        try:
            # If any of these waited for the server, it would wait for ever: it is continued only afterwards.
            for n in range(2000):
                send(port, a_patch(n))
                port.note(0x90, 60, 1)
                port.note(0x80, 60, 0)
            poll_until(port, lambda: port.facts()["stalled"], "the stall to be a fact")
            assert not port.settled()
        finally:
            server.main.resume()
        check_arrives(port, oracle, a_patch(1999))
        assert port.facts()["child_pid"] == child
        assert not port.facts()["stalled"]


def test_a_stopped_server_does_not_hold_up_the_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with port_on(server, monkeypatch) as port:
        poll_until(port, lambda: port.facts()["running"], "the port")
        child = port.facts()["child_pid"]
        server.main.pause()
        try:
            port.close()
            assert not alive(child)
        finally:
            server.main.resume()


def test_a_killed_child_is_replaced_and_everything_resent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle), port_on(server, monkeypatch) as port:
        send(port, a_patch(1))
        check_arrives(port, oracle, a_patch(1))
        child = port.facts()["child_pid"]
        assert isinstance(child, int)
        os.kill(child, signal.SIGKILL)
        send(port, a_patch(2))
        poll_until(port, lambda: port.facts()["child_pid"] not in (None, child), "a new child")
        check_arrives(port, oracle, a_patch(2))
        assert port.facts()["restarts"] == 1


class FaultyPort(JackPort):
    """Its child's callback raises in its first 50 periods, and every other poll of the ports raises."""

    def _command(self, memory_fd: int, wake_fd: int, *arguments: str) -> list[str]:
        program = (
            "import itertools, os, sys, jack\n"
            "from latentd.outputs.jack import child\n"
            "run, poll = child.ProcessCallback._run, child.Connections.poll\n"
            "calls, polls = itertools.count(), itertools.count()\n"
            "def faulty(self, frames):\n"
            "    run(self, frames)\n"
            "    if next(calls) < 50: raise RuntimeError('planted')\n"
            "def blind(self, now):\n"
            "    if next(polls) % 2 == 0: raise jack.JackError('a port disappeared during a poll')\n"
            "    poll(self, now)\n"
            "child.ProcessCallback._run, child.Connections.poll = faulty, blind\n"
            "os._exit(child.main(sys.argv[1:]))\n"
        )
        return [sys.executable, "-c", program, str(memory_fd), str(wake_fd), *arguments]


def test_exceptions_in_the_callback_and_of_the_library_do_not_end_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Oracle() as oracle, synth_on(server, oracle), port_on(server, monkeypatch, FaultyPort) as port:
        poll_until(port, lambda: port.facts()["faults"] == 50, "the planted faults")
        send(port, a_patch(1))
        check_arrives(port, oracle, a_patch(1))
        assert port.facts()["restarts"] == 0


def alive(pid: object) -> bool:
    """Is there such a process, other than one that only waits to be reaped?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


ENGINE = """
import sys, time
from latentd.outputs.jack.port import JackPort
from latentd.synth import midimap
port = JackPort(midimap.OURS, playback="listener:in")
while not port.facts()["connected"]:
    port.poll(time.monotonic())
    time.sleep(0.01)
print(port.facts()["child_pid"], flush=True)
while True:  # a new connection may not carry anything yet
    port.note(0x90, 60, 100)
    port.poll(time.monotonic())
    time.sleep(0.1)
"""


@pytest.fixture(params=["jackd2", "pipewire"])
def calm_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each kind of server, with periods so long that a busy machine has no xruns, which lose what is written once."""
    with jackd(1024) if request.param == "jackd2" else pipewire() as server:
        yield server


def test_a_killed_engine_leaves_no_child_and_no_note(calm_server: Server) -> None:
    server = calm_server
    with Listener(server) as listener:
        engine = subprocess.Popen([sys.executable, "-c", ENGINE], env=server.env, stdout=subprocess.PIPE, text=True)
        try:
            assert engine.stdout is not None
            assert select.select([engine.stdout], [], [], LIMIT_S)[0]
            child = engine.stdout.readline().strip()
            wait_for(lambda: bytes((0x90, 60, 100)) in listener.messages, "the note")
        finally:
            engine.kill()
            engine.communicate()
        wait_for(lambda: not alive(child), "the child to end")
        wait_for(lambda: listener.messages[-1] == bytes((0x80, 60, 0)), "the note to end")
        wait_for(lambda: "latentd:midi_out" not in server.ports(), "the port to go")


def test_closing_ends_notes_pedal_and_child(calm_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server = calm_server
    with Listener(server) as listener:
        with port_on(server, monkeypatch, playback="listener:in") as port:
            poll_until(port, lambda: port.facts()["connected"], "the connection")
            # A new connection may not carry anything yet: bend the pitch to nowhere until it does.
            poll_until(port, lambda: port.note(0xE0, 0, 64) and listener.messages, "what is sent to arrive")
            port.note(0x90, 60, 100)
            port.note(0xB0, 64, 127)
            wait_for(lambda: bytes((0xB0, 64, 127)) in listener.messages, "the note and the pedal")
            played = len(listener.messages)
            child = port.facts()["child_pid"]
        assert not alive(child)
        wait_for(lambda: len(listener.messages) == played + 2, "the note to end")
    assert sorted(listener.messages[played:]) == [bytes((0x80, 60, 0)), bytes((0xB0, 64, 0))]


def test_the_child_stays_small() -> None:
    program = "import sys, latentd.outputs.jack.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "asyncio", "logging", "subprocess"} & set(loaded)
