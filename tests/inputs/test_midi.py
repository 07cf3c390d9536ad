"""MIDI bytes to points: controls, pairs, NRPN, bend, encoders, pads, MPE, LinnStrument."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.inputs.mapping import shipped_mappings
from latentd.inputs.midi_spec import CODINGS
from latentd.inputs.receiver import MAX_KNOWN, Inputs
from latentd.status import Counters
from tests.support.mapped import Receiver, loaded

PAIR = "midi: {x: {cc: 12, bits: 14}, y: {cc: 13, bits: 14}}"


def test_all_messages_of_one_event_count() -> None:
    """What Csound writes into one event of a JACK period."""
    receiver = Receiver(text=PAIR)
    assert receiver.midi(*bytes.fromhex("b00c27 b02c2e b00d5a b02d12"))
    assert receiver.place() == (round((0x27 * 128 + 0x2E) / 16383, 6), round((0x5A * 128 + 0x12) / 16383, 6), None)
    assert receiver.midi(*bytes.fromhex("b00c40 2c00 0d00 2d00"))  # running status
    assert receiver.place() == (round(0x40 * 128 / 16383, 6), 0.0, None)
    assert receiver.counters.malformed == 0


@pytest.mark.parametrize("data", ["40", "B0", "B00C", "B00CB00D40", "F101B00D4040", "B00D40E000", "F6 01", "F2 01"])
def test_bytes_that_break_the_protocol_are_malformed(data: str) -> None:
    receiver = Receiver("kp3")
    assert receiver.midi(*bytes.fromhex(data))  # not unmapped
    assert receiver.counters.malformed == 1


def test_system_exclusive_has_a_counter_of_its_own() -> None:
    receiver = Receiver("kp3")
    assert receiver.midi(*bytes.fromhex("F07E7F0601F7"))  # not unmapped
    assert receiver.midi(0xF0)
    assert receiver.midi(*bytes.fromhex("B40C7F F07EF7"))
    assert (receiver.counters.sysex, receiver.counters.malformed) == (3, 0)
    assert receiver.place() == (1.0, None, None)


def test_seven_bits_with_touch() -> None:
    receiver = Receiver("kp3")
    assert receiver.midi(0xB4, 92, 127)
    assert receiver.midi(0xB4, 12, 127)
    assert receiver.midi(0xB4, 13, 0)
    assert receiver.place() == (1.0, 0.0, True)
    assert receiver.midi(0xB4, 92, 63)
    assert receiver.place() == (1.0, 0.0, False)
    assert not receiver.midi(0xB4, 94, 1)
    assert not receiver.midi(0x90, 60, 1)


def test_channel_and_port_pick_the_device() -> None:
    receiver = Receiver("nanokontrol2")
    assert receiver.midi(0xB0, 0, 127)
    assert not receiver.midi(0xB1, 0, 127)
    receiver = Receiver(text="midi: {port: nanoKontrol, x: {cc: 1}, y: {cc: 2}}")
    assert receiver.midi(0xB0, 1, 127, port="nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0")
    assert not receiver.midi(0xB0, 1, 127, port="KeyStep")
    assert receiver.midi(0xB0, 1, 127, port="latentd:midi_in")  # JACK does not say which port it came from


def test_a_mapping_of_port_1_does_not_read_port_10() -> None:
    receiver = Receiver(text='midi: {port: "port 1", x: {cc: 1}, y: {cc: 2}}')
    assert receiver.midi(0xB0, 1, 127, port="rig:Port 1 20:0")
    assert not receiver.midi(0xB0, 1, 126, port="rig:Port 10 20:9")
    receiver = Receiver(text='midi: {port: "Pad (1", x: {cc: 1}, y: {cc: 2}}')
    assert receiver.midi(0xB0, 1, 127, port="Pad (1) 20:0"), "plain text, no expression"


def test_the_ports_that_are_known_have_an_end() -> None:
    receiver = Receiver(text="midi: {port: nano, x: {cc: 1}, y: {cc: 2}}")
    for n in range(MAX_KNOWN + 10):
        assert receiver.midi(0xB0, 1, 127, port=f"nano {n}:0")
        assert not receiver.midi(0xB0, 1, 127, port=f"pad {n}:0")
    assert len(receiver.inputs._midi_known) <= MAX_KNOWN


def test_cc_and_cc_plus_32_are_never_paired_by_guess() -> None:
    receiver = Receiver(text="midi: {x: {cc: 0}, y: {cc: 1}}")
    receiver.midi(0xB0, 0, 64)
    assert not receiver.midi(0xB0, 32, 127)  # a button of the nanoKONTROL2
    assert receiver.place() == (round(64 / 127, 6), None, None)


def test_fourteen_bits_msb_first() -> None:
    receiver = Receiver(text=PAIR)
    receiver.midi(0xB0, 12, 127)
    assert receiver.place() == (1.0, None, None)  # until an LSB has come, the MSB spans the whole range
    receiver.midi(0xB0, 44, 127)
    assert receiver.place() == (1.0, None, None)
    receiver.midi(0xB0, 12, 64)
    assert receiver.place(now=0.0) is None  # no jump to 64 * 128 on the way
    receiver.midi(0xB0, 44, 5)
    assert receiver.place() == (round((64 * 128 + 5) / 16383, 6), None, None)
    receiver.midi(0xB0, 44, 6)  # the LSB alone: a small move
    assert receiver.place() == (round((64 * 128 + 6) / 16383, 6), None, None)


def test_an_msb_alone_counts_once_it_has_waited() -> None:
    receiver = Receiver(text=PAIR)
    receiver.midi(0xB0, 12, 10, now=1.0)
    receiver.midi(0xB0, 44, 10, now=1.0)
    receiver.inputs.take()
    assert receiver.inputs.due() is None
    receiver.midi(0xB0, 12, 20, now=2.0)
    assert receiver.inputs.due() == pytest.approx(2.01)
    assert receiver.place(now=2.009) is None
    assert receiver.place(now=2.0101) == (round(20 * 128 / 16383, 6), None, None)
    assert receiver.inputs.due() is None
    assert receiver.place(now=9.0) is None


def test_an_lsb_before_any_msb_sets_nothing() -> None:
    receiver = Receiver(text=PAIR)
    assert receiver.midi(0xB0, 44, 10)
    assert receiver.place(now=9.0) is None


def test_fourteen_bits_lsb_first() -> None:
    receiver = Receiver(text="midi: {x: {cc: 12, bits: 14, lsb_first: true}, y: {cc: 1}}")
    for top, low in ((64, 5), (65, 0), (65, 127)):
        receiver.midi(0xB0, 44, low)
        assert receiver.place(now=0.0) is None
        receiver.midi(0xB0, 12, top)
        assert receiver.place() == (round((top * 128 + low) / 16383, 6), None, None)
    receiver.midi(0xB0, 44, 3, now=1.0)  # a small move without its MSB
    assert receiver.place(now=1.02) == (round((65 * 128 + 3) / 16383, 6), None, None)
    assert receiver.place(now=2.0) is None


NRPN = "midi: {x: {nrpn: 245}, y: {nrpn: 130, data: DATA}}"


@pytest.mark.parametrize("order", [(99, 98), (98, 99)])
def test_nrpn_in_both_orders_of_its_number(order: tuple[int, int]) -> None:
    receiver = Receiver(text=NRPN.replace("DATA", "both"))
    half = {99: 1, 98: 117}  # 1 * 128 + 117 = 245
    for control in order:
        assert receiver.midi(0xB0, control, half[control])
    assert receiver.midi(0xB0, 6, 64)
    assert receiver.midi(0xB0, 38, 5)
    assert receiver.place() == (round((64 * 128 + 5) / 16383, 6), None, None)
    assert receiver.midi(0xB0, 38, 6)  # it stays selected
    assert receiver.place() == (round((64 * 128 + 6) / 16383, 6), None, None)
    receiver.midi(0xB0, 98, 118)  # another parameter
    assert not receiver.midi(0xB0, 6, 1)
    assert receiver.point() is None


@pytest.mark.parametrize(("data", "control", "other"), [("msb", 6, 38), ("lsb", 38, 6)])
def test_nrpn_with_seven_bits_in_one_data_byte(data: str, control: int, other: int) -> None:
    receiver = Receiver(text=NRPN.replace("DATA", data))
    for head in ((99, 1), (98, 2)):
        receiver.midi(0xB0, *head)
    receiver.midi(0xB0, control, 127)
    assert receiver.place() == (None, 1.0, None)
    receiver.midi(0xB0, other, 3)
    assert receiver.point() is None


def test_nrpn_increment_and_decrement_are_steps_from_the_last_value() -> None:
    receiver = Receiver(text=NRPN.replace("DATA", "both"))
    for control, value in ((99, 1), (98, 117)):
        receiver.midi(0xB0, control, value)
    assert receiver.midi(0xB0, 96, 0)
    assert receiver.point() is None  # a step from where?
    for control, value in ((6, 63), (38, 127)):
        receiver.midi(0xB0, control, value)
    receiver.midi(0xB0, 96, 0)
    assert receiver.place() == (round(64 * 128 / 16383, 6), None, None)
    for _ in range(2):
        receiver.midi(0xB0, 97, 127)
    assert receiver.place() == (round((64 * 128 - 2) / 16383, 6), None, None)
    assert not receiver.midi(0xB1, 96, 0)
    receiver.midi(0xB0, 98, 118)
    assert not receiver.midi(0xB0, 96, 0)


@pytest.mark.parametrize(("data", "control"), [("msb", 6), ("lsb", 38)])
def test_nrpn_steps_of_seven_bits_end_at_both_ends(data: str, control: int) -> None:
    receiver = Receiver(text=NRPN.replace("DATA", data))
    for head in ((99, 1), (98, 2), (control, 126)):
        receiver.midi(0xB0, *head)
    for _ in range(3):
        receiver.midi(0xB0, 96, 0)
    assert receiver.place() == (None, 1.0, None)
    for _ in range(128):
        receiver.midi(0xB0, 97, 0)
    assert receiver.place() == (None, 0.0, None)


def test_a_step_uses_an_msb_that_waits() -> None:
    receiver = Receiver(text=NRPN.replace("DATA", "both"))
    for control, value in ((99, 1), (98, 117), (6, 10), (38, 10), (6, 20), (96, 0)):
        receiver.midi(0xB0, control, value)
    assert receiver.inputs.due() is None
    assert receiver.place() == (round((20 * 128 + 1) / 16383, 6), None, None)


def test_nrpn_knows_its_channels_and_is_not_rpn() -> None:
    receiver = Receiver(text=NRPN.replace("DATA", "both"))
    for head in ((99, 1), (98, 117)):
        receiver.midi(0xB0, *head)
    assert not receiver.midi(0xB1, 6, 64)  # nothing is selected on channel 2
    for head in ((101, 1), (100, 117)):
        receiver.midi(0xB0, *head)
    assert not receiver.midi(0xB0, 6, 64)  # RPN 245 is not NRPN 245
    for head in ((99, 127), (98, 127)):
        receiver.midi(0xB0, *head)
    assert not receiver.midi(0xB0, 6, 64)  # 127, 127 deselects
    assert receiver.point() is None


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 64, 0.5), (0, 0, 0.0), (127, 127, 1.0), (0, 32, 0.25), (127, 63, 8191 / 16384)]
)
def test_pitch_bend_has_its_centre_exactly_in_the_middle(low: int, high: int, expected: float) -> None:
    receiver = Receiver("bend-mod")
    assert receiver.midi(0xE0, low, high)
    point = receiver.point()
    assert point is not None
    assert point.x == expected


@pytest.mark.parametrize(
    ("coding", "plus", "minus", "none", "plus_3", "minus_3"),
    [
        ("twos-complement", 1, 127, 0, 3, 125),
        ("binary-offset", 65, 63, 64, 67, 61),
        ("sign-magnitude", 1, 65, 0, 3, 67),
        ("inverted-twos-complement", 127, 1, 0, 125, 3),
        ("inverted-sign-magnitude", 65, 1, 0, 67, 3),
        ("centred-16", 17, 15, 16, 19, 13),
    ],
)
def test_every_coding_of_relative_encoders(
    coding: str, plus: int, minus: int, none: int, plus_3: int, minus_3: int
) -> None:
    decode = CODINGS[coding]
    assert [decode(v) for v in (plus, minus, none, plus_3, minus_3)] == [1, -1, 0, 3, -3]
    receiver = Receiver(
        text=f"midi: {{x: {{cc: 16, relative: {coding}, step: 0.25}}, y: {{cc: 17, relative: {coding}}}}}"
    )
    for value in (plus, plus_3, minus):
        receiver.midi(0xB0, 16, value)
    point = receiver.point()
    assert point is not None
    assert (point.x, point.y, point.relative) == (0.75, None, True)


def test_two_sided_axes_rest_in_the_middle() -> None:
    receiver = Receiver("touche")
    receiver.midi(0xB0, 19, 127)
    assert receiver.place() == (1.0, None, None)
    receiver.midi(0xB0, 18, 127)
    receiver.midi(0xB0, 16, 127)
    assert receiver.place() == (0.5, 0.0, None)
    receiver.midi(0xB0, 19, 0)
    assert receiver.place() == (0.0, 0.0, None)


def test_touch_by_notes_pressure_and_panic() -> None:
    receiver = Receiver("mackie")
    receiver.midi(0x90, 104, 127)
    receiver.midi(0x90, 105, 127)
    receiver.midi(0xE0, 0, 64)
    receiver.midi(0xE1, 0, 0)
    assert receiver.place() == (0.5, 0.0, True)
    receiver.midi(0x90, 104, 0)
    assert receiver.place() == (0.5, 0.0, True)  # the other fader is still touched
    receiver.midi(0x80, 105, 64)
    assert receiver.place() == (0.5, 0.0, False)
    receiver.midi(0x90, 104, 127)
    receiver.midi(0xB0, 123, 0)  # all notes off
    assert receiver.place() == (0.5, 0.0, False)
    receiver = Receiver("r2m")
    receiver.midi(0xD0, 1)
    assert receiver.place() == (None, round(1 / 127, 6), True)
    receiver.midi(0xD0, 0)
    assert receiver.place() == (None, 0.0, False)


def test_pads_are_a_grid_and_the_newest_leads() -> None:
    receiver = Receiver("mpd-pads")
    receiver.midi(0x90, 36, 100)
    assert receiver.place() == (0.0, 0.0, True)
    receiver.midi(0x90, 51, 100)
    assert receiver.place() == (1.0, 1.0, True)
    receiver.midi(0x90, 42, 100)
    assert receiver.place() == (round(2 / 3, 6), round(1 / 3, 6), True)
    receiver.midi(0x80, 42, 0)
    assert receiver.place() == (1.0, 1.0, True)
    for note in (36, 51):
        receiver.midi(0x80, note, 0)
    assert receiver.place() == (1.0, 1.0, False)
    assert not receiver.midi(0x90, 52, 100)


def every_midi_mapping() -> list[str]:
    return [p.stem for p in shipped_mappings() if not (loaded(p.stem).file.osc or loaded(p.stem).file.tuio)]


BYTES = st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(range(256)), max_size=40).map(bytes))


STATUS = st.integers(0x80, 0xEF)


DATA = st.one_of(st.sampled_from([0, 6, 38, 64, 74, 96, 97, 98, 99, 100, 101, 119, 123, 127]), st.integers(0, 127))


EVENTS = st.tuples(STATUS, DATA, DATA).map(lambda m: bytes(m if m[0] & 0xE0 != 0xC0 else m[:2]))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(BYTES, EVENTS), max_size=60))
def test_no_stream_of_bytes_raises_and_positions_stay_in_range(stream: list[bytes]) -> None:
    names = every_midi_mapping()
    inputs = Inputs([loaded(name) for name in names], Counters())
    for i, data in enumerate(stream):
        inputs.midi(data, "port", i / 100)
        inputs.due()
        for point in inputs.take(i / 100):
            for value in (point.x, point.y):
                assert value is None or math.isfinite(value)
            if loaded(point.source).file.midi and not point.relative:
                assert all(v is None or 0.0 <= v <= 1.0 for v in (point.x, point.y))


@settings(deadline=None, max_examples=200)
@given(st.lists(EVENTS, max_size=30))
def test_well_formed_events_are_never_malformed(stream: list[bytes]) -> None:
    counters = Counters()
    inputs = Inputs([loaded(name) for name in every_midi_mapping()], counters)
    for data in stream:
        inputs.midi(data, "port", 0.0)
    assert counters.malformed == 0
