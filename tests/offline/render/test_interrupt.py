"""Ctrl-C during a long command ends it at once, without a traceback or leftover processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentd.synth import amsynth, banks
from tests.support.rig import wait_for

pytestmark = pytest.mark.offline


@pytest.mark.parametrize("when", ["while it starts", "while it works"])
def test_a_rendering_ends(tmp_path: Path, when: str) -> None:
    presets = [banks.Preset.from_patch(f"p{n}", amsynth.DEFAULT) for n in range(100)]
    banks.write(tmp_path / "many.bank", banks.Bank(tuple(presets)))
    command = start(["render", str(tmp_path / "many.bank"), "--out", str(tmp_path / "out"), "--length", "60"], tmp_path)
    if when == "while it works":
        wait_for(lambda: list((tmp_path / "out").glob("*.wav")), "a clip", 60.0)
    else:
        wait_for(lambda: len(session(command.pid)) > 1, "the workers", 60.0)
    interrupted(command)


def test_a_description_ends(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(1).normal(size=480000) * 0.1, 48000)
    command = start(["timbre", *[str(tmp_path / "a.wav")] * 1000], tmp_path)
    assert command.stdout is not None and command.stdout.readline()
    interrupted(command)


def start(arguments: list[str], home: Path) -> subprocess.Popen[bytes]:
    """A command in a session of its own, as on a terminal."""
    argv = [sys.executable, "-m", "latentd", *arguments]
    env = os.environ | {"TMPDIR": str(home)}
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def interrupted(command: subprocess.Popen[bytes]) -> None:
    os.killpg(command.pid, signal.SIGINT)
    _, errors = command.communicate(timeout=60.0)
    assert (command.returncode, errors.decode().strip()) in ((130, ""), (130, "Aborted!"))
    wait_for(lambda: not session(command.pid), "the end of all processes of the command")


def session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
