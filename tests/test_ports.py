"""`latentd ports`: where a controller is told to aim."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from latentd.cli import ports


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


def test_a_daemon_that_hears_only_itself_is_told_to_allow_a_network(tmp_path: Path) -> None:
    assert "under `allow:`" in run(tmp_path, "listen: 0.0.0.0:8000")
    assert "under `allow:`" not in run(tmp_path, "listen: 0.0.0.0:8000\nallow: [192.168.1.0/24]")


def test_ports_that_cannot_be_listed_say_why(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "", "--json"))
    for kind in ("jack", "alsa"):
        assert found[kind]["trouble"] or isinstance(found[kind]["sources"], list)
