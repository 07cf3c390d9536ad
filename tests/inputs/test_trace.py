"""What `latentd monitor` says about one message."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.cli.monitor import control_outcome
from latentd.inputs.trace import Tracer, describe_midi
from latentd.osc import packets
from tests.support.mapped import Receiver, loaded


def tracer(*names: str) -> Tracer:
    return Tracer([loaded(name) for name in names])


def line(traced: Tracer, address: str, *args: float | str | bytes | None) -> str:
    lines = [str(trace) for trace in traced.datagram(packets.write(address, *args), 1.0)]
    assert len(lines) == 1
    return lines[0]


def test_a_message_that_is_used_shows_source_place_and_touch() -> None:
    traced = tracer("xy")
    assert line(traced, "/xy", 0.25, 0.75) == "/xy 0.25 0.75  ->  xy: x 0.250 y 0.750"
    assert line(traced, "/xy/touch", 0) == "/xy/touch 0  ->  xy: x 0.250 y 0.750 touch off"
    assert line(tracer("xy"), "/xy/touch", 1) == "/xy/touch 1  ->  xy: touch on"


def test_the_place_is_that_on_the_pad() -> None:
    traced = tracer("gyrosc-pitch-first")
    points = traced.datagram(packets.write("/gyrosc/gyro", 0.0, 0.0, 0.0), 1.0)[0].points
    assert [(round(p.x or 0.0, 3), round(p.y or 0.0, 3)) for p in points] == [(0.5, 0.5)]


def test_one_axis_moves_the_point_and_the_other_is_shown_as_not_set() -> None:
    assert line(tracer("iosc"), "/osc/padx", 0.25) == "/osc/padx 0.25  ->  iosc: x 0.250 y not set yet"
    assert line(tracer("iosc"), "/osc/pady", 0.25) == "/osc/pady 0.25  ->  iosc: x not set yet y 0.750"
    swapped = tracer("touchosc-mk1-landscape")  # the device's first number is the pad's y
    assert line(swapped, "/1/xy1", 0.25, None) == "/1/xy1 0.25 nil  ->  touchosc-mk1-landscape: x not set yet y 0.250"
    traced = tracer("pair7")
    assert str(traced.midi(b"\xb0\x0c\x40", "p", 1.0)).endswith("pair7: x 0.504 y not set yet")
    assert str(traced.midi(b"\xb0\x0d\x7f", "p", 1.0)).endswith("pair7: x 0.504 y 1.000")


def test_movements_of_one_axis_have_a_place_on_both() -> None:
    assert line(tracer("monome-arc"), "/monome/enc/delta", 0, 5).endswith("monome-arc: x 0.510 y 0.500")


def test_values_outside_the_mappings_range_are_shown_as_clipped() -> None:
    clipped = "xy: x 1.000 y 0.000 (clipped: x 64 is outside range_x [0, 1], y -3 is outside range_y [0, 1])"
    assert line(tracer("xy"), "/xy", 64, -3.0).endswith(clipped)
    assert line(tracer("xy"), "/xy", 1.005, -0.005).endswith("xy: x 1.000 y 0.000")  # noise
    swapped = line(tracer("touchosc-mk1-landscape"), "/1/xy1", 0.5, 7.0)
    assert swapped.endswith("x 1.000 y 0.500 (clipped: y 7 is outside range_x [0, 1])")


def test_the_daemon_knows_the_first_values_of_a_source_that_were_clipped() -> None:
    receiver = Receiver("xy", "iosc", "monome-arc")
    receiver.osc("/xy", 0.0, 1.0)
    receiver.osc("/monome/enc/delta", 0, 5000)  # a movement
    receiver.inputs.take()
    receiver.osc("/xy/touch", 0)
    receiver.osc("/xy", -1.0, -1.0)  # meaningless, with touch off
    receiver.inputs.take()
    assert receiver.inputs.clipped == []
    receiver.osc("/xy/touch", 1)
    for x in (64, 65):
        receiver.osc("/xy", x, 0.5)
        receiver.inputs.take()
    receiver.osc("/osc/pady", -2.0)
    receiver.inputs.take()
    assert receiver.inputs.clipped == [
        ("xy", "x 64 is outside range_x [0, 1]"),
        ("iosc", "y -2 is outside range_y [0, 1]"),
    ]


def test_a_message_that_no_mapping_uses_gets_those_that_would() -> None:
    text = line(tracer("xy"), "/3/xy", 0.5, 0.5)
    assert "no mapping uses this; --mapping " in text
    assert "touchosc-mk1" in text


def test_a_mistyped_address_gets_the_most_similar_one() -> None:
    assert line(tracer("xy"), "/xxy", 0.5, 0.5).endswith("no mapping uses this; similar: /xy (xy)")


def test_a_trace_names_the_mappings_that_use_the_message() -> None:
    traced = tracer("xy", "tuio", "pair7")
    traced.prepare()

    def users(packet: bytes) -> list[tuple[str, ...]]:
        return [trace.mappings for trace in traced.datagram(packet, 1.0)]

    assert users(packets.write("/xy", 0.5, 0.5)) == [("xy",)]
    assert users(packets.write("/nothing", 0.5)) == [()]
    assert users(packets.write("/x*", 0.5, 0.5)) == [("xy",)]
    assert traced.midi(b"\xb0\x0c\x40", "p", 1.0).mappings == ("pair7",)
    assert traced.midi(b"\xb0\x63\x40", "p", 1.0).mappings == ()
    text = line(traced, "/tuio/2Dcur", "alive")
    assert text == '/tuio/2Dcur "alive"  ->  used by tuio; sets no point alone'


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (1e30, "1e+30"), (0.0, "0.0"), (-3.0, "-3.0")],
)
def test_a_number_of_any_size_is_shown_and_nan_too(value: float, shown: str) -> None:
    assert line(tracer("xy"), "/a", value).startswith(f"/a {shown}  ->  no mapping uses this")


def test_an_empty_datagram_is_0_bytes() -> None:
    assert str(tracer("xy").datagram(b"", 1.0)[0]).startswith("0 bytes  ->  malformed: ")


def test_arguments_that_are_no_numbers_name_the_mapping() -> None:
    assert "the arguments are not the numbers that xy reads" in line(tracer("tuio", "xy"), "/xy", "left", "up")


def test_bytes_that_are_not_osc_are_shown_with_the_reason() -> None:
    trace = tracer("xy").datagram(b"hello\x1b[2J", 1.0)
    assert "malformed: neither a message nor a bundle" in str(trace[0])
    assert "\x1b" not in str(trace[0])


def test_control_messages_are_known_beside_a_daemon_and_without_one() -> None:
    beside = Tracer([loaded("xy")], control_outcome)
    assert line(beside, "/latentd/xy", 0.5, 0.5).endswith("latentd's control interface")
    assert line(beside, "/latentd/lock/master_vol", 1).endswith("latentd's control interface")
    assert line(beside, "/latentd/*", 1).endswith("latentd's control interface")
    assert "not used: '/latentd/xyy': no such message. Did you mean /latentd/xy" in line(beside, "/latentd/xyy", 0.5)
    assert line(tracer("xy"), "/latentd/xy", 0.5, 0.5).endswith("control interface, which needs a running daemon")


def test_a_bundle_gives_one_line_a_message() -> None:
    message = packets.write("/xy", 0.25, 0.75)
    bundle = b"#bundle\0" + bytes(7) + b"\x01" + 2 * (len(message).to_bytes(4, "big") + message)
    assert len(tracer("xy").datagram(bundle, 1.0)) == 2


def test_a_refused_datagram_is_shown_and_moves_nothing() -> None:
    traced = tracer("xy")
    traced.datagram(packets.write("/xy", 0.25, 0.75), 1.0)
    [trace] = traced.refused(packets.write("/xy", 0.5, 0.5), "refused")
    assert (str(trace), trace.address) == ("/xy 0.5 0.5  ->  refused", "/xy")
    assert line(traced, "/xy/touch", 1).endswith("x 0.250 y 0.750 touch on")


def test_midi_is_shown_by_name() -> None:
    traced = tracer("pair7")
    text = str(traced.midi(b"\xb0\x0c\x40", "p", 1.0))
    assert text == "control_change channel=1 control=12 value=64  ->  pair7: x 0.504 y not set yet"
    assert "no mapping uses this" in str(traced.midi(b"\xc0\x05", "p", 1.0))
    assert str(traced.midi(b"\xb0\x0c", "p", 1.0)) == "bytes b0 0c  ->  malformed MIDI"
    assert str(traced.midi(b"\xf0", "p", 1.0)) == "sysex  ->  ignored: mappings do not read system exclusive messages"


def test_all_messages_of_an_event_are_shown() -> None:
    assert describe_midi(b"\x91\x3c\x5a\x3c\x00") == (
        "note_on channel=2 note=60 (C4) velocity=90, note_on channel=2 note=60 (C4) velocity=0"
    )
    assert describe_midi(b"\xf8") == "bytes f8"


@given(st.binary(max_size=200))
def test_whatever_arrives_is_shown_on_one_printable_line_each(data: bytes) -> None:
    traced = tracer("xy", "tuio", "pair7")
    traced._shipped = []  # the search for other mappings would cost time here
    for trace in [*traced.datagram(data, 1.0), traced.midi(data, "p", 1.0)]:
        assert str(trace).isprintable()
