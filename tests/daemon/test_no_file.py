"""A named pipe, a folder or a device where latentd or amSynth has a file: never waited for, and the daemon starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latentd.daemon import landmark_file, session
from latentd.errors import LatentdError
from latentd.outputs.amsynth_osc import discovery
from latentd.synth import amsynth_config, midimap
from latentd.system import files
from tests.support.rig import LIMIT_S


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """Whoever waits for a named pipe waits for ever."""

    def waits(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, waits)
    signal.alarm(int(LIMIT_S))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["pipe", "folder", "device"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    match request.param:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize(
    ("read", "found"), [(session.load, None), (landmark_file.load, {}), (discovery.recall, None)]
)  # fmt: skip
def test_the_daemon_starts_without_it(place: Path, read: Callable[[Path], object], found: object) -> None:
    assert read(place) == found


def test_neither_is_the_content_before(place: Path) -> None:
    damaged = place.with_name("session-1.json")
    damaged.write_text("", encoding="utf-8")
    place.rename(files.old(damaged))
    assert session.load(damaged) is None


def test_amsynths_own_files_are_reported(place: Path, tmp_path: Path) -> None:
    (tmp_path / "amsynth").mkdir()
    for name, read in (("controllers", midimap.installed), ("config", amsynth_config.installed)):
        place = place.rename(tmp_path / "amsynth" / name)
        with pytest.raises(LatentdError, match=r"not a regular file|Is a directory"):
            read({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})


def test_a_lock_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "landmarks.json.lock")
    with pytest.raises(OSError, match="No such device"):
        landmark_file.change(tmp_path / "landmarks.json", {"one": (0.0, 0.0)})
