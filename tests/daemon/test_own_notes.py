"""Notes that the rig plays by itself: they sound whenever the synth is there, and end with it, a panic or a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mido
import pytest

from latentd.daemon.own_notes import NotesState, OwnNotes
from latentd.errors import UserError
from latentd.instrument.note_player import Message, NotesSettings
from tests.instrument.test_note_player import sounding
from tests.support.state_table import StateTable, Transition, rows

CHORD = {(0, 60), (0, 64)}


class Link:
    """The link to the synth, as far as notes go."""

    channel = 1
    notes_problem = "no JACK server"

    def __init__(self) -> None:
        self.notes_connection: int | None = None
        self.sent: list[Message] = []

    def note(self, status: int, data1: int, data2: int) -> bool:
        self.sent.append((status, data1, data2))
        return True


class Rig:
    def __init__(self, **settings: Any) -> None:
        self.link, self.now, self.begun = Link(), 100.0, 0
        settings = settings or {"chord": ["C4", 64]}
        self.notes = OwnNotes(NotesSettings.model_validate(settings), self.link, self.begin)  # type: ignore[arg-type]  # three members of it are used

    def begin(self) -> None:
        self.begun += 1

    def reach(self, connection: int | None) -> None:
        self.link.notes_connection = connection
        self.wait(0.01)

    def wait(self, seconds: float) -> None:
        """Let time pass with a turn whenever one is due."""
        end = self.now + seconds
        due = self.notes.step(self.now)
        while due is not None and due <= end:
            self.now = max(due, self.now)
            due = self.notes.step(self.now)
        self.now = end
        self.notes.step(self.now)

    @property
    def sounds(self) -> set[tuple[int, int]]:
        return sounding(self.link.sent)


def song(folder: Path) -> str:
    """Two notes of a quarter of a second each, and a rest as long."""
    track = mido.MidiTrack()
    for key in (60, 62):
        track.append(mido.Message("note_on", note=key, velocity=80, time=0))
        track.append(mido.Message("note_off", note=key, time=240))
    track.append(mido.MetaMessage("end_of_track", time=240))
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(folder / "song.mid")
    return str(folder / "song.mid")


def test_the_chord_sounds_once_the_synth_is_reached_and_stays() -> None:
    rig = Rig()
    rig.wait(5.0)
    assert rig.link.sent == []
    rig.reach(1)
    assert rig.sounds == CHORD
    rig.wait(1e6)
    assert rig.sounds == CHORD
    assert rig.notes.step(rig.now) == float("inf")


@pytest.mark.parametrize("looked", [True, False], ids=["lost for a while", "back before anybody looked"])
def test_a_synth_that_comes_back_gets_the_chord_again_and_nothing_hangs(looked: bool) -> None:
    rig = Rig()
    rig.reach(1)
    rig.wait(10.0)
    if looked:
        rig.reach(None)
        assert rig.sounds == set()
        rig.wait(3.0)
    before = len(rig.link.sent)
    rig.reach(2)
    assert rig.sounds == CHORD
    fresh = rig.link.sent[before:]
    assert [message for message in fresh if message[0] == 0x90][:2] == [(0x90, 60, 100), (0x90, 64, 100)]
    if not looked:
        assert fresh[:2] == [(0x80, 64, 0), (0x80, 60, 0)]


def test_switched_off_it_is_silent_whatever_comes_back_until_it_is_switched_on() -> None:
    rig = Rig()
    rig.reach(1)
    rig.notes.switch(False, rig.now)
    assert rig.sounds == set()
    rig.reach(2)
    rig.wait(100.0)
    assert rig.sounds == set()
    rig.notes.switch(True, rig.now)
    rig.wait(0.1)
    assert rig.sounds == CHORD
    before = len(rig.link.sent)
    rig.notes.switch(True, rig.now)  # again: it plays already
    rig.wait(0.1)
    assert len(rig.link.sent) == before


def test_a_file_is_played_in_a_loop_on_the_channel_and_at_the_level(tmp_path: Path) -> None:
    rig = Rig(file=song(tmp_path), channel=6, level=0.5)
    rig.reach(1)
    assert (rig.link.sent, rig.begun) == ([(0x95, 60, 40)], 1)
    rig.wait(2.9 * 0.75)
    assert rig.link.sent == [(0x95, 60, 40), (0x85, 60, 0), (0x95, 62, 40), (0x85, 62, 0)] * 3
    assert rig.begun == 6
    rig.reach(2)
    rig.wait(0.1)
    assert rig.link.sent[12:] == [(0x95, 60, 40)], "a synth that comes back hears the beginning"


def test_the_configured_channel_is_the_default() -> None:
    Link.channel = 3
    try:
        rig = Rig()
        rig.reach(1)
        assert rig.sounds == {(2, 60), (2, 64)}
    finally:
        Link.channel = 1


def test_without_notes_nothing_is_played_and_nothing_is_waited_for() -> None:
    rig = Rig(level=1.0)
    rig.reach(1)
    rig.notes.switch(True, rig.now)
    rig.wait(100.0)
    assert (rig.link.sent, rig.notes.state, rig.notes.step(rig.now)) == ([], NotesState.OFF, None)


def test_p11_notes_that_cannot_sound_are_logged_once_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    assert rig.notes.step(rig.now) == rig.now + 10.0
    rig.wait(9.0)
    assert not caplog.messages
    rig.wait(1000.0)
    assert caplog.messages == [
        "the configured notes cannot sound, as no MIDI output reaches the synth: no JACK server. "
        "`latentd doctor` checks why"
    ]  # fmt: skip
    rig.reach(1)
    rig.reach(None)
    rig.wait(9.0)
    assert len(caplog.messages) == 1
    rig.wait(1000.0)
    assert len(caplog.messages) == 2, "it was there in between"


def test_a_file_that_cannot_be_played_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        Rig(file=str(tmp_path / "none.mid"))


TABLE = StateTable(
    OwnNotes,
    NotesState,
    Rig,
    lambda rig: rig.notes.state,
    {
        "the synth is reached": lambda rig: rig.reach(1),
        "the synth is lost": lambda rig: rig.reach(None),
        "the synth is reached anew": lambda rig: again(rig),
        "switched off, or a panic": lambda rig: rig.notes.switch(False, rig.now),
        "switched on": lambda rig: on(rig),
        "a turn": lambda rig: rig.wait(0.1),
    },
)


def again(rig: Rig) -> None:
    assert rig.link.notes_connection is not None
    rig.reach(rig.link.notes_connection + 1)


def on(rig: Rig) -> None:
    if rig.notes.state is NotesState.OFF:
        rig.link.notes_connection = None
    rig.notes.switch(True, rig.now)


@pytest.mark.parametrize("row", rows(OwnNotes), ids=str)
def test_each_row_of_the_table_is_what_happens(row: Transition) -> None:
    TABLE.check(row)


def test_nothing_else_changes_the_state() -> None:
    TABLE.check_the_rest()
