"""Who is connected to the JACK port on real servers, and what it receives and reports."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from functools import partial

import pytest

from latentd.system import machine
from tests.support.daemon import latentd
from tests.support.jack_port import a_patch, check_arrives, poll_until, port_on, send, synth_on
from tests.support.listener import Listener
from tests.support.oracle import Oracle
from tests.support.rig import LIMIT_S, Server, need, wait_for

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _no_server_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


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
