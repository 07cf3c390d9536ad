"""ALSA's MIDI inputs, on hand-written ports: see `support/sequencer.py`."""

from __future__ import annotations

import select

from latentd.inputs.alsa import MAX_WAITING, AlsaIn
from tests.support.sequencer import THROUGH, Sequencer


def test_messages_of_every_matching_port_come_with_its_name_and_wake_the_engine() -> None:
    sequencer = Sequencer("nanoKONTROL2 20:0", THROUGH, "LPD8 24:0")
    midi_in = AlsaIn(["nano", "lpd8"], sequencer.open)
    midi_in.poll(0.0)
    assert [end.port for end in sequencer.ends] == [None, "nanoKONTROL2 20:0", "LPD8 24:0"]
    sequencer.ends[1].receive(0xB0, 16, 1)
    sequencer.ends[2].receive(0xE0, 1, 2)
    assert select.select([midi_in.fileno()], [], [], 0)[0]
    taken = midi_in.take_midi()
    assert [m[:2] for m in taken] == [(b"\xb0\x10\x01", "nanoKONTROL2 20:0"), (b"\xe0\x01\x02", "LPD8 24:0")]
    assert taken[0][2] <= taken[1][2]
    assert not select.select([midi_in.fileno()], [], [], 0)[0]
    assert midi_in.take_midi() == []
    midi_in.close()


def test_real_time_messages_are_dropped_and_of_system_exclusive_ones_the_data() -> None:
    sequencer = Sequencer("LPD8 24:0")
    received = AlsaIn(["lpd8"], sequencer.open)
    received.poll(0.0)
    for message in ((0xFA,), (0xFC,), (0xFB,), (0xF0, *range(100), 0xF7), (0xB0, 1, 2)):
        sequencer.ends[1].receive(*message)
    assert [m[0] for m in received.take_midi()] == [b"\xf0", b"\xb0\x01\x02"]
    received.close()


def test_a_controller_that_was_unplugged_is_connected_again_when_it_comes_back() -> None:
    sequencer = Sequencer("LPD8 24:0")
    midi_in = AlsaIn(["lpd8"], sequencer.open)
    midi_in.poll(0.0)
    sequencer.names.clear()
    again = midi_in.poll(1.0)
    assert sequencer.ends[1].deleted
    sequencer.names.append("LPD8 24:0")
    midi_in.poll(again)
    sequencer.ends[2].receive(0xB0, 1, 2)
    assert len(midi_in.take_midi()) == 1
    midi_in.close()
    assert all(end.deleted for end in sequencer.ends)


def test_opening_a_port_is_tried_again() -> None:
    sequencer = Sequencer("LPD8 24:0")
    midi_in = AlsaIn(["lpd8"], sequencer.open)
    sequencer.refusing = {"LPD8 24:0"}
    midi_in.poll(0.0)
    assert midi_in.facts()["ports"] == []
    sequencer.refusing.clear()
    midi_in.poll(1.0)
    assert midi_in.facts()["ports"] == ["LPD8 24:0"]
    midi_in.close()


def test_a_list_of_input_ports_that_fails_is_read_again() -> None:
    sequencer = Sequencer("LPD8 24:0")
    midi_in = AlsaIn(["lpd8"], sequencer.open)
    sequencer.failure = OSError("busy")
    midi_in.poll(0.0)
    midi_in.poll(1.0)
    assert midi_in.facts()["ports"] == ["LPD8 24:0"]
    midi_in.close()


def test_a_port_that_never_opens_does_not_hide_the_ones_behind_it() -> None:
    sequencer = Sequencer("LPD8 24:0", "nanoKONTROL2 20:0")
    midi_in = AlsaIn(["lpd8", "nano"], sequencer.open)
    sequencer.refusing = {"LPD8 24:0"}
    midi_in.poll(0.0)
    assert midi_in.facts()["ports"] == ["nanoKONTROL2 20:0"]
    midi_in.close()


def test_messages_that_are_not_taken_need_constant_memory_and_are_counted() -> None:
    sequencer = Sequencer("LPD8 24:0")
    midi_in = AlsaIn(["lpd8"], sequencer.open)
    midi_in.poll(0.0)
    func, data = sequencer.ends[1].callback or (None, None)
    assert func is not None
    for n in range(MAX_WAITING + 10):
        func(([0xB0, n % 128, n // 128], 0.0), data)
    assert midi_in.lost == 10
    assert len(midi_in.take_midi()) == MAX_WAITING
    midi_in.close()
