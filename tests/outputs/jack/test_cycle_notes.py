"""Notes through the process callback: which are refused, lost or released, and what is written again."""

from __future__ import annotations

from collections import Counter

import pytest

from latentd.outputs.jack.child import count
from latentd.outputs.jack.memory import CLOSING, Fact
from latentd.outputs.jack.rings import NOTES_ROOM
from tests.support.jack_cycle import Rig, whole


def test_a_note_comes_after_the_patch_of_its_period(rig: Rig) -> None:
    rig.send({11: 0.5})
    rig.port.note(0x90, 60, 100)
    assert [e[0] for _, e in rig.run()] == [0xB0, 0x90]


@pytest.mark.parametrize(
    "message",
    [
        (0xB0, 74, 1),
        (0xB0, 0, 1),
        (0xB0, 32, 1),
        (0xB0, 127, 0),
        (0xC0, 3, 0),
        (0xF0, 0, 0),
        (0x90, 128, 0),
        (60, 1, 1),
    ],
)
def test_messages_that_would_change_or_crash_the_synth_are_refused(rig: Rig, message: tuple[int, int, int]) -> None:
    assert not rig.port.note(*message)
    assert rig.run() == []


def test_a_stalled_server_loses_note_ons_but_no_note_off(rig: Rig) -> None:
    for _ in range(NOTES_ROOM):
        rig.port.note(0x90, 60, 100)
    rig.port.note(0x90, 61, 100)
    rig.port.note(0x80, 60, 0)
    assert rig.port.facts()["notes_lost"] == 1
    rig.run_until_done()
    rig.port._notes.push_waiting()
    assert [e for _, e in rig.run()] == [bytes((0x80, 60, 0))]


def test_between_two_processes_only_releases_survive(rig: Rig) -> None:
    rig.port.note(0x90, 60, 100)
    rig.run()
    for message in ((0x90, 61, 100), (0x80, 60, 0), (0xB0, 64, 0)):
        rig.port.note(*message)
    rig.port._notes.drop_unplayed()
    rig.cycle = rig.new_cycle()
    assert [e for _, e in rig.run()] == [bytes((0x80, 60, 0)), bytes((0xB0, 64, 0))]


def test_when_the_count_of_notes_wraps_no_old_note_plays_again(rig: Rig) -> None:
    rig.port._notes._pushed = rig.memory.facts[Fact.NOTES_TAKEN] = 2**32 - 300
    for number in range(600):
        message = (0x90, number % 128, 1 + number % 127)
        assert rig.port.note(*message)
        assert [e for _, e in rig.run()] == [bytes(message)]


def test_closing_releases_every_held_note_and_the_pedal(rig: Rig) -> None:
    for message in ((0x90, 60, 100), (0x91, 61, 100), (0x90, 62, 1), (0x90, 62, 0), (0xB0, 64, 127)):
        rig.port.note(*message)
    rig.run()
    rig.memory.bytes[CLOSING] = 1
    events = [e for _, e in rig.run_until_done()]
    assert sorted(events) == [bytes((0x80, 60, 0)), bytes((0x81, 61, 0)), bytes((0xB0, 64, 0))]


def test_a_panic_in_the_middle_of_a_patch_keeps_to_the_limits_and_is_repeated(rig: Rig) -> None:
    panic = [(0xB0 | channel, cc, 0) for channel in range(16) for cc in (64, 123, 120)]
    rig.send(whole(0.5))
    for message in panic:
        assert rig.port.note(*message)
    written = Counter(event for _, event in rig.run_until_done())
    assert all(written[bytes(message)] == 1 for message in panic)
    rig.port.note(0x90, 60, 100)  # nothing that is repeated may end this
    again = Counter(event for _, event in rig.run_for(3.0))
    assert all(again[bytes(message)] == (message[0] != 0xB0 or message[1] == 64) for message in panic)


def test_a_note_off_that_an_xrun_may_have_lost_is_written_again_unless_the_key_is_down_again(rig: Rig) -> None:
    for message in ((0x90, 60, 9), (0x90, 61, 9), (0x90, 62, 9), (0x80, 60, 0), (0x90, 61, 0), (0x90, 61, 9)):
        rig.port.note(*message)
    rig.run_until_done()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()
    events = [e for _ in range(60) for _, e in rig.run()]
    assert events == [bytes((0x80, 60, 0))]
    assert rig.port.settled()


def test_a_note_off_is_written_once_more_unless_the_key_is_down_again(rig: Rig) -> None:
    for message in ((0x90, 60, 9), (0x90, 61, 9), (0x80, 60, 0), (0x90, 61, 0), (0x90, 61, 9)):
        rig.port.note(*message)
    rig.run_until_done()
    assert [event for _, event in rig.run_for(2.0)] == [bytes((0x80, 60, 0))]


def test_a_fault_does_not_lose_a_release_that_is_written_again(rig: Rig) -> None:
    rig.port.note(0x80, 60, 0)
    rig.run_until_done()
    rig.run_for(0.245)
    rig.midi_out.fail = 1
    rig.now += 0.1
    rig.run()
    assert rig.memory.facts[Fact.FAULTS] == 1
    assert rig.run() == [(1, bytes((0x80, 60, 0)))]


def test_more_notes_than_fit_into_a_period_are_released_before_it_is_done(rig: Rig) -> None:
    keys = range(40, 60)
    for key in keys:
        rig.port.note(0x90, key, 100)
    rig.run_until_done()
    rig.memory.bytes[CLOSING] = 1
    assert [event for _, event in rig.run_until_done()] == [bytes((0x80, key, 0)) for key in keys]


def test_more_note_offs_than_fit_into_a_period_are_written_again_before_it_is_done(rig: Rig) -> None:
    for key in range(40, 60):
        rig.port.note(0x80, key, 0)
    rig.run_until_done()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()
    assert len(rig.run_until_done(cycles=200)) == 20


def test_between_two_children_what_is_dropped_is_counted_and_nothing_old_is_played(rig: Rig) -> None:
    for _ in range(3):
        rig.port.note(0x90, 50, 100)
        rig.run()
    rig.port.note(0x90, 61, 100)
    rig.port.note(0x80, 60, 0)
    rig.port._notes.drop_unplayed()
    assert rig.port.facts()["notes_lost"] == 1
    rig.cycle = rig.new_cycle()
    assert [e for _ in range(3) for _, e in rig.run()] == [bytes((0x80, 60, 0))]
    rig.port._notes.drop_unplayed()
    assert rig.port.facts()["notes_lost"] == 1


def test_p12_releases_that_wait_for_room_need_constant_memory(rig: Rig) -> None:
    for _ in range(NOTES_ROOM):
        assert rig.port.note(0x90, 60, 1)
    for velocity in range(128):
        assert rig.port.note(0x80, 60, velocity)
    assert len(rig.port._notes._waiting) == 1
