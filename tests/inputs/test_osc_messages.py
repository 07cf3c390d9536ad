"""OSC messages to points, by mapping."""

from __future__ import annotations

import itertools
import math
import re
import struct

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import OscMessageBuilder

from latentd.inputs.mapping import shipped_mappings
from latentd.inputs.receiver import Inputs
from latentd.instrument.point import Point
from latentd.osc.packets import Malformed, Message, is_pattern, matches, read, write
from latentd.status import Counters
from tests.support.mapped import Receiver, loaded


def test_one_message_two_floats() -> None:
    receiver = Receiver("xy")
    assert receiver.osc("/xy", 0.25, 0.5, now=3.0)
    assert receiver.point() == Point(0.25, 0.5, None, "xy", 3.0)
    assert receiver.point() is None
    assert receiver.osc("/xy/touch", 1)
    assert receiver.place() == (0.25, 0.5, True)
    assert not receiver.osc("/xyz", 0.1, 0.2)


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [("i", 1, 1.0), ("d", 0.1, 0.1), ("h", 1, 1.0), ("T", True, 1.0), ("F", False, 0.0)]
)
def test_any_numeric_type_is_a_number(kind: str, value: float, expected: float) -> None:
    builder = OscMessageBuilder("/xy")
    for _ in range(2):
        builder.add_arg(value, kind)
    receiver = Receiver("xy")
    assert receiver.datagram(builder.build().dgram)
    assert receiver.place() == (expected, expected, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -3e9, 2**62])
def test_values_that_no_device_measures_are_malformed_and_set_no_point(value: float) -> None:
    receiver = Receiver("xy")
    assert receiver.osc("/xy", 0.5, 0.5)
    receiver.inputs.take()
    assert receiver.osc("/xy", 0.1, value)
    assert receiver.osc("/xy", value, 0.1)
    assert receiver.osc("/xy/touch", value)
    assert receiver.point() is None
    assert receiver.counters.malformed == 3


def test_missing_and_unexpected_arguments_are_malformed() -> None:
    receiver = Receiver("xy")
    receiver.osc("/xy", 0.1)
    receiver.osc("/xy", "a", "b")
    assert receiver.counters.malformed == 2
    assert receiver.point() is None


def test_the_values_of_an_array_count_as_arguments() -> None:
    receiver = Receiver("xy")
    assert receiver.datagram(b"/xy\0,[ff]\0\0\0" + struct.pack(">ff", 0.25, 0.5))
    assert receiver.place() == (0.25, 0.5, None)


def test_nil_leaves_an_axis_where_it_is() -> None:
    receiver = Receiver("xy", text="osc: {step: 2.0, relative: true, messages: [{address: /step, x: 0, y: 1}]}")
    receiver.osc("/xy", 0.25, 0.5)
    assert receiver.osc("/xy", None, 0.75)
    assert receiver.place() == (0.25, 0.75, None)
    assert receiver.osc("/step", 0.25, None)
    assert receiver.place() == (0.5, None, None)
    assert receiver.osc("/xy", None, None)
    assert receiver.point() is None
    assert receiver.counters.malformed == 0
    receiver.osc("/xy/touch", None)
    assert receiver.counters.malformed == 1


def test_nil_leaves_an_axis_of_a_finger_where_it_is() -> None:
    receiver = Receiver("blocksosc")
    receiver.osc("/block/lightpad/0/on", 0, 0.1, 0.2, 0.5)
    receiver.osc("/block/lightpad/0/position", 0, None, 0.9, 0.5)
    assert receiver.place() == (0.1, 0.9, True)
    assert receiver.counters.malformed == 0


def test_zero_bytes_after_an_address_are_no_arguments() -> None:
    receiver = Receiver(text="osc: {messages: [{address: /on, touch: true}, {address: /xy, x: 0, y: 1}]}")
    assert receiver.datagram(b"/on\0" + bytes(8))
    assert receiver.place() == (None, None, True)
    assert not receiver.datagram(b"/xy\0" + bytes(8))


def test_a_message_without_arguments_is_ignored() -> None:
    receiver = Receiver("open-stage-control")  # sends such on a double tap
    assert not receiver.osc("/xy_1")
    assert not receiver.datagram(b"/xy_1\0\0\0")
    assert receiver.counters.malformed == 0


def test_missing_type_tags_only_where_the_mapping_declares_the_types() -> None:
    bare = b"/xy\0" + struct.pack(">ff", 0.25, 0.5)
    receiver = Receiver("xy")
    assert receiver.datagram(bare)
    assert receiver.place() == (0.25, 0.5, None)
    assert receiver.datagram(b"/xy\0" + struct.pack(">ii", 0, 1))  # as integers
    assert receiver.place() == (0.0, 1.0, None)
    assert receiver.datagram(b"/xy\0" + struct.pack(">f", 0.25))  # too short for what is declared
    assert receiver.counters.malformed == 1
    receiver = Receiver(text="osc: {messages: [{address: /xy, x: 0, y: 1}]}")
    assert not receiver.datagram(bare)
    assert receiver.point() is None


def test_the_newest_wins_and_the_loss_is_counted() -> None:
    receiver = Receiver("xy")
    for i in range(1_000):
        receiver.osc("/xy", i / 1_000, 0.5, now=float(i))
    assert receiver.place() == (0.999, 0.5, None)
    assert receiver.counters.superseded == 999
    assert receiver.point() is None


def test_axes_in_messages_of_their_own_complete_each_other() -> None:
    receiver = Receiver("iosc")
    assert receiver.osc("/osc/padx", 0.25)
    assert receiver.place() == (0.25, None, None)
    receiver.osc("/osc/padx", 0.5)
    receiver.osc("/osc/pady", 0.75)
    assert receiver.counters.superseded == 0  # the second half of a point replaces nothing
    assert receiver.place() == (0.5, 0.75, None)


def test_floats_are_picked_by_index() -> None:
    receiver = Receiver("leap-osc")
    receiver.osc("/leap/frame/hand/pos", 7, -20.0, 210.0, 3.0)
    assert receiver.place() == (-20.0, 210.0, None)
    receiver = Receiver("oscxyam")
    receiver.osc("/c_set", 4, 0.25, 5, 0.75)
    assert receiver.place() == (0.25, 0.75, None)


def test_wildcards_in_mappings() -> None:
    for prefix in ("/ZIGSIM/9f-3a", "/9f-3a"):
        receiver = Receiver("zigsim")
        assert receiver.osc(f"{prefix}/touch01", -0.5)
        assert receiver.osc(f"{prefix}/touch02", 0.5)
        assert receiver.place() == (-0.5, 0.5, None)
        assert receiver.osc(f"{prefix}/touch0", 0.25, 0.75)
        assert receiver.place() == (0.25, 0.75, None)
        assert not receiver.osc(f"{prefix}/a/touch01", 0.0)


def test_incoming_address_patterns() -> None:
    receiver = Receiver("xy", "iosc")
    assert receiver.osc("/x?", 0.25, 0.5)
    assert [p.source for p in receiver.inputs.take()] == ["xy"]
    assert receiver.osc("/{xy,osc/padx}", 0.1, 0.2) is False  # braces do not cross a slash
    assert receiver.osc("/osc/pad[xy]", 0.75)
    assert receiver.place() == (0.75, 0.75, None)
    assert not receiver.osc("/*/*/*", 0.5)


@pytest.mark.parametrize(
    ("mapping", "pattern", "reached"),
    [
        ("touchosc-mk2", "/xy?", True),
        ("touchosc-mk2", "/xy{1,2}", True),
        ("touchosc-mk2", "/xy[1-9]", True),
        ("touchosc-mk2", "/x*", True),
        ("touchosc-mk2", "/xy[!1-9]", False),
        ("touchosc-mk2", "/xy{10,11}", False),
        ("touchosc-mk2", "/xy[1-9", False),
        ("touchosc-mk2", "/*/xy", False),
        ("touchosc-mk1-portrait", "/*/xy", True),
        ("touchosc-mk1-landscape", "/?/xy[2-5]", True),
        ("touchosc-mk1-landscape", "/[4-9]/xy1", False),
        ("senselosc", "/con*", True),
        ("zigsim", "/ZIGSIM/9f-3a/touch0[12]", True),  # a wildcard of ours, and a name
        ("zigsim", "/ZIGSIM/9f*/touch01", False),  # wildcards on both sides
    ],
)
def test_incoming_patterns_reach_the_few_addresses_that_a_mappings_own_pattern_stands_for(
    mapping: str, pattern: str, reached: bool
) -> None:
    assert bool(Inputs([loaded(mapping)], Counters())._find(pattern)) is reached


@pytest.mark.parametrize("mine", ["/[!a][!a][!a]"])
def test_a_mappings_pattern_that_stands_for_too_many_names_does_not_overlap_with_others(mine: str) -> None:
    receiver = Receiver(text=f'osc: {{messages: [{{address: "{mine}", x: 0, y: 1}}]}}')
    assert not receiver.osc("/*", 0.1, 0.2)


NAMES = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]
PIECES = st.sampled_from(["a", "b", "[ab]", "[!a]", "[a-b]", "{a,ba}", "{,b}", "ab"])
WILD = st.one_of(PIECES, st.sampled_from(["*", "?"]))


@settings(deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=2).map("".join), st.lists(WILD, min_size=1, max_size=3).map("".join))
def test_an_incoming_pattern_and_a_mappings_overlap_if_a_name_matches_both(mine: str, pattern: str) -> None:
    assume(is_pattern(pattern))
    assume(mine.count("!") < 2)  # two of these stand for too many names
    names = NAMES + ["".join(letters) for letters in itertools.product("abc", repeat=2)] + ["c", "ca", "cba", "bac"]
    both = [name for name in names if matches(f"/{mine}", f"/{name}") and matches(f"/{pattern}", f"/{name}")]
    receiver = Receiver(text=f'osc: {{messages: [{{address: "/{mine}", x: 0, y: 1}}]}}')
    found = receiver.osc(f"/{pattern}", 0.1, 0.2)
    if both:
        assert found, both
    elif "!" not in mine + pattern:  # else there may be names beyond these letters
        assert not found


def test_lemurs_lists() -> None:
    receiver = Receiver("lemur")
    receiver.osc("/MultiBall/x", 0.25, 0.9)
    receiver.osc("/MultiBall/y", 0.75, 0.9)
    receiver.osc("/MultiBall/z", 0.125, 0.0)
    assert receiver.place() == (0.25, 0.75, True)
    receiver.osc("/MultiBall/z", 0.0, 0.0)
    assert receiver.place() == (0.25, 0.75, False)


def test_monome_keys_the_newest_that_is_held_is_the_point() -> None:
    receiver = Receiver("monome-grid")
    for args, place in [
        ((3, 4, 1), (3, 4, True)),
        ((5, 6, 1), (5, 6, True)),
        ((3, 4, 0), (5, 6, True)),
        ((1, 1, 1), (1, 1, True)),
        ((1, 1, 0), (5, 6, True)),
        ((5, 6, 0), (5, 6, False)),
    ]:
        assert receiver.osc("/monome/grid/key", *args)
        assert receiver.place() == place, args


def test_arc_movements_add_up_until_they_are_taken() -> None:
    receiver = Receiver("monome-arc")
    for delta in (3, -1, 5):
        assert receiver.osc("/monome/enc/delta", 0, delta)
    assert receiver.osc("/monome/enc/delta", 1, -2)
    assert not receiver.osc("/monome/enc/delta", 2, 9)
    [point] = receiver.inputs.take()
    assert point.relative
    assert [point.x, point.y] == pytest.approx([0.014, -0.004])
    receiver.osc("/monome/enc/delta", 0, 1)
    assert receiver.place() == (0.002, None, None)
    assert receiver.counters.superseded == 0


def test_lightpad_fingers_the_first_leads_and_the_next_takes_over() -> None:
    receiver = Receiver("blocksosc")
    pad = "/block/lightpad/0"
    receiver.osc(f"{pad}/on", 0, 0.1, 0.2, 0.5)
    receiver.osc(f"{pad}/on", 1, 0.8, 0.9, 0.5)
    receiver.osc(f"{pad}/position", 1, 0.7, 0.9, 0.5)
    assert receiver.place() == (0.1, 0.2, True)
    receiver.osc(f"{pad}/off", 0)
    assert receiver.place() == (0.7, 0.9, True)
    receiver.osc(f"{pad}/off", 1)
    assert receiver.place() == (0.7, 0.9, False)


def test_a_count_of_nobody_is_touch_off_without_a_position() -> None:
    receiver = Receiver("mediapipe-hands")
    hand = [v for i in range(21) for v in (i / 100, 1 - i / 100, 0.0, 1.0)]
    receiver.osc("/mediapipe/hands", 1, *hand)
    assert receiver.place() == (0.08, 0.92, True)
    receiver.osc("/mediapipe/hands", 0)
    assert receiver.place() == (0.08, 0.92, False)
    assert receiver.counters.malformed == 0


def test_only_picks_the_joint() -> None:
    receiver = Receiver("osceleton")
    assert not receiver.osc("/joint", "l_hand", 1, 0.1, 0.1, 0.1)
    assert receiver.osc("/joint", "r_hand", 1, 0.5, 0.25, 2.0)
    assert receiver.place() == (0.5, 0.25, None)


def test_each_mapping_is_a_source_of_its_own() -> None:
    receiver = Receiver("xy", "iosc")
    receiver.osc("/osc/padx", 0.5)
    receiver.osc("/xy", 0.1, 0.2)
    assert [p.source for p in receiver.inputs.take()] == ["xy", "iosc"]


def test_made_up_addresses_and_fingers_do_not_grow_memory() -> None:
    receiver = Receiver("xy", "zigsim", "blocksosc")
    for i in range(5_000):
        receiver.osc(f"/nobody/{i}", 0.5)
        receiver.osc("/block/lightpad/0/on", i, 0.1, 0.2, 0.5)
    assert len(receiver.inputs._known) <= 1_024
    assert receiver.osc("/xy", 0.25, 0.5)


ARGUMENTS = st.one_of(
    st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=3), st.binary(max_size=3), st.none()
)
NESTED = st.recursive(ARGUMENTS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)


def addresses() -> list[str]:
    """An address for each message of the shipped mappings."""
    found = ["/tuio/2Dcur", "/tuio2/frm", "/tuio2/ptr", "/tuio2/alv"]
    for path in shipped_mappings():
        section = loaded(path.stem).file.osc
        for message in section.messages if section else ():
            literal = message.address.replace("*", "1")
            found.append(re.sub(r"\[(.).*?\]|\{(\w+).*?\}", r"\1\2", literal))
    return found


def test_every_shipped_osc_mapping_reads_its_own_addresses() -> None:
    inputs = Inputs([loaded(p.stem) for p in shipped_mappings()], Counters())
    for address in addresses():
        assert inputs._find(address), address


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(addresses()), st.lists(NESTED, max_size=6)), max_size=12))
def test_whatever_the_arguments_only_finite_points_come_out(messages: list[tuple[str, list[object]]]) -> None:
    inputs = Inputs([loaded(p.stem) for p in shipped_mappings()], Counters())
    for i, (address, args) in enumerate(messages):
        inputs.osc(Message(address, tuple(args)), float(i))
    for point in inputs.take():
        for value in (point.x, point.y):
            assert value is None or math.isfinite(value)


@settings(deadline=None)
@given(st.binary(max_size=64), st.sampled_from(["/xy", "/xy/touch", "/tuio/2Dcur"]))
def test_random_bytes_after_a_known_address_never_raise(tail: bytes, address: str) -> None:
    receiver = Receiver("xy", "tuio")
    head = write(address)[:-4]
    for packet in (head + tail, head + b",ff\0" + tail):
        try:
            messages = read(packet, receiver.counters)
        except Malformed:
            continue
        for message in messages:
            receiver.inputs.osc(message, 0.0)
    for point in receiver.inputs.take():
        assert all(v is None or math.isfinite(v) for v in (point.x, point.y))
