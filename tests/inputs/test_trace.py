"""What `latentd monitor` says about one message."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.inputs.trace import Explainer, describe_midi
from latentd.osc import packets
from tests.support.mapped import loaded


def explainer(*names: str, daemon: bool = False) -> Explainer:
    return Explainer([loaded(name) for name in names], daemon)


def said(explained: Explainer, address: str, *args: float | str | bytes | None) -> str:
    lines = [str(heard) for heard in explained.datagram(packets.write(address, *args), 1.0)]
    assert len(lines) == 1
    return lines[0]


def test_a_wanted_message_shows_source_place_and_touch() -> None:
    explained = explainer("xy")
    assert said(explained, "/xy", 0.25, 0.75) == "/xy 0.25 0.75  ->  xy: x 0.250 y 0.750"
    assert said(explained, "/xy/touch", 0) == "/xy/touch 0  ->  xy: x 0.250 y 0.750 touch off"


def test_the_place_is_that_on_the_pad() -> None:
    explained = explainer("gyrosc-pitch-first")
    points = explained.datagram(packets.write("/gyrosc/gyro", 0.0, 0.0, 0.0), 1.0)[0].points
    assert [(round(p.x or 0.0, 3), round(p.y or 0.0, 3)) for p in points] == [(0.5, 0.5)]


def test_what_no_mapping_wants_names_those_that_would() -> None:
    line = said(explainer("xy"), "/3/xy", 0.5, 0.5)
    assert "no mapping wants this; --mapping " in line
    assert "touchosc-mk1" in line


def test_a_mistyped_address_names_the_nearest() -> None:
    assert said(explainer("xy"), "/xxy", 0.5, 0.5).endswith("no mapping wants this; nearest: /xy (xy)")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (1e30, "1e+30"), (0.0, "0.0"), (-3.0, "-3.0")],
)
def test_a_number_of_any_size_is_shown_and_one_that_is_none_too(value: float, shown: str) -> None:
    assert said(explainer("xy"), "/a", value).startswith(f"/a {shown}  ->  no mapping wants this")


def test_an_empty_datagram_is_0_bytes() -> None:
    assert str(explainer("xy").datagram(b"", 1.0)[0]).startswith("0 bytes  ->  malformed: ")


def test_arguments_that_do_not_fit_are_said_to_be_so() -> None:
    assert "the arguments are not the numbers" in said(explainer("xy"), "/xy", "left", "up")


def test_bytes_that_are_no_osc_say_why() -> None:
    heard = explainer("xy").datagram(b"hello\x1b[2J", 1.0)
    assert "malformed: neither a message nor a bundle" in str(heard[0])
    assert "\x1b" not in str(heard[0])


def test_control_messages_are_no_riddle_beside_a_daemon() -> None:
    assert said(explainer("xy", daemon=True), "/latentd/xy", 0.5, 0.5).endswith("the control interface")
    assert said(explainer("xy"), "/latentd/xy", 0.5, 0.5).endswith("for a running daemon")


def test_a_bundle_gives_one_line_a_message() -> None:
    message = packets.write("/xy", 0.25, 0.75)
    bundle = b"#bundle\0" + bytes(7) + b"\x01" + 2 * (len(message).to_bytes(4, "big") + message)
    assert len(explainer("xy").datagram(bundle, 1.0)) == 2


def test_midi_is_read_by_name() -> None:
    explained = explainer("pair7")
    assert str(explained.midi(b"\xb0\x0c\x40", "p", 1.0)).endswith("pair7: no point yet: the other half has not come")
    assert str(explained.midi(b"\xb0\x0d\x7f", "p", 1.0)) == "channel 1: CC 13 = 127  ->  pair7: x 0.504 y 1.000"
    assert "no mapping wants this" in str(explained.midi(b"\xc0\x05", "p", 1.0))
    assert str(explained.midi(b"\xb0\x0c", "p", 1.0)).endswith("malformed MIDI")


def test_notes_have_names() -> None:
    assert describe_midi(b"\x91\x3c\x5a") == "channel 2: note C4 (60) on, velocity 90"
    assert describe_midi(b"\xe0\x00\x40") == "channel 1: bend 8192"
    assert describe_midi(b"\xf8") == "bytes f8"


@given(st.binary(max_size=200))
def test_whatever_arrives_is_explained_on_one_printable_line_each(data: bytes) -> None:
    explained = explainer("xy", "tuio", "pair7")
    explained._shipped = []  # so that the search for a willing mapping costs no time here
    for heard in [*explained.datagram(data, 1.0), explained.midi(data, "p", 1.0)]:
        assert str(heard).isprintable()
