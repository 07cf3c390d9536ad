"""MPE to points: which note leads, and what of its zone moves it."""

from __future__ import annotations

import pytest

from latentd.inputs.mpe import MAX_NOTES
from tests.support.mapped import Receiver


def semitones(value: float, reach: float = 48.0) -> tuple[int, int]:
    """Data bytes of a bend."""
    bend = round(8192 + value / reach * (8192 if value < 0 else 8191))
    return bend & 0x7F, bend >> 7


def test_mpe_the_newest_note_leads_with_the_values_its_channel_sent_before() -> None:
    receiver = Receiver("mpe")
    receiver.midi(0xE1, *semitones(0))
    receiver.midi(0xB1, 74, 127)  # before its note
    assert receiver.point() is None
    receiver.midi(0x91, 60, 100)
    assert receiver.place() == (60.0, 1.0, True)
    receiver.midi(0x92, 72, 100)
    assert receiver.place() == (72.0, round(64 / 127, 6), True)
    receiver.midi(0xB1, 74, 0)  # of the note that does not lead
    assert receiver.point() is None
    receiver.midi(0xE2, 0, 0)
    assert receiver.place() == (24.0, round(64 / 127, 6), True)
    receiver.midi(0x82, 72, 0)
    assert receiver.place() == (60.0, 0.0, True)
    receiver.midi(0x81, 60, 0)
    assert receiver.place() == (60.0, 0.0, False)


def test_p12_mpe_of_more_notes_than_anybody_holds_the_oldest_are_forgotten_and_counted() -> None:
    receiver = Receiver("mpe")
    for note in range(100):
        receiver.midi(0x91 + note % 8, note, 100)
    assert receiver.counters.excess == 100 - MAX_NOTES
    for note in range(99, 100 - MAX_NOTES - 1, -1):
        assert receiver.place() == (float(note), round(64 / 127, 6), True)
        receiver.midi(0x81 + note % 8, note, 0)
    assert receiver.place() == (float(100 - MAX_NOTES), round(64 / 127, 6), False)


def test_mpe_bend_range_comes_by_rpn_0_and_holds_for_the_zone() -> None:
    receiver = Receiver("mpe-bend")
    for control, value in ((101, 0), (100, 0), (6, 12), (38, 0)):
        assert receiver.midi(0xB5, control, value) or control != 6
    receiver.midi(0xB5, 96, 5)  # a step, which sets no range
    receiver.midi(0x91, 60, 100)
    receiver.midi(0xE1, 127, 127)
    assert receiver.place() == (12.0, round(64 / 127, 6), True)
    receiver.midi(0xE1, 0, 0)
    assert receiver.place() == (-12.0, round(64 / 127, 6), True)


def test_mpe_manager_bends_all_by_its_own_range() -> None:
    receiver = Receiver("mpe")
    receiver.midi(0x91, 60, 100)
    receiver.midi(0xE0, 127, 127)
    assert receiver.place() == (62.0, round(64 / 127, 6), True)
    assert not receiver.midi(0x90, 60, 100)  # the manager's notes are no fingers
    receiver = Receiver("mpe-bend")
    receiver.midi(0x91, 60, 100)
    receiver.midi(0xE1, *semitones(-12))
    receiver.midi(0xE0, 127, 127)
    point = receiver.point()
    assert point is not None
    assert point.x == pytest.approx(-10.0, abs=0.01)


def test_mpe_zones_are_set_by_rpn_6() -> None:
    receiver = Receiver("mpe")

    def configure(status: int, members: int) -> None:
        for control, value in ((101, 0), (100, 6), (6, members)):
            receiver.midi(status, control, value)

    receiver.midi(0x9E, 50, 100)
    configure(0xB0, 3)
    assert receiver.place() == (50.0, round(64 / 127, 6), False)  # a zone that is set anew is silent
    assert receiver.midi(0x93, 60, 100)
    assert not receiver.midi(0x94, 60, 100)
    configure(0xBF, 12)  # the upper zone takes a channel away
    assert not receiver.midi(0x93, 61, 100)
    configure(0xB0, 0)
    assert not receiver.midi(0x91, 61, 100)


def test_mpe_upper_zone_counts_downwards() -> None:
    receiver = Receiver(text="mpe: {zone: upper, members: 2}")
    assert receiver.midi(0x9E, 60, 100)
    assert receiver.midi(0x9D, 60, 100)
    assert not receiver.midi(0x9C, 60, 100)
    assert not receiver.midi(0x9F, 60, 100)


def test_mpe_all_notes_off() -> None:
    receiver = Receiver("mpe")
    receiver.midi(0x91, 60, 100)
    receiver.midi(0x92, 61, 100)
    receiver.midi(0xB2, 123, 0)
    assert receiver.place() == (60.0, round(64 / 127, 6), True)
    receiver.midi(0xB0, 120, 0)
    assert receiver.place() == (60.0, round(64 / 127, 6), False)


@pytest.mark.parametrize(
    ("message", "used"),
    [
        ((0x91, 60, 1), True),
        ((0x81, 60, 0), True),
        ((0xE1, 0, 0), True),
        ((0xD1, 5), True),
        ((0xB1, 74, 5), True),
        ((0xE0, 0, 0), True),
        ((0xB0, 74, 5), True),
        ((0x90, 60, 1), False),
        ((0xA1, 60, 5), False),
        ((0xB1, 1, 5), False),
        ((0xE4, 0, 0), False),
        ((0x94, 60, 1), False),
        ((0xC1, 5), False),
    ],
)
def test_mpe_uses_what_is_of_its_zone_and_nothing_else(message: tuple[int, ...], used: bool) -> None:
    receiver = Receiver(text="mpe: {members: 3}")
    assert receiver.midi(*message) == used


@pytest.mark.parametrize(("range_", "reach"), [(0, 0.0), (12, 12.0), (96, 96.0), (127, 96.0)])
def test_mpe_a_bend_reaches_its_range_at_both_ends_and_rests_in_the_middle(range_: int, reach: float) -> None:
    receiver = Receiver("mpe-bend")
    for control, value in ((101, 0), (100, 0), (6, range_)):
        receiver.midi(0xB5, control, value)
    receiver.midi(0x91, 60, 100)
    for value, bend in ((0, -reach), (4096, -reach / 2), (8192, 0.0), (16383, reach)):
        receiver.midi(0xE1, value & 0x7F, value >> 7)
        point = receiver.point()
        assert point is not None
        assert point.x == pytest.approx(bend)


def test_mpe_notes_that_are_silenced_where_none_sounds_are_nobodys() -> None:
    receiver = Receiver("mpe")
    assert not receiver.midi(0xB0, 123, 0)
    receiver.midi(0x91, 60, 100)
    assert not receiver.midi(0xB2, 123, 0)
    assert receiver.midi(0xB1, 123, 0)
    point = receiver.point()
    assert point is not None
    assert point.touch is False


def test_p12_mpe_forgets_the_oldest_of_more_notes_than_a_player_holds() -> None:
    receiver = Receiver(text="mpe: {members: 1}")
    for note in range(100):
        receiver.midi(0x91, note, 1)
    for note in range(99, 35, -1):
        assert receiver.inputs.take()
        receiver.midi(0x81, note, 0)
    point = receiver.point()
    assert point is not None
    assert point.touch is False
