"""OSC 1.0: packets, against the specification's bytes and python-osc's builder."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from latentd.osc import packets
from latentd.osc.packets import IMPULSE, Malformed, Message, read, read_untagged, write
from latentd.status import Counters
from tests.support.lines_run import lines_run

IMMEDIATELY = b"\0\0\0\0\0\0\0\1"


XY = b"/xy\0,ff\0\x3e\x80\x00\x00\x3f\x00\x00\x00"


def bundle(*elements: bytes, tag: bytes = IMMEDIATELY) -> bytes:
    return b"#bundle\0" + tag + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def test_the_two_examples_of_the_specification() -> None:
    first = bytes.fromhex("2f6f7363 696c6c61 746f722f 342f6672 65717565 6e637900 2c660000 43dc0000")
    assert read(first) == [Message("/oscillator/4/frequency", (440.0,))]
    second = bytes.fromhex("2f666f6f 00000000 2c696973 66660000 000003e8 ffffffff 68656c6c 6f000000 3f9df3b6 40b5b22d")
    [message] = read(second)
    assert message.address == "/foo"
    assert message.args[:3] == (1000, -1, "hello")
    assert message.args[3:] == (pytest.approx(1.234), pytest.approx(5.678))


@pytest.mark.parametrize(
    ("tags", "data", "args"),
    [
        ("h", struct.pack(">q", -(2**40)), (-(2**40),)),
        ("d", struct.pack(">d", 0.1), (0.1,)),
        ("t", IMMEDIATELY, (1,)),
        ("S", b"abc\0", ("abc",)),
        ("c", b"\0\0\0A", ("A",)),
        ("r", b"\1\2\3\4", (0x01020304,)),
        ("m", b"\0\x90\x3c\x7f", (b"\0\x90\x3c\x7f",)),
        ("b", b"\0\0\0\3abc\0", (b"abc",)),
        ("b", b"\0\0\0\0", (b"",)),
        ("TFNI", b"", (True, False, None, IMPULSE)),
        ("[ii]f", struct.pack(">iif", 1, 2, 0.5), (1, 2, 0.5)),
        ("[[i]]", struct.pack(">i", 1), (1,)),
        ("[ff]", struct.pack(">ff", 0.25, 0.5), (0.25, 0.5)),
        ("[s][]", b"abc\0", ("abc",)),
        ("Sf", b"abc\0" + struct.pack(">f", 0.5), ("abc", 0.5)),
    ],
)
def test_every_type_of_the_specification(tags: str, data: bytes, args: tuple[object, ...]) -> None:
    head = b"/a\0\0" + ("," + tags).encode()
    packet = head + b"\0" * (4 - len(head) % 4) + data
    assert read(packet) == [Message("/a", args)]
    assert read(packet) == [Message("/a", args)]  # and again, now that the head may be known


def test_a_known_head_does_not_hide_a_wrong_size() -> None:
    assert read(XY) == [Message("/xy", (0.25, 0.5))]
    for wrong in (XY[:-4], XY + b"\0\0\0\1"):
        with pytest.raises(Malformed):
            read(wrong)


@pytest.mark.parametrize("zeros", [1, 4, 13, 4_000])
def test_extra_zero_bytes_at_the_end_are_ignored(zeros: int) -> None:
    extra = b"\0" * zeros
    for _ in range(2):  # again, now that the head is known
        assert read(XY + extra) == [Message("/xy", (0.25, 0.5))]
    assert read(write("/s", "text", 1) + extra) == [Message("/s", ("text", 1))]
    assert read(bundle(XY, write("/last")) + extra) == [Message("/xy", (0.25, 0.5)), Message("/last", ())]
    assert read(bundle(XY + extra[: zeros // 4 * 4])) == [Message("/xy", (0.25, 0.5))]
    untagged = read(b"/xy\0" + struct.pack(">ff", 0.25, 0.5) + extra)[0].untagged
    assert untagged is not None
    assert read_untagged(untagged, "ff") == (0.25, 0.5)


def test_extra_bytes_that_are_not_zero_are_malformed() -> None:
    for packet in (XY + b"\0\0\1", bundle(XY) + b"\0\0\0\0\1", b"/xy\0" + bytes(8) + b"\1"):
        with pytest.raises(Malformed):
            read(packet)
    with pytest.raises(Malformed):
        read_untagged(struct.pack(">ff", 0.25, 0.5) + b"\0\0\0\1", "ff")
    fresh = b"/padded\0" + XY[4:]
    assert read(fresh + bytes(4)) == [Message("/padded", (0.25, 0.5))]  # from now on the head is known
    with pytest.raises(Malformed):
        read(fresh + b"\0\0\0\1")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\0\0\0",
        b"xy\0\0",
        b"/xy",
        b"/xy\0,f",
        b"/xy\0,ff\0\0\0\0\0",
        b"/xy\0,z\0\0\0\0\0\0",
        b"/xy\0,[f\0\0\0\0\0",
        b"/xy\0,]f\0\0\0\0\0",
        b"/xy\0,b\0\0\xff\xff\xff\xff",
        b"/xy\0,b\0\0\0\0\0\5abc\0",
        b"/xy\0,s\0\0abcd",
        b"/\xff\xfe\0,\0\0\0",
        b"/xy\0\0\1",
        b"#bundle\0",
        b"#bundle\0\0\0\0",
        b"#bundle\0" + IMMEDIATELY + b"\xff\xff\xff\xfc",
        b"#bundle\0" + IMMEDIATELY + b"\0\0\0\0/xy\0",
        b"#bundle\0" + IMMEDIATELY + b"\0\0\0\6/xy\0\0\0",
        b"#bundle\0" + IMMEDIATELY + b"\0\0\0\x40/xy\0",
        b"/" + b"a" * 600 + b"\0\0\0" + b",\0\0\0",
        b"/xy\0,s\0\0" + b"a" * 61_000 + b"\0\0\0\0",
        b"/xy\0" + b"," + b"T" * 2_000 + b"\0\0\0",
        b"/xy\0" + b"\0" * 70_000,
        b"/xy\0,]f[\0\0\0\0\0\0\0\0",
    ],
)
def test_what_breaks_the_rules_is_malformed(packet: bytes) -> None:
    with pytest.raises(Malformed):
        read(packet)


def test_a_message_without_type_tags_keeps_its_bytes_for_a_receiver_that_knows_the_types() -> None:
    data = struct.pack(">ff", 0.25, 0.5)
    assert read(b"/xy\0" + data) == [Message("/xy", (), data)]
    assert read_untagged(data, "ff") == (0.25, 0.5)
    with pytest.raises(Malformed):
        read_untagged(data, "f")
    assert read(b"/renew\0\0") == [Message("/renew", (), None)]


@pytest.mark.parametrize(
    ("tags", "sent", "values", "expected"),
    [
        ("ff", ">ii", (0, 1), (0.0, 1.0)),
        ("ff", ">fi", (0.5, 1), (0.5, 1.0)),
        ("ff", ">if", (-1, -0.5), (-1.0, -0.5)),
        ("ff", ">ii", (1_000_000, -1_000_000), (1e6, -1e6)),
        ("ff", ">ii", (2_000_000, -4_194_303), (2e6, -4_194_303.0)),  # no denormal number, no NaN
        ("ff", ">if", (8_388_607, 0.0), (8_388_607.0, 0.0)),
        ("ff", ">ff", (1e-6, -1e9), (1e-6, -1e9)),
        ("ff", ">ff", (-0.0, 1e-30), (0.0, 1e-30)),
        ("ii", ">ff", (0.5, -127.0), (0.5, -127.0)),
        ("ii", ">ii", (127, -(2**31)), (127, -(2**31))),
        ("ii", ">ii", (2_000_000, 2**31 - 1), (2_000_000, 2**31 - 1)),
        ("dh", ">dq", (0.5, 2**40), (0.5, 2**40)),
    ],
)
def test_without_type_tags_each_value_is_the_integer_or_float_that_it_can_be(
    tags: str, sent: str, values: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    """Pure Data's packOSC without type tags sends whole numbers as integers and all others as floats."""
    assert read_untagged(struct.pack(sent, *values), tags) == pytest.approx(expected)


def test_without_type_tags_nan_and_infinity_stay_what_they_are() -> None:
    values = read_untagged(struct.pack(">fff", math.nan, -math.inf, -math.nan), "fff")
    assert [str(value) for value in values] == ["nan", "-inf", "nan"]


def test_bundles_come_flat_and_in_order() -> None:
    inner = bundle(write("/b", 2), write("/c", 3))
    assert [m.args for m in read(bundle(write("/a", 1), inner, write("/d", 4)))] == [(1,), (2,), (3,), (4,)]
    assert read(bundle()) == []


@pytest.mark.parametrize("tag", [b"\0" * 8, IMMEDIATELY, b"\xff" * 8, b"\x80" + b"\0" * 7])
def test_no_time_tag_stalls_or_drops(tag: bytes) -> None:
    assert read(bundle(XY, tag=tag)) == [Message("/xy", (0.25, 0.5))]


def test_a_bad_message_in_a_bundle_is_counted_and_its_neighbours_live() -> None:
    counters = Counters()
    packet = bundle(XY, b"/q\0\0,z\0\0\0\0\0\0", b"junk", write("/last"))
    assert [m.address for m in read(packet, counters)] == ["/xy", "/last"]
    assert counters.malformed == 2
    with pytest.raises(Malformed):
        read(packet)


def test_deep_nesting_is_refused_without_trouble() -> None:
    packet = XY
    for _ in range(packets.MAX_DEPTH):
        packet = bundle(packet)
    assert read(packet) == [Message("/xy", (0.25, 0.5))]
    for _ in range(1_000):
        packet = bundle(packet)
    with pytest.raises(Malformed, match="nested"):
        read(packet)
    with pytest.raises(Malformed, match="array without its end"):
        read(b"/a\0\0," + b"[" * 1000 + b"\0\0\0")
    assert read(b"/a\0\0," + b"[" * 500 + b"]" * 500 + b"\0\0\0") == [Message("/a", ())]


def test_made_up_addresses_do_not_grow_memory() -> None:
    for i in range(10_000):
        read(write(f"/made/up/{i}", 0.5))
    assert len(packets._heads) <= packets.MAX_HEADS


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda b: b"#bundle\0" + IMMEDIATELY + b)))
def test_random_bytes_are_messages_or_malformed(packet: bytes) -> None:
    for counters in (None, Counters()):
        try:
            assert all(isinstance(m, Message) for m in read(packet, counters))
        except Malformed:
            continue


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_damaged_packets_are_messages_or_malformed(at: int, byte: int, cut: int) -> None:
    whole = bytearray(bundle(XY, write("/s", "text", 1, True), bundle(write("/b", b"blob", 2.5), XY)))
    whole[at % len(whole)] = byte
    for packet in (bytes(whole), bytes(whole[: cut % len(whole)])):
        try:
            read(packet)
        except Malformed:
            continue


FLOATS = st.floats(width=32, allow_nan=False)


ARGUMENTS = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda v: ("i", v)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: ("h", v)),
    FLOATS.map(lambda v: ("f", v)),
    st.floats(allow_nan=False).map(lambda v: ("d", v)),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20).map(lambda v: ("s", v)),
    st.binary(min_size=1, max_size=20).map(lambda v: ("b", v)),
    st.booleans().map(lambda v: ("T" if v else "F", v)),
    st.just(("N", None)),
)


MESSAGES = st.tuples(st.from_regex(r"(/[a-zA-Z0-9_]{1,8}){1,4}", fullmatch=True), st.lists(ARGUMENTS, max_size=8))


def built(address: str, args: list[tuple[str, Any]]) -> OscMessageBuilder:
    builder = OscMessageBuilder(address)
    for kind, value in args:
        builder.add_arg(value, kind)
    return builder


@settings(deadline=None)
@given(MESSAGES)
def test_what_python_osc_builds_is_read_back(message: tuple[str, list[tuple[str, object]]]) -> None:
    address, args = message
    packet = built(address, args).build().dgram
    for _ in range(2):
        assert read(packet) == [Message(address, tuple(value for _, value in args))]


@settings(deadline=None)
@given(
    st.lists(st.one_of(MESSAGES, st.lists(MESSAGES, max_size=3)), max_size=4), st.sampled_from([0, 1, 2_000_000_000])
)
def test_what_python_osc_bundles_is_read_back(contents: list[object], when: int) -> None:
    def pack(items: list[object]) -> tuple[OscBundleBuilder, list[Message]]:
        builder, expected = OscBundleBuilder(when), list[Message]()
        for item in items:
            if isinstance(item, tuple):
                builder.add_content(built(*item).build())
                expected.append(Message(item[0], tuple(value for _, value in item[1])))
            else:
                assert isinstance(item, list)
                inner, messages = pack(item)
                builder.add_content(inner.build())
                expected += messages
        return builder, expected

    builder, expected = pack(contents)
    assert read(builder.build().dgram) == expected


def test_writing_picks_the_type_by_the_value() -> None:
    args = (1, 2**40, 0.5, "s", b"b", True, False, None)
    packet = write("/a", *args)
    assert b",ihfsbTFN" in packet
    assert read(packet) == [Message("/a", args)]


def element(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def padded(text: bytes) -> bytes:
    return text + b"\0" * (4 - len(text) % 4)


HEAD = b"#bundle\0" + bytes(8)


LARGE = {
    "empty bundles": HEAD + 3000 * element(HEAD),
    "what is no message": HEAD + 8000 * element(b"abc\0"),
    "messages of an unknown type": HEAD + 5000 * element(padded(b"/a") + padded(b",!")),
    "arguments without data": HEAD
    + b"".join(element(padded(b"/%d" % n) + padded(b"," + b"T" * 480)) for n in range(128)),
    "texts": HEAD
    + b"".join(element(padded(b"/%d" % n) + padded(b"," + b"s" * 90) + 90 * b"abc\0") for n in range(128)),
}


@pytest.mark.parametrize("packet", LARGE.values(), ids=LARGE.keys())
def test_p12_reading_a_packet_takes_little_whatever_fills_it(packet: bytes) -> None:
    def read_it() -> None:
        with pytest.raises(Malformed, match="more than"):
            read(packet, Counters())

    assert len(packet) <= packets.MAX_PACKET
    assert lines_run(read_it, 1_000_000) < 50_000  # about 1 ms


def test_a_packet_with_as_many_elements_and_arguments_as_can_be_is_read() -> None:
    whole = [element(padded(b"/a") + padded(b"," + b"T" * 16)) for _ in range(packets.MAX_MESSAGES)]
    rest = element(HEAD) * (packets.MAX_ELEMENTS - packets.MAX_MESSAGES)
    counters = Counters()
    messages = read(HEAD + b"".join(whole) + rest, counters)
    assert len(messages) == packets.MAX_MESSAGES
    assert sum(len(message.args) for message in messages) == packets.MAX_VALUES
    assert counters.malformed == 0
    with pytest.raises(Malformed, match="more than 256 elements"):
        read(HEAD + b"".join(whole) + rest + element(HEAD), counters)
    with pytest.raises(Malformed, match="more than 2048 arguments"):
        read(HEAD + b"".join(whole[1:]) + element(padded(b"/a") + padded(b"," + b"T" * 17)), counters)


def test_a_packet_of_more_messages_than_anybody_sends_is_malformed() -> None:
    one = packets.write("/a", 1.0)
    element = len(one).to_bytes(4, "big") + one
    head = b"#bundle\0" + bytes(8)
    assert len(packets.read(head + packets.MAX_MESSAGES * element)) == packets.MAX_MESSAGES
    with pytest.raises(packets.Malformed, match="more than 128 messages"):
        packets.read(head + (packets.MAX_MESSAGES + 1) * element)
