"""LinnStrument's own mode to points."""

from __future__ import annotations

from tests.support.mapped import Receiver


def test_linnstrument_example_of_a_slide_keeps_the_lead() -> None:
    """The messages of the second example in user_firmware_mode.md, with another finger down."""
    receiver = Receiver("linnstrument-ufm")
    receiver.midi(0x92, 12, 120)
    receiver.midi(0xA2, 12, 50)
    receiver.midi(0xB2, 12, 16)
    receiver.midi(0xB2, 44, 85)
    assert receiver.point() is None  # y is not known yet
    receiver.midi(0xB2, 76, 127)
    assert receiver.place() == (round((16 * 128 + 85) / 4265, 6), 3 / 8, True)
    receiver.midi(0x95, 3, 120)
    receiver.midi(0xB2, 119, 12)
    receiver.midi(0x92, 13, 120)
    receiver.midi(0x82, 12, 13)
    receiver.midi(0xB2, 13, 17)
    receiver.midi(0xB2, 45, 0)
    receiver.midi(0xB2, 77, 0)
    assert receiver.place() == (round(17 * 128 / 4265, 6), 2 / 8, True)
    receiver.midi(0x82, 13, 0)
    receiver.inputs.take()
    for control, value in ((3, 0), (35, 0), (67, 0)):
        receiver.midi(0xB5, control, value)
    assert receiver.place() == (0.0, 5 / 8, True)
    receiver.midi(0x85, 3, 0)
    assert receiver.place() == (0.0, 5 / 8, False)


def test_linnstrument_uses_what_belongs_to_its_mode_and_nothing_else() -> None:
    receiver = Receiver(text="linnstrument: {rows: 3, width: 128}")
    used = [(0x91, 5, 1), (0xB1, 5, 0), (0xB1, 37, 64), (0xB1, 69, 127), (0xB1, 119, 5), (0x81, 5, 0), (0xB1, 69, 1)]
    assert [receiver.midi(*message) for message in used] == [True] * len(used)
    others = [(0x93, 5, 1), (0x91, 26, 1), (0xB1, 96, 1), (0xB1, 26, 1), (0xE1, 0, 64), (0xD1, 5), (0xB3, 37, 1)]
    assert [receiver.midi(*message) for message in others] == [False] * len(others)


def test_linnstrument_another_finger_that_lifts_does_not_break_a_slide() -> None:
    receiver = Receiver(text="linnstrument: {rows: 1, width: 128}")
    for column, x in ((3, 10), (7, 20)):
        for message in ((0x90, column, 1), (0xB0, column, 0), (0xB0, 32 + column, x), (0xB0, 64 + column, 127)):
            receiver.midi(*message)
    assert receiver.place() == (10 / 128, 1.0, True)
    receiver.midi(0xB0, 119, 3)
    receiver.midi(0x80, 7, 0)
    receiver.midi(0x90, 4, 1)  # the first finger, in its next cell
    receiver.midi(0x80, 3, 0)
    receiver.midi(0xB0, 4, 0)
    receiver.midi(0xB0, 36, 11)
    assert receiver.place() == (round(11 / 128, 6), 1.0, True)


def test_linnstrument_a_slide_is_announced_for_the_next_note_of_its_row_alone() -> None:
    receiver = Receiver(text="linnstrument: {rows: 2, width: 128}")
    for message in ((0x90, 3, 1), (0xB0, 3, 0), (0xB0, 35, 10), (0xB0, 67, 0), (0xB0, 119, 3)):
        receiver.midi(*message)
    receiver.midi(0x91, 4, 1)  # another row: a new finger
    receiver.midi(0x90, 5, 1)  # and the slide is forgotten
    receiver.midi(0x80, 3, 0)
    receiver.inputs.take()
    for message in ((0xB1, 4, 0), (0xB1, 36, 64), (0xB1, 68, 127)):
        receiver.midi(*message)
    assert receiver.place() == (0.5, 1.0, True)  # of the two that are left, this one came first
