"""`latentd ports`: where a controller is told to aim."""

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
    """Whatever plays on this machine meanwhile is not asked."""
    monkeypatch.setattr(ports, "_USUAL", f"127.0.0.1:{free_port()}")


def run(tmp_path: Path, config: str, *options: str) -> str:
    """What `latentd ports` prints under a configuration."""
    file = tmp_path / "config.yaml"
    file.write_text(config, encoding="utf-8")
    result = CliRunner().invoke(ports.command, ["--config", str(file), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_only_the_addresses_that_are_listened_on_are_called_heard(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "listen: 127.0.0.1:8123", "--json"))
    assert {(aim["host"], aim["port"]) for aim in found["osc"] if aim["heard"]} == {("127.0.0.1", 8123)}
    found = json.loads(run(tmp_path, "listen: 0.0.0.0:8000", "--json"))
    assert all(aim["heard"] for aim in found["osc"])


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
        thread = threading.Thread(target=answer)
        thread.start()
        found = json.loads(run(tmp_path, f"listen: {f'127.0.0.1:{free_port()}' if usual else there}", "--json"))
        thread.join()
    assert found["running"]
    assert found["allow"] == ["10.0.0.0/8"]
    assert all(aim["heard"] and aim["port"] == 8123 for aim in found["osc"])


def test_this_machines_networks_are_what_allow_is_told_to_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "networks", lambda: ["10.1.0.0/16"])
    assert "as [10.1.0.0/16]" in run(tmp_path, "listen: 0.0.0.0:8000")
    monkeypatch.setattr(machine, "addresses", lambda: [("eth0", "10.1.2.3"), ("lo", "127.0.0.1")])
    assert "--set 'allow=[10.1.0.0/16]'" in run(tmp_path, "")


def test_a_daemon_that_hears_only_itself_is_told_to_allow_a_network(tmp_path: Path) -> None:
    assert "under `allow:`" in run(tmp_path, "listen: 0.0.0.0:8000")
    assert "under `allow:`" not in run(tmp_path, "listen: 0.0.0.0:8000\nallow: [192.168.1.0/24]")


def test_ports_that_cannot_be_listed_say_why(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "", "--json"))
    for kind in ("jack", "alsa"):
        assert found[kind]["trouble"] or isinstance(found[kind]["sources"], list)
