"""The JACK server of the demo: what is tried, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentd.demo import startup
from latentd.errors import LatentdError
from latentd.system import machine
from latentd.system.processes import Programs


@pytest.mark.parametrize(
    ("script", "message", "starts"),
    [
        ("exec sleep 600", "jackd did not answer", 1),  # under another name it would take as long
        ("exit 3", "jackd ended with exit code 3", len(startup._SERVER_NAMES)),
    ],
)
def test_each_name_is_tried_unless_jackd_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str, starts: int
) -> None:
    jackd = tmp_path / "jackd"
    jackd.write_text(f"#!/bin/sh\necho >> {tmp_path}/starts\n{script}\n", encoding="utf-8")
    jackd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "ask_jack", lambda **_: "no server is running")
    monkeypatch.setattr(machine, "jack_is_pipewire", lambda: False)
    monkeypatch.setattr(machine, "best_card", lambda: None)
    monkeypatch.setattr(startup, "_LIMIT_S", 3.0)
    with Programs(tmp_path) as programs, pytest.raises(LatentdError, match=message):
        startup.find_server(programs, lambda _line: None)
    assert len((tmp_path / "starts").read_text(encoding="utf-8").splitlines()) == starts
