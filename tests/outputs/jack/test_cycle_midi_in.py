"""MIDI that comes in through the process callback: times, bytes, floods."""

from __future__ import annotations

import os
import select
import time

import pytest

from latentd.outputs.jack.memory import INCOMING_SIZE
from latentd.outputs.jack.rings import MIDI_IN_ROOM
from tests.support.jack_cycle import RATE, Rig


def test_incoming_midi_is_handed_over_with_the_time_of_its_arrival(rig: Rig) -> None:
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (32, b"\xd0\x05"), (63, b"\xf6")]
    rig.run()
    now = time.monotonic()
    received = rig.port.take_midi()
    assert [m for m, _ in received] == [b"\xb0\x10\x7f", b"\xd0\x05", b"\xf6"]
    assert received[1][1] - received[0][1] == pytest.approx(32 / 48000, abs=2e-6)
    assert now - 20.0 < received[0][1] < received[1][1] < now
    assert rig.port.take_midi() == []


def test_incoming_midi_is_timed_by_the_rate_that_the_server_has_now(rig: Rig) -> None:
    rig.cycle.use_rate(2 * RATE)
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (32, b"\xd0\x05")]
    rig.run()
    (_, first), (_, second) = rig.port.take_midi()
    assert second - first == pytest.approx(32 / (2 * RATE), abs=2e-6)


@pytest.mark.parametrize(
    ("since", "late_s"),
    [(0, 0.0), (48000, 1.0), (13392, 0.279), (0xFFFFFFFF, 0.0), (2**31, 0.0)],
    ids=["at once", "after a second", "after 279 ms", "the cycle is yet to come", "no such number"],
)
def test_p11_incoming_midi_arrived_at_its_frame_of_the_cycle_before_however_late_the_callback_runs(
    rig: Rig, since: int, late_s: float
) -> None:
    rig.client.frames_since_cycle_start = since
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (63, b"\xb0\x10\x70")]
    before = time.monotonic()
    rig.run()
    after = time.monotonic()
    (_, first), (_, last) = rig.port.take_midi()
    for arrived, offset in ((first, 0), (last, 63)):
        ago_s = late_s + (64 - offset) / RATE
        assert before - ago_s - 3e-6 <= arrived <= after - ago_s + 3e-6


def test_incoming_midi_wakes_the_engine_until_it_is_taken(rig: Rig) -> None:
    fd = rig.port.filenos()[0]
    rig.midi_in.events = [(0, b"\x90\x3c\x40")] * 3
    rig.run()
    assert os.eventfd_read(fd) == 3
    rig.midi_in.events = [(0, b"\x90\x3c\x40")]
    rig.run()
    rig.port.take_midi()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(fd)


def test_of_system_exclusive_the_status_is_handed_over_and_nothing_is_lost(rig: Rig) -> None:
    rig.midi_in.events = [(0, bytes((0xF0, 1, 2, 3, 0xF7))), (1, b"\xb0\x01\x02")]
    rig.run()
    assert [m for m, _ in rig.port.take_midi()] == [b"\xf0", b"\xb0\x01\x02"]
    assert (rig.port.facts()["midi_lost"], rig.port.facts()["midi_malformed"]) == (0, 0)


def test_all_messages_of_one_event_are_handed_over(rig: Rig) -> None:
    """Csound writes what it plays in a period into one event."""
    rig.midi_in.events = [(5, bytes.fromhex("b00c27 b02c2e b00d5a b02d12")), (9, bytes.fromhex("903c40 3c00"))]
    rig.run()
    received = rig.port.take_midi()
    assert [m.hex() for m, _ in received] == ["b00c27", "b02c2e", "b00d5a", "b02d12", "903c40", "903c00"]
    assert len({at for _, at in received[:4]}) == 1


def test_clock_and_active_sensing_do_not_wake_the_engine(rig: Rig) -> None:
    rig.midi_in.events = [(n, bytes((status,))) for n, status in enumerate((0xF8, 0xFA, 0xFB, 0xFC, 0xFE))]
    rig.run()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(rig.port.filenos()[0])
    assert rig.port.take_midi() == []


def test_p1_midi_that_comes_just_before_a_poll_still_wakes_the_engine(rig: Rig) -> None:
    rig.midi_in.events = [(0, b"\xb0\x01\x02")]
    rig.run()
    rig.port.poll(0.0)
    assert select.select(rig.port.filenos()[:1], [], [], 0)[0], "it would wait for the next message"
    assert [message for message, _ in rig.port.take_midi()] == [b"\xb0\x01\x02"]
    assert not select.select(rig.port.filenos()[:1], [], [], 0)[0]


def test_broken_bytes_are_counted_and_not_made_up_to_messages(rig: Rig) -> None:
    rig.midi_in.events = [(0, b"\xb0\x0c"), (1, b"\x40"), (2, b""), (3, b"\xb0\x0c\x40")]
    rig.run()
    assert [m for m, _ in rig.port.take_midi()] == [b"\xb0\x0c\x40"]
    assert (rig.port.facts()["midi_lost"], rig.port.facts()["midi_malformed"]) == (0, 2)


def test_a_flood_of_midi_loses_the_oldest_and_counts_them(rig: Rig) -> None:
    rig.midi_in.events = [(0, bytes((0xB0, n % 128, n // 128))) for n in range(INCOMING_SIZE + 100)]
    rig.run()
    received = rig.port.take_midi()
    assert len(received) == INCOMING_SIZE
    assert received[-1][0] == bytes((0xB0, (INCOMING_SIZE + 99) % 128, (INCOMING_SIZE + 99) // 128))
    assert rig.port.facts()["midi_lost"] == 100


def test_midi_that_nobody_takes_uses_constant_memory(rig: Rig) -> None:
    for _ in range(12):
        rig.midi_in.events = [(0, b"\xb0\x01\x02")] * INCOMING_SIZE
        rig.run()
        rig.port._midi_in.drain()
    assert len(rig.port.take_midi()) == MIDI_IN_ROOM
    assert rig.port.facts()["midi_lost"] == 12 * INCOMING_SIZE - MIDI_IN_ROOM
