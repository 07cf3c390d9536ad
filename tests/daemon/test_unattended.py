"""A rig that sounds by itself, as a process, dry: at power-on, when nobody plays, and for who takes it over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mido
import pytest

from latentd.synth.amsynth import PARAMETERS
from tests.support.daemon import Daemon, decoded, error, latentd
from tests.support.rig import LIMIT_S, wait_for

HOME = (0.25, 0.75)
FAR = [0.875, 0.125]


def midi(daemon: Daemon) -> list[list[int]]:
    """The MIDI messages that it has printed."""
    lines = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    return [line["midi"] for line in lines if "midi" in line]


def becomes(daemon: Daemon, **wanted: object) -> dict[str, Any]:
    """The status once these facts have these values."""
    found: dict[str, Any] = {}

    def right() -> bool:
        found.update(daemon.status())
        return all(found[name] == value for name, value in wanted.items())

    wait_for(right, f"{wanted}; last {[found.get(name) for name in wanted]}")
    return found


def sets(*settings: str) -> list[str]:
    return ["--output", "print", *(word for setting in settings for word in ("--set", setting))]


def test_at_power_on_home_plays_and_what_was_played_after_a_restart() -> None:
    with latentd(*sets(f"home={list(HOME)}")) as daemon:
        assert becomes(daemon, xy=list(HOME))["patch"] is not None
        daemon.send("/latentd/xy", *FAR)
        becomes(daemon, xy=FAR)
        assert daemon.end() == 0
        daemon.start()
        assert daemon.status()["xy"] == FAR
        assert daemon.end() == 0
        daemon.argv.append("--fresh")
        daemon.start()
        assert daemon.status()["xy"] == list(HOME)


def test_home_may_be_a_landmark_and_is_the_middle_with_a_warning_while_there_is_none() -> None:
    with latentd(*sets("home=intro")) as daemon:
        assert daemon.status()["xy"] == [0.5, 0.5]
        missing = "home: no landmark 'intro', so home is the middle"
        wait_for(lambda: daemon.log_text().count(missing) == 1, "the warning")
        daemon.send("/latentd/xy", *FAR)
        daemon.send("/latentd/landmark/save", "intro")
        wait_for((daemon.state / "landmarks.json").exists, "the file")
        assert daemon.end() == 0
        daemon.argv.append("--fresh")
        daemon.start()
        assert daemon.status()["xy"] == FAR
        daemon.send("/latentd/landmark/delete", "intro")
        wait_for(lambda: daemon.log_text().count(missing) == 2, "a warning that home has gone")
        assert daemon.end() == 0
        daemon.argv.remove("--fresh")
        daemon.start()
        wait_for(lambda: daemon.log_text().count(missing) == 3, "a warning, with what was played restored")


def test_nobody_plays_and_it_goes_home_and_whoever_plays_keeps_the_point() -> None:
    with latentd(*sets(f"home={list(HOME)}", "idle={after_s: 0.5, then: home}")) as daemon:
        daemon.send("/latentd/xy", *FAR)
        becomes(daemon, xy=FAR, idle="waiting")
        becomes(daemon, xy=list(HOME), idle="resting", motion="")


TAKEN: dict[str, tuple[Any, ...]] = {
    "a landmark": ("/latentd/landmark/goto", "there"),
    "a freeze": ("/latentd/freeze", 1),
    "a point": ("/latentd/xy", *FAR),
    "a device": ("/xy", *FAR),
    "a walk": ("/latentd/wander", 1),
    "the end of the walk": ("/latentd/wander", 0),
    "a touch": ("/latentd/touch", 1),
    "a lock": ("/latentd/lock", "master_vol", 1),
    "a panic": ("/latentd/panic",),
}


@pytest.mark.parametrize("how", TAKEN)
def test_whoever_plays_takes_the_point_from_the_idle_walk_at_once(how: str) -> None:
    # So long that the walk does not begin again while the test looks, however slow the machine is.
    with latentd(*sets(f"home={list(HOME)}", "idle={after_s: 3.0, then: wander}")) as daemon:
        daemon.send("/latentd/xy", *FAR)
        daemon.send("/latentd/landmark/save", "there")
        daemon.send("/latentd/xy", *HOME)
        becomes(daemon, idle="moving", motion="wander")
        address, *args = TAKEN[how]
        daemon.send(address, *args)
        first = becomes(daemon, idle="waiting")
        if how == "a walk":
            assert first["motion"] == "wander"
        else:
            assert first["motion"] in ("", "glide")
        if how in ("a landmark", "a point", "a device"):
            becomes(daemon, xy=pytest.approx(FAR))
        if how == "a freeze":
            assert first["frozen"]
            assert first["xy"] == daemon.status()["xy"]


def test_messages_that_only_ask_do_not_keep_the_rig_from_being_idle() -> None:
    with latentd(*sets("idle={after_s: 1.0, then: wander}")) as daemon:

        def walks() -> bool:
            for address, *args in (("/latentd/ping",), ("/latentd/subscribe", 1), ("/latentd/monitor", 1)):
                daemon.send(address, *args)
            return bool(daemon.status()["idle"] == "moving")

        wait_for(walks, "the walk")
        assert error(daemon, "/latentd/landmark/goto", "nowhere")
        assert daemon.status()["idle"] == "moving", "a mistake plays nothing"


def test_p10_an_idle_walk_is_not_what_somebody_played() -> None:
    with latentd(*sets("idle={after_s: 0.2, then: wander}")) as daemon:
        daemon.send("/latentd/xy", *FAR)
        becomes(daemon, idle="moving")
        assert daemon.end() == 0
        (kept,) = daemon.state.glob("session-*.json")
        assert json.loads(kept.read_text())["wander"] is False


def test_a_chord_is_held_from_the_start_to_the_end_and_a_message_ends_and_begins_it() -> None:
    with latentd(*sets("notes={chord: [C4, 64], channel: 2, level: 0.5}")) as daemon:
        wait_for(lambda: midi(daemon)[:2] == [[0x91, 60, 50], [0x91, 64, 50]], "the chord")
        assert daemon.status()["notes"] == {"plays": "60 64", "state": "sent to the synth"}
        before = len(midi(daemon))
        daemon.send("/latentd/notes", 1)
        wait_for(lambda: midi(daemon)[before : before + 4][2:] == [[0x91, 60, 50], [0x91, 64, 50]], "it struck again")
        daemon.send("/latentd/notes", 0)
        wait_for(lambda: sorted(midi(daemon)[-2:]) == [[0x81, 60, 0], [0x81, 64, 0]], "its end")
        assert daemon.status()["notes"]["state"] == "off"
        daemon.send("/latentd/notes", 1)
        wait_for(lambda: midi(daemon)[-1] == [0x91, 64, 50], "the chord")
        before = len(midi(daemon))
        daemon.send("/latentd/panic")
        wait_for(lambda: len(midi(daemon)) >= before + 50, "the panic")
        assert sorted(midi(daemon)[before : before + 2]) == [[0x81, 60, 0], [0x81, 64, 0]]
        assert daemon.status()["notes"]["state"] == "off"


def test_without_notes_the_message_names_the_next_step() -> None:
    with latentd("--output", "print") as daemon:
        assert "no notes are configured. Set `notes:`" in error(daemon, "/latentd/notes", 1)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A MIDI file of one short note."""
    track = mido.MidiTrack([mido.Message("note_on", note=50, velocity=90), mido.Message("note_off", note=50, time=48)])
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


def test_switches_that_wait_for_a_note_change_with_those_of_the_rig(song: Path) -> None:
    other = (0.125, 0.125)
    before, after = decoded(*HOME), decoded(*other)
    assert any(before[row.name] != after[row.name] for row in PARAMETERS if row.labels), "they have the same switches"
    with latentd(*sets(f"home={list(HOME)}", "shaping.switch_on_note=true", f"notes.file={song}")) as daemon:
        becomes(daemon, patch=pytest.approx(before, abs=1e-4))
        daemon.send("/latentd/xy", *other)
        becomes(daemon, patch=pytest.approx(after, abs=1e-4))


def test_a_file_is_played_in_a_loop_and_paths_start_from_the_configurations_folder(tmp_path: Path, song: Path) -> None:
    assert song.parent == tmp_path
    (tmp_path / "c.yaml").write_text("output: print\nnotes: {file: song.mid}\n")
    with latentd("--config", str(tmp_path / "c.yaml")) as daemon:
        wait_for(lambda: midi(daemon)[:40] == [[0x90, 50, 90], [0x80, 50, 0]] * 20, "twenty rounds")
        daemon.send_signal(signal.SIGTERM)
        wait_for(lambda: not daemon.running(), "its end")


def checked(config: Path) -> list[str]:
    env = {**os.environ, "XDG_CONFIG_HOME": str(config.parent / "none"), "XDG_STATE_HOME": str(config.parent)}
    argv = [sys.executable, "-m", "latentd", "check", "--config", str(config)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=env)
    assert done.returncode == 2 * bool(done.stderr)
    return [line.removeprefix(f"{config}:") for line in done.stderr.splitlines()]


def test_check_finds_a_file_that_cannot_be_played_and_a_home_that_is_no_landmark(tmp_path: Path) -> None:
    config, marks = tmp_path / "c.yaml", tmp_path / "latentd" / "landmarks.json"
    config.write_text("home: intor\nidle: {then: home}\nnotes: {file: song.mid}\n")
    step = "save it: `latentd send /latentd/landmark/save intor`"
    assert checked(config) == [
        f"1: home: found 'intor'; no landmark in {marks}; {step}",
        f"3: notes.file: {tmp_path}/song.mid: there is no such file. Check its name",
    ]
    marks.parent.mkdir()
    marks.write_text('{"intro": [0.5, 0.5]}')
    (tmp_path / "song.mid").write_bytes(b"MThd")
    assert checked(config) == [
        f"1: home: found 'intor'; no landmark in {marks}; did you mean intro?",
        f"3: notes.file: {tmp_path}/song.mid: is no Standard MIDI File. Export it again as a Standard MIDI File of "
        "format 0 or 1, or choose another file",
    ]
    config.write_text("home: intro\n")
    assert checked(config) == []
