"""The `jack` output on real servers, judged by what amSynth saves and by a listening JACK client."""

from __future__ import annotations

import itertools
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from latentd.instrument.point import Change
from latentd.outputs.jack.port import JackPort
from latentd.synth import amsynth, midimap
from latentd.system import machine
from tests.support.daemon import latentd
from tests.support.jack_cycle import check_limits
from tests.support.listener import Listener
from tests.support.oracle import Oracle
from tests.support.rig import LIMIT_S, Server, Synth, jackd, need, pipewire, wait_for
from tests.support.rig import amsynth as run_amsynth

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _no_server_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


@contextmanager
def port_on(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: type[JackPort] = JackPort, **options: object
) -> Iterator[JackPort]:
    """A JackPort whose child finds that server."""
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    port = kind(midimap.OURS, **options)  # type: ignore[arg-type]  # options of one test each
    try:
        yield port
    finally:
        port.close()


@contextmanager
def synth_on(server: Server, oracle: Oracle) -> Iterator[Synth]:
    port = int(oracle.url.rstrip("/").rsplit(":", 1)[1])
    with run_amsynth(server, nsm_port=port, controllers=midimap.OURS.text()) as synth:
        oracle.answer()
        yield synth


def poll_until(port: JackPort, condition: Callable[[], object], what: str) -> None:
    def step() -> object:
        port.poll(time.monotonic())
        return condition()

    wait_for(step, what)


def send(port: JackPort, patch: Sequence[float]) -> None:
    port.send([Change(i, value) for i, value in enumerate(patch)], time.monotonic())


def a_patch(seed: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.random() for _ in range(amsynth.COUNT)]


def holds(oracle: Oracle, patch: Sequence[float]) -> bool:
    """Does the synth hold the nearest CC steps of this patch, all 41?"""
    expected = amsynth.to_patch(amsynth.nearest_cc(np.array(patch)) / 127)
    held = oracle.read()
    return all(abs(held[n] - v) <= 1e-4 * s for n, v, s in zip(amsynth.NAMES, expected, amsynth.SPAN, strict=True))


def check_arrives(port: JackPort, oracle: Oracle, patch: Sequence[float]) -> None:
    poll_until(port, port.settled, "the port to write everything")
    wait_for(lambda: holds(oracle, patch), "amSynth to hold the patch")


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
played = False
while True:
    port.poll(time.monotonic())
    if port.facts()["connected"] and not played:
        port.note(0x90, 60, 100)
        print(port.facts()["child_pid"], flush=True)
        played = True
    time.sleep(0.01)
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
            port.note(0x90, 60, 100)
            port.note(0xB0, 64, 127)
            wait_for(lambda: len(listener.messages) == 2, "the note")
            child = port.facts()["child_pid"]
        assert not alive(child)
        wait_for(lambda: len(listener.messages) == 4, "the note to end")
    assert sorted(listener.messages[2:]) == [bytes((0x80, 60, 0)), bytes((0xB0, 64, 0))]


def test_midi_that_comes_in_wakes_the_engine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [b"\xb0\x10\x11", b"\xe0\x01\x02", b"\xd0\x33"]
    with (
        Listener(server) as listener,
        port_on(server, monkeypatch, sources=("listener:out",), playback="none") as port,
    ):
        poll_until(port, lambda: server.connections("listener:out") == ["latentd:midi_in"], "the connection")
        start = time.monotonic()

        def received() -> bool:
            # Again and again: an xrun of the server loses a period with all that is in it.
            listener.play(*sent)
            select.select(port.filenos(), [], [], 1.0)
            messages = port.take_midi()
            # A period counts from its beginning, and the server may be late with it.
            assert all(start - LIMIT_S < t < time.monotonic() for _, t in messages)
            return [m for m, _ in messages] == sent

        poll_until(port, received, "the messages")


ALIASED = """
import sys, jack
client = jack.Client("knobs", use_exact_name=True, no_start_server=True)
client.midi_outports.register("midi_capture_2").set_alias("Arturia-KeyStep-32:midi/playback_1")
with client:
    sys.stdin.read()
"""


def test_a_controller_is_found_by_its_alias(jack_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """PipeWire 0.3.65 keeps a client's alias from the other clients."""
    alias, argv = "Arturia-KeyStep-32:midi/playback_1", [sys.executable, "-c", ALIASED]
    with (
        subprocess.Popen(argv, env=jack_server.env, stdin=subprocess.PIPE) as knobs,
        port_on(jack_server, monkeypatch, sources=(alias,), playback="none") as port,
    ):
        poll_until(
            port, lambda: jack_server.connections("knobs:midi_capture_2") == ["latentd:midi_in"], "the connection"
        )
        answer = machine.ask_jack(env=jack_server.env)
        assert isinstance(answer, machine.JackFacts)
        assert answer.aliases["knobs:midi_capture_2"] == [alias]
        knobs.communicate()


def test_p11_patterns_that_match_no_port_are_in_the_status_and_the_log(server: Server) -> None:
    sources = 'jack.sources=[listener:out, "no-such-device:.*"]'
    with Listener(server) as listener, latentd("--output", "jack", "--set", sources, env=server.env) as daemon:
        wait_for(lambda: server.connections("listener:out") == ["latentd:midi_in"], "the connection")
        missing = {"jack.playback": ["amsynth:midi_in"], "jack.sources": ["no-such-device:.*"]}
        wait_for(lambda: daemon.status()["patterns_without_port"] == missing, "what is missing in the status")
        wait_for(lambda: "jack.sources: no port matches 'no-such-device:.*'" in daemon.log_text(), "and in the log")
        assert "receiving from listener:out" in daemon.log_text()
        assert not listener.messages


def test_p11_the_status_follows_a_rate_and_a_period_that_pipewire_changes_while_nobody_plays(
    pipewire_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("pw-metadata")
    with port_on(pipewire_server, monkeypatch, playback="none") as port:
        poll_until(port, lambda: port.facts()["rate_hz"] == 48000, "the first rate")
        for key, fact, value in (("rate", "rate_hz", 44100), ("quantum", "period_frames", 256)):
            argv = ["pw-metadata", "-n", "settings", "0", f"clock.force-{key}", str(value)]
            subprocess.run(argv, env=pipewire_server.env, check=True, capture_output=True, timeout=LIMIT_S)
            poll_until(port, partial(lambda fact, value: port.facts()[fact] == value, fact, value), f"{fact} to follow")


BUFFER = "import jack; client = jack.Client('buffer', no_start_server=True); client.blocksize = 512; client.close()"


def test_p11_the_status_follows_a_period_that_someone_changes_on_jackd(
    jack_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with port_on(jack_server, monkeypatch, playback="none") as port:
        poll_until(port, lambda: port.facts()["period_frames"] == 64, "the first period")
        subprocess.run([sys.executable, "-c", BUFFER], env=jack_server.env, check=True, timeout=LIMIT_S)
        poll_until(port, lambda: port.facts()["period_frames"] == 512, "the new one")


def test_a_controller_that_someone_else_connects_is_received(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener(server) as listener, port_on(server, monkeypatch, playback="none") as port:
        poll_until(port, lambda: port.facts()["running"], "the port")
        server.connect("listener:out", "latentd:midi_in")

        def received() -> bool:
            listener.play(b"\xb0\x10\x11")
            select.select(port.filenos(), [], [], 1.0)
            return (b"\xb0\x10\x11") in [message for message, _ in port.take_midi()]

        poll_until(port, received, "the controller")


def test_a_cut_connection_is_made_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Oracle() as oracle, synth_on(server, oracle) as synth, port_on(server, monkeypatch) as port:
        poll_until(port, lambda: port.facts()["connected"], "the connection")
        server.disconnect("latentd:midi_out", synth.midi_in)
        send(port, a_patch(4))
        poll_until(port, lambda: port.facts()["connections"] == 2, "the second connection")
        check_arrives(port, oracle, a_patch(4))


def test_a_second_port_of_the_same_name_waits_and_reports_why(
    jack_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with port_on(jack_server, monkeypatch) as first:
        poll_until(first, lambda: first.facts()["running"], "the first port")
        with port_on(jack_server, monkeypatch) as second:
            poll_until(second, lambda: "refuses the name latentd" in str(second.facts()["problem"]), "the report")
            first.close()
            poll_until(second, lambda: second.facts()["running"], "the second port")


def test_the_child_stays_small() -> None:
    program = "import sys, latentd.outputs.jack.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "asyncio", "logging", "subprocess"} & set(loaded)
