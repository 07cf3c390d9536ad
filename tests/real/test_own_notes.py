"""A rig that plays by itself, heard in amSynth's own sound: through restarts, a panic, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import mido
import pytest

from latentd.instrument.note_player import STRIKES_S
from tests.support.daemon import Daemon, free_port, latentd, wait_s
from tests.support.listener import Listener
from tests.support.meter import Meter
from tests.support.rig import Server, Synth, amsynth, jackd, wait_for

pytestmark = pytest.mark.real
HOME = "home=[0.25, 0.75]"  # a sound that goes on while a key is held
LOUD, SILENT = 0.003, 0.0003


@contextlib.contextmanager
def rig(*settings: str) -> Iterator[tuple[Server, Daemon, Synth]]:
    """A server, a daemon with these settings, and an amSynth that was started with its NSM_URL."""
    port = free_port()
    options = [word for setting in (HOME, *settings) for word in ("--set", setting)]
    with (
        jackd(256) as server,
        latentd(*options, env=server.env, port=port) as daemon,
        amsynth(server, nsm_port=port) as synth,
    ):
        yield server, daemon, synth


def sounds(server: Server, daemon: Daemon) -> None:
    with Meter(server, plays=False) as meter:
        wait_for(lambda: meter.level() > LOUD, f"amSynth to sound; notes {daemon.status()['notes']}")


def is_silent(server: Server) -> None:
    with Meter(server, plays=False) as meter:
        wait_for(lambda: meter.level() < SILENT, "amSynth to be silent")


def test_a_held_chord_sounds_through_restarts_until_a_panic_and_again_after_the_message() -> None:
    with rig("notes.chord=[A2, E3, C4]") as (server, daemon, synth):
        sounds(server, daemon)
        synth.kill()
        synth.start()
        sounds(server, daemon)
        synth.stop()
        server.kill()
        wait_for(lambda: daemon.status()["notes"]["state"] != "sent to the synth", "the loss of the server")
        server.start()
        synth.start()
        sounds(server, daemon)
        daemon.send("/latentd/panic")
        is_silent(server)
        daemon.send("/latentd/notes", 1)
        sounds(server, daemon)
        assert daemon.end() == 0
        is_silent(server)


@pytest.mark.parametrize("received", [True, False], ids=["latentd receives the keyboard", "only amSynth does"])
def test_a_chord_that_a_keyboard_ends_by_its_own_key_is_struck_again(received: bool) -> None:
    sources = ["jack.sources=['listener:out']"] if received else []
    with (
        rig("notes.chord=[C4]", "jack.keyboards=['listener:out']", *sources) as (server, daemon, synth),
        Listener(server) as keyboard,
    ):
        wait_for(lambda: synth.midi_in in server.connections("listener:out"), "the keyboard to be connected")
        if received:
            wait_for(lambda: "latentd:midi_in" in server.connections("listener:out"), "latentd to receive it")
        sounds(server, daemon)
        wait_s(STRIKES_S[-1] + 1.0)
        keyboard.play(bytes((0x91, 60, 90)), bytes((0x81, 60, 0)))
        if not received:
            is_silent(server)
            daemon.send("/latentd/notes", 1)
        wait_s(2.0)
        sounds(server, daemon)


def test_a_killed_daemon_leaves_no_note_and_plays_again_when_it_is_back() -> None:
    with rig("notes.chord=[A2, E3, C4]") as (server, daemon, _):
        sounds(server, daemon)
        daemon.kill()
        is_silent(server)
        daemon.start()
        sounds(server, daemon)


def test_a_file_is_heard_in_a_loop_in_time_and_whatever_ends_it_releases_its_notes(tmp_path: Path) -> None:
    track = mido.MidiTrack()
    for key in (57, 60, 64, 67):
        track.append(mido.Message("note_on", note=key, velocity=100))
        track.append(mido.Message("note_off", note=key, time=120))
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(tmp_path / "song.mid")
    with rig(f"notes.file={tmp_path}/song.mid", "notes.channel=1") as (server, daemon, _):
        sounds(server, daemon)
        with Listener(server) as listener:
            server.connect("latentd:midi_out", "listener:in")
            wait_for(lambda: len(keys(listener)) >= 24, "six rounds")
            heard = keys(listener)[-16:]  # the connection of the listener has the song begin anew
        start = (57, 60, 64, 67).index(heard[0])
        assert heard == ([57, 60, 64, 67] * 5)[start : start + 16]
        daemon.send("/latentd/notes", 0)
        is_silent(server)


def keys(listener: Listener) -> list[int]:
    """Of the notes that have begun so far."""
    return [message[1] for message in listener.messages if message[0] == 0x90 and message[2]]
