"""Notes that the rig plays by itself: they sound whenever the synth is there, and end with it, a panic or a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mido
import pytest

from latentd.daemon.own_notes import NotesState, OwnNotes
from latentd.errors import UserError
from latentd.instrument.note_player import AGAIN_S, STRIKES_S, Message, NotesSettings
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


def test_switched_on_again_a_chord_is_struck_again_and_a_file_goes_on(tmp_path: Path) -> None:
    rig = Rig()
    rig.reach(1)
    rig.wait(10.0)
    before = len(rig.link.sent)
    rig.notes.switch(True, rig.now)
    rig.wait(0.1)
    assert rig.link.sent[before:] == [(0x80, 64, 0), (0x80, 60, 0), (0x90, 60, 100), (0x90, 64, 100)]
    rig = Rig(file=song(tmp_path))
    rig.reach(1)
    rig.notes.switch(True, rig.now)
    rig.wait(0.1)
    assert rig.link.sent == [(0x90, 60, 80)]


AGAIN_60, AGAIN_64 = [(0x90, 60, 100)], [(0x90, 64, 100)]


@pytest.mark.parametrize(
    ("heard", "struck"),
    [
        ([(0x80, 60, 64)], AGAIN_60),
        ([(0x95, 64, 0)], AGAIN_64),
        ([(0xB0, 123, 0)], AGAIN_60 + AGAIN_64),
        ([(0xB0, 126, 0)], AGAIN_60 + AGAIN_64),
        ([(0xB3, 120, 0), (0x80, 64, 0), (0x80, 64, 0)], AGAIN_60 + AGAIN_64),
        ([(0x80, 61, 64), (0x90, 60, 1), (0xB0, 7, 0), (0xB0, 64, 0), (0xE0, 60, 0), (0xF8,), (0xC0, 60)], []),
    ],
    ids=[
        "a note-off",
        "a note-on of velocity 0",
        "all notes off",
        "mono",
        "several at once",
        "what ends no note of it",
    ],
)
def test_what_a_device_ends_of_a_chord_is_struck_again(heard: list[tuple[int, ...]], struck: list[Message]) -> None:
    rig = Rig()
    rig.reach(1)
    rig.wait(10.0)
    before = len(rig.link.sent)
    for message in heard:
        rig.notes.heard(bytes(message), rig.now)
    assert rig.notes.step(rig.now) == (rig.now + AGAIN_S if struck else float("inf")), "the synth ends it first"
    rig.wait(100.0)
    assert rig.link.sent[before:] == struck


def test_what_comes_back_of_its_own_notes_ends_nothing_for_ever() -> None:
    rig = Rig()
    rig.reach(1)
    for _ in range(100):
        due = rig.notes.step(rig.now)
        if due is None or due == float("inf"):
            break
        rig.now, before = due, len(rig.link.sent)
        rig.notes.step(rig.now)
        for message in rig.link.sent[before:]:
            rig.notes.heard(bytes(message), rig.now)
    assert (rig.notes.step(rig.now), rig.sounds) == (float("inf"), CHORD)


def test_what_a_device_ends_of_a_file_or_of_a_chord_that_is_off_is_not_struck_again(tmp_path: Path) -> None:
    rig = Rig(file=song(tmp_path))
    rig.reach(1)
    rig.notes.heard(bytes((0x80, 60, 0)), rig.now)
    rig.wait(0.1)
    assert rig.link.sent == [(0x90, 60, 80)]
    rig = Rig()
    rig.reach(1)
    rig.notes.heard(bytes((0x80, 60, 0)), rig.now)
    rig.notes.switch(False, rig.now)
    rig.notes.heard(bytes((0x80, 60, 0)), rig.now)
    rig.wait(10.0)
    assert rig.sounds == set()


def test_a_strike_that_is_due_comes_in_time_also_when_a_device_ends_the_note() -> None:
    rig = Rig()
    rig.reach(1)
    rig.wait(STRIKES_S[1] - 0.02)
    rig.notes.heard(bytes((0x80, 60, 0)), rig.now)
    assert rig.notes.step(rig.now) == 100.0 + STRIKES_S[1]
    rig.wait(100.0)
    assert rig.sounds == CHORD


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
