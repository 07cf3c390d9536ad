"""What the JACK port writes once more, against the tables that its classes draw, and when."""

from __future__ import annotations

from enum import Enum

import pytest

from latentd.outputs.jack.memory import CC_COUNT, UNSET
from latentd.outputs.jack.note_releases import SUSTAIN, NoteReleases
from latentd.outputs.jack.values import (
    MAX_REPEATS,
    REPEAT_AFTER_S,
    XRUN_DELAY_S,
    XRUN_DOUBLINGS,
    XRUN_WINDOW_S,
    Values,
    ValueState,
)
from tests.support.state_table import StateTable, Transition, rows

CC, OTHER = 74, 75
SOON_S = 0.01


class Written:
    """One CC that was written three times, with nothing more to come."""

    def __init__(self) -> None:
        self.values = Values([CC, OTHER])
        self.now = 100.0
        self.wanted = bytearray([UNSET]) * CC_COUNT
        self.write_new()
        self.write_again()
        self.write_again()

    @property
    def due_in_s(self) -> float:
        return self.values.next_due - self.now

    def write_new(self) -> None:
        self.now += SOON_S
        self.wanted[CC] = (self.wanted[CC] + 1) % CC_COUNT
        self.write()

    def write_again(self) -> None:
        self.now += SOON_S
        self.write()

    def write(self) -> None:
        self.values.wrote([CC], bytes(self.wanted), self.now)
        self.values.repeated(bytes(self.wanted), self.now, [])  # as the callback does, so `next_due` is the first again

    def want_nothing(self) -> None:
        self.wanted[CC] = UNSET
        self.now += 2.0 * REPEAT_AFTER_S[1]
        assert self.values.repeated(bytes(self.wanted), self.now, []) == []

    def xrun(self, after_s: float = SOON_S) -> float:
        """Returns how long it keeps the patch from being done."""
        self.now += after_s
        return self.values.xrun(self.now) - self.now


VALUE = StateTable(
    ValueState,
    ValueState,
    Written,
    lambda written: written.values.state(CC),
    {
        "a new value is written": Written.write_new,
        "it is written again": Written.write_again,
        "an xrun, soon after a write": Written.xrun,
        "an xrun, long after a write": lambda written: written.xrun(XRUN_WINDOW_S + SOON_S),
        "nobody wants it, once due": Written.want_nothing,
    },
)


@pytest.mark.parametrize("row", rows(ValueState), ids=str)
def test_a_value_goes_where_its_table_says(row: Transition) -> None:
    VALUE.check(row)


def test_nothing_else_changes_a_value() -> None:
    VALUE.check_the_rest()


def test_a_value_is_due_again_as_its_state_says() -> None:
    written = Written()
    assert written.values.next_due == float("inf")
    written.write_new()
    assert written.due_in_s == pytest.approx(REPEAT_AFTER_S[0])
    written.write_again()
    assert written.due_in_s == pytest.approx(REPEAT_AFTER_S[1])
    written.xrun()
    assert written.due_in_s == pytest.approx(XRUN_DELAY_S * 2), "it was repeated once, and an xrun has it come sooner"


def test_the_delay_after_an_xrun_doubles_with_each_repeat_and_in_the_end_the_value_counts_as_done() -> None:
    written = Written()
    written.write_new()
    for repeats in range(10):
        doubtful_s = written.xrun()
        assert written.due_in_s == pytest.approx(XRUN_DELAY_S * 2 ** min(repeats, XRUN_DOUBLINGS))
        assert (doubtful_s == pytest.approx(written.due_in_s)) == (repeats < MAX_REPEATS)
        written.write_again()
    assert written.values.state(CC) is ValueState.QUIET


def test_an_xrun_long_after_the_last_write_leaves_the_patch_done() -> None:
    assert Written().xrun(XRUN_WINDOW_S + SOON_S) == -float("inf")


def test_what_is_due_is_repeated_but_not_beside_a_new_value_of_the_same_cc() -> None:
    written = Written()
    written.write_new()
    wanted, later = bytes(written.wanted), written.now + REPEAT_AFTER_S[0]
    assert written.values.repeated(wanted, later - SOON_S, []) == []
    assert written.values.repeated(wanted, later + SOON_S, [CC]) == []
    assert written.values.repeated(wanted, later + SOON_S, [OTHER]) == [CC]


def test_a_value_that_is_no_longer_wanted_is_not_due_and_no_xrun_casts_doubt_on_it() -> None:
    written = Written()
    written.write_new()
    written.wanted[CC] = UNSET
    written.now += REPEAT_AFTER_S[0]
    assert written.values.repeated(bytes(written.wanted), written.now, []) == []
    assert written.values.next_due == float("inf")
    assert written.xrun() == -float("inf")


def test_what_did_not_fit_goes_first_in_the_next_cycle_and_after_that_the_most_audible_again() -> None:
    order = [7, 3, 9, 1]
    values, wanted = Values(order), bytearray([UNSET]) * CC_COUNT
    for value, limit, expected in (
        (1, 3, ([7, 3, 9], False)),
        (2, 3, ([1, 7, 3], False)),
        (3, 4, ([9, 1, 7, 3], True)),
        (4, 4, ([7, 3, 9, 1], True)),
        (5, 0, ([], False)),
    ):
        wanted[:10] = bytes([value]) * 10
        assert values.changed(bytes(wanted), limit) == expected
        values.wrote(expected[0], bytes(wanted), 1.0)
    assert values.changed(bytes([UNSET]) * CC_COUNT, 4) == ([], True)


class NoteState(Enum):
    """Which of the dictionaries of `NoteReleases` a note is in."""

    QUIET = "none"
    HELD = "held"
    WAITING = "waiting"
    RELEASED = "due"


class Note:
    """One note whose release was written twice."""

    KEY = (0, 60)

    def __init__(self) -> None:
        self.releases = NoteReleases()
        self.now = 100.0
        self.release()
        self.come_due()
        self.write_release_again()

    @property
    def state(self) -> NoteState:
        if self.KEY in self.releases._due:
            return NoteState.RELEASED
        if self.KEY in self.releases.waiting:
            return NoteState.WAITING
        return NoteState.HELD if self.KEY in self.releases.held else NoteState.QUIET

    def begin(self) -> None:
        self.releases.wrote(bytes((0x90, 60, 100)), self.now)

    def release(self) -> None:
        self.releases.wrote(bytes((0x80, 60, 64)), self.now)

    def come_due(self) -> None:
        self.now += REPEAT_AFTER_S[0]
        self.releases.collect(self.now)

    def write_release_again(self) -> None:
        assert self.releases.waiting.pop(self.KEY, None) == bytes((0x80, 60, 0))

    def close(self) -> None:
        assert self.releases.held.pop(self.KEY, None) == bytes((0x80, 60, 0))

    def xrun(self, after_s: float = SOON_S) -> float:
        self.now += after_s
        return self.releases.xrun(self.now) - self.now


NOTE = StateTable(
    NoteReleases,
    NoteState,
    Note,
    lambda note: note.state,
    {
        "it begins": Note.begin,
        "its release is written": Note.release,
        "the release is due again": Note.come_due,
        "the release is written again": Note.write_release_again,
        "an xrun, soon after the release": Note.xrun,
        "an xrun, long after the release": lambda note: note.xrun(2.0 * XRUN_WINDOW_S),
        "the port closes": Note.close,
    },
)


@pytest.mark.parametrize("row", rows(NoteReleases), ids=str)
def test_a_note_goes_where_its_table_says(row: Transition) -> None:
    NOTE.check(row)


def test_nothing_else_changes_a_note() -> None:
    NOTE.check_the_rest()


def test_a_release_is_due_once_more_and_sooner_after_an_xrun() -> None:
    note = Note()
    note.release()
    assert note.releases.next_due - note.now == pytest.approx(REPEAT_AFTER_S[0])
    assert note.xrun() == pytest.approx(XRUN_DELAY_S)
    assert note.releases.next_due - note.now == pytest.approx(XRUN_DELAY_S)


@pytest.mark.parametrize("controller", [120, 123])
def test_no_all_notes_off_is_repeated_once_a_note_begins_on_its_channel(controller: int) -> None:
    releases = NoteReleases()
    for channel in (0, 1):
        releases.wrote(bytes((0xB0 | channel, controller, 0)), 1.0)
    releases.wrote(bytes((0x90, 60, 100)), 1.0)
    releases.collect(2.0)
    assert list(releases.waiting.values()) == [bytes((0xB1, controller, 0))]


def test_a_pedal_is_held_from_half_way_down_until_it_is_lifted() -> None:
    releases = NoteReleases()
    for value, held in ((63, False), (64, True), (127, True), (0, False)):
        releases.wrote(bytes((0xB3, SUSTAIN, value)), 1.0)
        assert list(releases.held.values()) == [bytes((0xB3, SUSTAIN, 0))] * held
