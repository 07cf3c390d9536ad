"""What latentd finds out about JACK on real servers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from latentd.errors import LatentdError
from latentd.system import jackd, machine
from latentd.system.processes import Programs
from tests.support import rig
from tests.support.daemon import latentd

pytestmark = pytest.mark.real


def enter(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]) -> None:
    """Make `env` this process's environment."""
    for name in set(os.environ) - set(env):
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_a_running_server_gives_its_settings_and_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.jackd() as server, rig.amsynth(server) as synth:
        enter(monkeypatch, server.env)
        facts = machine.ask_jack(limit_s=rig.LIMIT_S)
        assert isinstance(facts, machine.JackFacts), facts
        assert (facts.rate_hz, facts.realtime) == (48000, False)
        assert synth.midi_in in facts.midi_sinks
        assert not any("audio" in port or "L out" in port for port in facts.midi_sources)


def test_without_a_server_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "latentd-nobody")
    assert machine.ask_jack() == "no server is running"


def test_a_server_that_hangs_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.jackd() as server:
        enter(monkeypatch, server.env)
        server.main.pause()
        try:
            assert machine.ask_jack(limit_s=1.0) == "the server did not answer within 1 s"
        finally:
            server.main.resume()


def test_pipewires_jack_is_distinguished_from_jackds(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.pipewire() as server, monkeypatch.context() as inside:
        enter(inside, server.env)
        assert machine.jack_is_pipewire()
        facts = machine.ask_jack(limit_s=rig.LIMIT_S)
        assert isinstance(facts, machine.JackFacts), facts
        assert "PipeWire" in facts.version
    with rig.jackd() as server:
        enter(monkeypatch, server.env | {"XDG_RUNTIME_DIR": "/run"})
        assert not machine.jack_is_pipewire()


@pytest.mark.parametrize(
    ("name", "driver", "cause"),
    [
        ("latentd-test-x", ["-d", "alsa", "-d", "hw:nothing"], "this sound card does not exist"),
        ("", ["-d", "dummy"], "a JACK server of the same name is running"),
    ],
)
def test_a_jackd_that_cannot_start_is_explained(name: str, driver: list[str], cause: str, tmp_path: Path) -> None:
    with rig.jackd() as server, Programs(tmp_path) as programs:
        argv = ["jackd", "-r", "-n", name or server.env["JACK_DEFAULT_SERVER"], *driver]
        program = programs.start("jackd", argv, server.env, diagnose=jackd.diagnose)
        rig.wait_for(lambda: not program.running(), "jackd to end")
        with pytest.raises(LatentdError, match=cause):
            programs.check()


def test_latentd_beside_pipewire_advises_pw_jack() -> None:
    with rig.pipewire() as server:
        # jackd's own library, and no server of it: another may run on this machine.
        env = server.env | {"LD_LIBRARY_PATH": "", "JACK_DEFAULT_SERVER": "latentd-test-none"}
        with latentd("--output", "jack", env=env) as daemon:
            rig.wait_for(lambda: "start JACK programs with pw-jack" in daemon.log_text(), "the advice")


def test_amsynth_prints_its_version() -> None:
    rig.need("amsynth")
    version = machine.amsynth_version()
    assert version
    assert version[0].isdigit()
