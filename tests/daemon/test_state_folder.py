"""What daemons leave in the state folder, and how much of it is kept."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from latentd.daemon import state_folder
from latentd.daemon.state_folder import MAX_REMEMBERED

OWN = 8000


def remember(folder: Path, port: int, age_s: float) -> list[Path]:
    """All files that a daemon on this port can leave."""
    names = [f"session-{port}.json", f"session-{port}.json.old", f"session-{port}.json.damaged", f"amsynth-{port}.json"]
    for name in names:
        (folder / name).write_text("{}", encoding="utf-8")
        os.utime(folder / name, (1e9 - age_s, 1e9 - age_s))
    return [folder / name for name in names]


def ports(folder: Path) -> set[int]:
    return {int(path.name.partition("-")[2].partition(".")[0]) for path in folder.iterdir() if "-" in path.name}


def test_p12_the_files_of_the_ports_that_were_used_last_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for n in range(MAX_REMEMBERED + 100):
        remember(tmp_path, 20000 + n, n)
    (tmp_path / "landmarks.json").touch()
    (tmp_path / "my-notes.json").touch()
    newest = {20000 + n for n in range(MAX_REMEMBERED)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        in_use = other.getsockname()[1]
        remember(tmp_path, OWN, 1e6)
        remember(tmp_path, in_use, 1e6)
        state_folder.sweep(tmp_path, OWN)
        (tmp_path / "my-notes.json").unlink()
        left = ports(tmp_path)
    assert left == newest | {OWN, in_use} | left.intersection(range(20000, 30000))  # a test's port may be any
    assert len(left) <= MAX_REMEMBERED + 3
    assert len(list(tmp_path.glob("session-20163.json*"))) == 0
    assert (tmp_path / "landmarks.json").exists()
    assert f"forgot what played on port 20163: {MAX_REMEMBERED} other ports were used since" in caplog.messages


def test_as_many_ports_as_are_kept_stay_as_they_are(tmp_path: Path) -> None:
    for n in range(MAX_REMEMBERED):
        remember(tmp_path, 20000 + n, 1e6 * n)
    state_folder.sweep(tmp_path, 20000)
    assert len(list(tmp_path.iterdir())) == 4 * MAX_REMEMBERED
