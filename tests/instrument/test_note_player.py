"""Notes that the rig plays by itself: every message once, in time for months, and nothing is left hanging."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.instrument.midi_file import Song, Timed
from latentd.instrument.note_player import LATE_S, STRIKES_S, Message, NotePlayer, chord, note_number

ON, OFF = True, False
TUNE = Song(
    [Timed(0.0, ON, 60, 100), Timed(0.5, OFF, 60, 0), Timed(0.5, ON, 64, 50), Timed(1.9, ON, 128, 0)], 2.0
)  # what it leaves sounding at its end: the E, and the pedal


def played(player: NotePlayer, until: float) -> list[tuple[float, Message]]:
    """What it plays when it is called just when it wants to be."""
    found = []
    while player.due <= until:
        at = player.due
        found += [(at, message) for message in player.step(at)]
    return found


def sounding(messages: list[Message]) -> set[tuple[int, int]]:
    held: set[tuple[int, int]] = set()
    for status, data1, data2 in messages:
        kind, key = status & 0xF0, (status & 0x0F, data1 + 1000 * (status & 0xF0 == 0xB0))
        if data2 and kind != 0x80:
            held.add(key)
        else:
            held.discard(key)
    return held


@pytest.mark.parametrize(
    ("note", "number"),
    [(60, 60), ("C4", 60), ("c4", 60), ("C#4", 61), ("Db4", 61), ("A0", 21), ("C-1", 0), ("G9", 127), ("B#3", 60)],
)
def test_notes_have_names_and_numbers(note: int | str, number: int) -> None:
    assert note_number(note) == number


@pytest.mark.parametrize(
    "note",
    [-1, 128, 60.0, True, None, "", "H4", "C", "C44444", "C##4", "60", "Cb-1", "G#9", "4C", "C4 "],
)
def test_what_is_no_note_is_refused(note: object) -> None:
    with pytest.raises(ValueError, match="must be a note such as C4"):
        note_number(note)


def test_a_song_is_played_again_and_again_and_each_round_releases_what_the_last_one_left() -> None:
    player = NotePlayer(TUNE, 1, 1.0)
    assert player.due == math.inf
    assert player.start(100.0) == []
    first = [
        (100.0, (0x90, 60, 100)), (100.5, (0x80, 60, 0)), (100.5, (0x90, 64, 50)), (101.9, (0xB0, 64, 127)),
        (102.0, (0xB0, 64, 0)), (102.0, (0x80, 64, 0)),
    ]  # fmt: skip
    again = [(at + 2.0, message) for at, message in first]
    assert played(player, 103.99) == [*first, *again[:4]]


def test_after_months_it_is_in_time_to_the_millisecond() -> None:
    song = Song([Timed(0.0, ON, 60, 100), Timed(0.1, OFF, 60, 0)], 0.7)
    player, rounds = NotePlayer(song, 1, 1.0), 200_000
    player.start(0.3)
    for n in range(rounds):
        assert player.due == pytest.approx(0.3 + n * 0.7, abs=1e-3)
        player.step(player.due + 0.01)  # the loop is always a little late
        player.step(player.due + 0.01)


@given(st.floats(LATE_S + 0.001, 1e7))
def test_after_a_standstill_it_goes_on_in_step_and_plays_nothing_that_is_too_late(still_s: float) -> None:
    player = NotePlayer(TUNE, 1, 1.0)
    player.start(0.0)
    before = player.step(0.0)
    now = 0.5 + still_s
    found = player.step(now)
    assert len(found) <= len(TUNE.events) + 2
    assert now <= player.due + 1e-9
    phase = player.due % 2.0
    assert min(abs(phase - at) for at in (0.0, 0.5, 1.9, 2.0)) < 1e-6
    assert sounding([*before, *found, *player.stop()]) == set()


def test_a_loop_that_is_a_little_late_plays_everything_in_order() -> None:
    player = NotePlayer(TUNE, 1, 1.0)
    player.start(0.0)
    player.step(0.0)
    assert player.step(0.5 + LATE_S) == [(0x80, 60, 0), (0x90, 64, 50)]


@given(st.lists(st.floats(0.0, 3.0), max_size=30))
def test_whenever_it_is_stopped_nothing_is_left_sounding(waits: list[float]) -> None:
    player, now = NotePlayer(TUNE, 5, 1.0), 10.0
    player.start(now)
    found: list[Message] = []
    for wait_s in waits:
        now += wait_s
        found += player.step(now)
    found += player.stop()
    assert player.due == math.inf
    assert player.step(now + 10.0) == []
    assert sounding(found) == set()
    assert {status & 0x0F for status, _, _ in found} <= {4}


def test_started_again_it_releases_what_sounds_and_begins_at_the_beginning() -> None:
    player = NotePlayer(TUNE, 1, 1.0)
    player.start(0.0)
    played(player, 0.6)
    assert player.start(7.0) == [(0x80, 64, 0)]
    assert player.step(7.0) == [(0x90, 60, 100)]


@pytest.mark.parametrize(("level", "velocity"), [(1.0, 100), (0.5, 50), (2.0, 127), (0.001, 1)])
def test_the_level_scales_velocities_and_never_to_silence(level: float, velocity: int) -> None:
    player = NotePlayer(TUNE, 1, level)
    player.start(0.0)
    messages = [message for _, message in played(player, 1.95)]
    assert messages[0] == (0x90, 60, velocity)
    assert messages[1] == (0x80, 60, 0)
    assert messages[3] == (0xB0, 64, 127)


def test_a_chord_is_held_for_ever_and_struck_again_after_a_moment_in_case_the_synth_missed_it() -> None:
    player = NotePlayer(chord([45, 57, 52, 52]), 2, 0.5)
    player.start(50.0)
    found = played(player, 1e9)
    assert player.due == math.inf
    assert found[0] == (50.0, (0x91, 45, 50)), "nothing sounds that would have to end"
    strikes = Counter(at for at, message in found if message[0] == 0x91)
    assert strikes == {50.0 + at: 3 for at in STRIKES_S}
    for at in STRIKES_S:
        until = [message for when, message in found if when <= 50.0 + at]
        assert sounding(until) == {(1, 45), (1, 57), (1, 52)}
    assert {message for _, message in found if message[0] == 0x91} == {(0x91, key, 50) for key in (45, 57, 52)}
    assert sorted(player.stop()) == [(0x81, key, 0) for key in (45, 52, 57)]


def test_a_chord_is_struck_however_late_it_is() -> None:
    player = NotePlayer(chord([60]), 1, 1.0)
    player.start(0.0)
    assert sounding(player.step(1000.0)) == {(0, 60)}


def test_a_chord_that_is_stopped_is_not_struck_again_for_a_note_that_was_ended_before() -> None:
    player = NotePlayer(chord([60]), 1, 1.0)
    player.start(0.0)
    player.step(0.0)
    player.ended(60, 0.0)
    player.stop()
    assert (player.due, player.step(10.0)) == (math.inf, [])
    player.start(20.0)
    assert [message for _, message in played(player, 20.5)] == [(0x90, 60, 100)]
