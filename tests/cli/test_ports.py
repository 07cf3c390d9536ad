"""`latentd ports`: the addresses and MIDI ports for a controller."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from latentd.cli import ports
from latentd.osc import packets
from latentd.system import machine
from tests.support.daemon import free_port
from tests.support.rig import LIMIT_S


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon that runs on this machine is asked."""
    monkeypatch.setattr(ports, "_USUAL", f"127.0.0.1:{free_port()}")


def run(tmp_path: Path, config: str, *options: str) -> str:
    """What `latentd ports` prints under a configuration."""
    file = tmp_path / "config.yaml"
    file.write_text(config, encoding="utf-8")
    result = CliRunner().invoke(ports.command, ["--config", str(file), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_only_the_addresses_on_which_latentd_listens_are_marked(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, f"listen: 127.0.0.1:{(port := free_port())}", "--json"))
    assert {(target["host"], target["port"]) for target in found["osc"] if target["heard"]} == {("127.0.0.1", port)}
    found = json.loads(run(tmp_path, f"listen: 0.0.0.0:{free_port()}", "--json"))
    assert all(target["heard"] for target in found["osc"])


@pytest.mark.parametrize("usual", [True, False])
def test_a_running_daemon_is_asked_where_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: bool
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(LIMIT_S)
        there = f"127.0.0.1:{daemon.getsockname()[1]}"

        def answer() -> None:
            _, sender = daemon.recvfrom(1000)
            facts = {"version": "0", "listen": "0.0.0.0:8123", "allow": ["10.0.0.0/8"]}
            daemon.sendto(packets.write("/latentd/status", json.dumps(facts)), sender)

        if usual:
            monkeypatch.setattr(ports, "_USUAL", there)
        monkeypatch.setattr(ports, "_ANSWER_S", LIMIT_S)
        thread = threading.Thread(target=answer)
        thread.start()
        found = json.loads(run(tmp_path, f"listen: {f'127.0.0.1:{free_port()}' if usual else there}", "--json"))
        thread.join()
    assert found["running"]
    assert found["allow"] == ["10.0.0.0/8"]
    assert all(target["heard"] and target["port"] == 8123 for target in found["osc"])


def test_this_machines_networks_are_suggested_for_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "networks", lambda: ["10.1.0.0/16"])
    assert "as [10.1.0.0/16]" in run(tmp_path, f"listen: 0.0.0.0:{free_port()}")
    monkeypatch.setattr(machine, "addresses", lambda: [("eth0", "10.1.2.3"), ("lo", "127.0.0.1")])
    assert "--set 'allow=[10.1.0.0/16]'" in run(tmp_path, f"listen: 127.0.0.1:{free_port()}")


def test_a_daemon_that_refuses_all_other_machines_gets_advice_for_allow(tmp_path: Path) -> None:
    assert "network to `allow:`" in run(tmp_path, f"listen: 0.0.0.0:{free_port()}")
    assert "network to `allow:`" not in run(tmp_path, f"listen: 0.0.0.0:{free_port()}\nallow: [192.168.1.0/24]")


def test_alsa_ports_are_listed_without_the_numbers_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources, sinks = ["LPD8:LPD8 MIDI 1 20:0"], ["amsynth:midi in 128:0", "LPD8:LPD8 MIDI 1 20:0"]
    monkeypatch.setattr(machine, "alsa_midi_ports", lambda: (sources, sinks))
    lines = run(tmp_path, "").partition("ALSA MIDI")[2].split("\n")
    assert lines[1:4] == ["  sends     LPD8 MIDI 1", "  receives  midi in", "  receives  LPD8 MIDI 1"]
    assert json.loads(run(tmp_path, "", "--json"))["alsa"]["sinks"] == sinks


def test_jack_ports_are_listed_with_their_aliases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, alias = "system:midi_capture_2", "Arturia-KeyStep-32:midi/playback_1"
    facts = machine.JackFacts("1.9.21", 48000, 128, True, [name], ["amsynth:midi_in"], {name: [alias]})
    monkeypatch.setattr(machine, "ask_jack", lambda: facts)
    lines = run(tmp_path, "").partition("JACK MIDI")[2].split("\n")
    assert lines[1:3] == [f"  sends     {name}, or {alias}", "  receives  amsynth:midi_in"]
    assert json.loads(run(tmp_path, "", "--json"))["jack"]["aliases"] == {name: [alias]}


def test_ports_that_cannot_be_listed_get_the_reason(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "", "--json"))
    for kind in ("jack", "alsa"):
        assert found[kind]["trouble"] or isinstance(found[kind]["sources"], list)
