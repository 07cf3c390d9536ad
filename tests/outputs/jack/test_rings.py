"""The rings between engine and JACK port while what the other side has written becomes visible in any order.

A processor that is not x86 may show a count before the entry that it counts, or one word of an entry before the other.
Here the words are written in such an order by hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from latentd.outputs.jack.memory import INCOMING_SIZE, NOTES_SIZE, PUSHED, Fact, lap, plus, received
from latentd.outputs.jack.port import JackPort
from latentd.outputs.jack.rings import MAX_LOOKS
from latentd.synth import midimap
from tests.support.jack_cycle import Rig

NOTE = b"\x90\x3c\x40"


class Torn:
    """The engine's end of INCOMING, and a JACK port whose words become visible one by one."""

    def __init__(self, number: int) -> None:
        self.port = JackPort(midimap.OURS)
        self.memory = self.port._memory
        self.number = number
        facts = self.memory.facts
        facts[Fact.RECEIVED] = facts[Fact.RECEIVED_TAKEN] = number
        for old in range(INCOMING_SIZE):  # the entries of the lap before
            self.show(plus(number, old - INCOMING_SIZE), b"\xb0\x07\x00")

    def show(self, number: int, message: bytes, words: tuple[int, ...] = (0, 1), us: int = 0) -> None:
        entry = received(number, message, us or time.monotonic_ns() // 1000)
        for word in words:
            self.memory.incoming[2 * (number % INCOMING_SIZE) + word] = entry[word]

    def count(self, more: int = 1) -> None:
        self.memory.facts[Fact.RECEIVED] = plus(self.memory.facts[Fact.RECEIVED], more)

    def taken(self) -> list[bytes]:
        return [message for message, _ in self.port.take_midi()]

    def is_woken(self) -> bool:
        try:
            return os.eventfd_read(self.port.filenos()[0]) > 0
        except BlockingIOError:
            return False

    @property
    def lost(self) -> int:
        return self.port._midi_in.lost


@pytest.fixture(
    params=[0, INCOMING_SIZE - 1, 254 * INCOMING_SIZE - 1, 2**32 - 2], ids=["first", "lap", "laps", "wraps"]
)
def torn(request: pytest.FixtureRequest) -> Iterator[Torn]:
    found = Torn(request.param)
    yield found
    found.port.close()


def test_a_count_that_is_visible_before_its_entry_loses_nothing(torn: Torn) -> None:
    torn.count(3)
    torn.show(plus(torn.number, 2), b"\x80\x3c\x00")
    assert torn.taken() == []
    assert torn.is_woken(), "nobody looks again"
    torn.show(torn.number, NOTE)
    assert torn.taken() == [NOTE]
    assert torn.is_woken()
    torn.show(plus(torn.number), b"\xb0\x01\x02")
    assert torn.taken() == [b"\xb0\x01\x02", b"\x80\x3c\x00"]
    assert not torn.is_woken()
    assert torn.lost == 0


@pytest.mark.parametrize("words", [(0, 1), (1, 0)])
def test_an_entry_that_is_half_written_is_waited_for(torn: Torn, words: tuple[int, int]) -> None:
    torn.count()
    torn.show(torn.number, NOTE, words[:1])
    assert torn.taken() == []
    torn.show(torn.number, NOTE, words[1:])
    assert torn.taken() == [NOTE]
    assert torn.lost == 0


def test_a_ring_that_was_never_written_is_waited_for_too() -> None:
    port = JackPort(midimap.OURS)
    port._memory.facts[Fact.RECEIVED] = 1
    assert port.take_midi() == []
    assert port._midi_in.lost == 0
    port._memory.incoming[0], port._memory.incoming[1] = received(0, NOTE, time.monotonic_ns() // 1000)
    assert [message for message, _ in port.take_midi()] == [NOTE]
    port.close()


@pytest.mark.parametrize("words", [(0,), (1,), (0, 1)])
def test_an_entry_that_was_overwritten_is_lost_and_those_behind_it_are_not(torn: Torn, words: tuple[int, ...]) -> None:
    torn.show(torn.number, NOTE)
    torn.show(plus(torn.number), b"\xb0\x01\x02")
    torn.show(plus(torn.number, INCOMING_SIZE), NOTE, words)  # the writer is a lap ahead; its count is not visible yet
    torn.count(2)
    assert torn.taken() == [b"\xb0\x01\x02"]
    assert torn.lost == 1


def test_an_entry_that_never_comes_holds_up_the_others_only_for_so_long(torn: Torn) -> None:
    torn.show(plus(torn.number), NOTE)
    torn.count(2)
    for _ in range(MAX_LOOKS):
        assert torn.taken() == []
    assert torn.taken() == [NOTE]
    assert torn.lost == 1
    assert not torn.is_woken()


def test_the_time_of_a_message_is_that_of_its_arrival_and_never_later_than_now(torn: Torn) -> None:
    now_us = time.monotonic_ns() // 1000
    torn.show(torn.number, NOTE, us=now_us - 5_000_000)
    torn.show(plus(torn.number), NOTE, us=now_us + 1_000_000)
    torn.count(2)
    (_, early), (_, late) = torn.port.take_midi()
    assert early == pytest.approx((now_us - 5_000_000) * 1e-6, abs=1e-6)
    assert now_us * 1e-6 <= late <= time.monotonic()


def test_a_note_whose_entry_is_not_visible_yet_is_played_once_it_is() -> None:
    rig = Rig()
    rig.run()
    rig.memory.bytes[PUSHED] = 2
    assert rig.run() == []
    assert not rig.port.settled()
    rig.memory.notes[0] = lap(0, NOTES_SIZE) << 24 | int.from_bytes(NOTE, "big")
    assert [event for _, event in rig.run()] == [NOTE]
    assert not rig.port.settled()
    rig.memory.notes[1] = lap(1, NOTES_SIZE) << 24 | 0x803C00
    assert [event for _, event in rig.run()] == [b"\x80\x3c\x00"]
    assert rig.port.settled()
