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
from tests.support.mapped import Hearing, loaded


def test_one_message_two_floats() -> None:
    hearing = Hearing("xy")
    assert hearing.osc("/xy", 0.25, 0.5, now=3.0)
    assert hearing.point() == Point(0.25, 0.5, None, "xy", 3.0)
    assert hearing.point() is None
    assert hearing.osc("/xy/touch", 1)
    assert hearing.place() == (0.25, 0.5, True)
    assert not hearing.osc("/xyz", 0.1, 0.2)


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [("i", 1, 1.0), ("d", 0.1, 0.1), ("h", 1, 1.0), ("T", True, 1.0), ("F", False, 0.0)]
)
def test_any_numeric_type_is_a_number(kind: str, value: float, expected: float) -> None:
    builder = OscMessageBuilder("/xy")
    for _ in range(2):
        builder.add_arg(value, kind)
    hearing = Hearing("xy")
    assert hearing.datagram(builder.build().dgram)
    assert hearing.place() == (expected, expected, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -3e9, 2**62])
def test_values_that_no_device_measures_are_malformed_and_never_a_point(value: float) -> None:
    hearing = Hearing("xy")
    assert hearing.osc("/xy", 0.5, 0.5)
    hearing.inputs.take()
    assert hearing.osc("/xy", 0.1, value)
    assert hearing.osc("/xy", value, 0.1)
    assert hearing.osc("/xy/touch", value)
    assert hearing.point() is None
    assert hearing.counters.malformed == 3


def test_missing_and_foreign_arguments_are_malformed() -> None:
    hearing = Hearing("xy")
    hearing.osc("/xy", 0.1)
    hearing.osc("/xy", "a", "b")
    assert hearing.counters.malformed == 2
    assert hearing.point() is None


def test_the_values_of_an_array_count_as_arguments() -> None:
    hearing = Hearing("xy")
    assert hearing.datagram(b"/xy\0,[ff]\0\0\0" + struct.pack(">ff", 0.25, 0.5))
    assert hearing.place() == (0.25, 0.5, None)


def test_nil_leaves_an_axis_where_it_is() -> None:
    hearing = Hearing("xy", text="osc: {step: 2.0, relative: true, messages: [{address: /step, x: 0, y: 1}]}")
    hearing.osc("/xy", 0.25, 0.5)
    assert hearing.osc("/xy", None, 0.75)
    assert hearing.place() == (0.25, 0.75, None)
    assert hearing.osc("/step", 0.25, None)
    assert hearing.place() == (0.5, None, None)
    assert hearing.osc("/xy", None, None)
    assert hearing.point() is None
    assert hearing.counters.malformed == 0
    hearing.osc("/xy/touch", None)
    assert hearing.counters.malformed == 1


def test_nil_leaves_an_axis_of_a_finger_where_it_is() -> None:
    hearing = Hearing("blocksosc")
    hearing.osc("/block/lightpad/0/on", 0, 0.1, 0.2, 0.5)
    hearing.osc("/block/lightpad/0/position", 0, None, 0.9, 0.5)
    assert hearing.place() == (0.1, 0.9, True)
    assert hearing.counters.malformed == 0


def test_zero_bytes_after_an_address_are_no_arguments() -> None:
    hearing = Hearing(text="osc: {messages: [{address: /on, touch: true}, {address: /xy, x: 0, y: 1}]}")
    assert hearing.datagram(b"/on\0" + bytes(8))
    assert hearing.place() == (None, None, True)
    assert not hearing.datagram(b"/xy\0" + bytes(8))


def test_a_message_without_arguments_is_passed_over() -> None:
    hearing = Hearing("open-stage-control")  # sends such on a double tap
    assert not hearing.osc("/xy_1")
    assert not hearing.datagram(b"/xy_1\0\0\0")
    assert hearing.counters.malformed == 0


def test_missing_type_tags_only_where_the_mapping_declares_the_types() -> None:
    bare = b"/xy\0" + struct.pack(">ff", 0.25, 0.5)
    hearing = Hearing("xy")
    assert hearing.datagram(bare)
    assert hearing.place() == (0.25, 0.5, None)
    assert hearing.datagram(b"/xy\0" + struct.pack(">ii", 0, 1))  # as integers
    assert hearing.place() == (0.0, 1.0, None)
    assert hearing.datagram(b"/xy\0" + struct.pack(">f", 0.25))  # too short for what is declared
    assert hearing.counters.malformed == 1
    hearing = Hearing(text="osc: {messages: [{address: /xy, x: 0, y: 1}]}")
    assert not hearing.datagram(bare)
    assert hearing.point() is None


def test_the_newest_wins_and_the_loss_is_counted() -> None:
    hearing = Hearing("xy")
    for i in range(1_000):
        hearing.osc("/xy", i / 1_000, 0.5, now=float(i))
    assert hearing.place() == (0.999, 0.5, None)
    assert hearing.counters.superseded == 999
    assert hearing.point() is None


def test_axes_in_messages_of_their_own_complete_each_other() -> None:
    hearing = Hearing("iosc")
    assert hearing.osc("/osc/padx", 0.25)
    assert hearing.place() == (0.25, None, None)
    hearing.osc("/osc/padx", 0.5)
    hearing.osc("/osc/pady", 0.75)
    assert hearing.counters.superseded == 0  # the second half of a point replaces nothing
    assert hearing.place() == (0.5, 0.75, None)


def test_floats_are_picked_by_index() -> None:
    hearing = Hearing("leap-osc")
    hearing.osc("/leap/frame/hand/pos", 7, -20.0, 210.0, 3.0)
    assert hearing.place() == (-20.0, 210.0, None)
    hearing = Hearing("oscxyam")
    hearing.osc("/c_set", 4, 0.25, 5, 0.75)
    assert hearing.place() == (0.25, 0.75, None)


def test_wildcards_in_mappings() -> None:
    for prefix in ("/ZIGSIM/9f-3a", "/9f-3a"):
        hearing = Hearing("zigsim")
        assert hearing.osc(f"{prefix}/touch01", -0.5)
        assert hearing.osc(f"{prefix}/touch02", 0.5)
        assert hearing.place() == (-0.5, 0.5, None)
        assert hearing.osc(f"{prefix}/touch0", 0.25, 0.75)
        assert hearing.place() == (0.25, 0.75, None)
        assert not hearing.osc(f"{prefix}/a/touch01", 0.0)


def test_incoming_address_patterns() -> None:
    hearing = Hearing("xy", "iosc")
    assert hearing.osc("/x?", 0.25, 0.5)
    assert [p.source for p in hearing.inputs.take()] == ["xy"]
    assert hearing.osc("/{xy,osc/padx}", 0.1, 0.2) is False  # braces do not cross a slash
    assert hearing.osc("/osc/pad[xy]", 0.75)
    assert hearing.place() == (0.75, 0.75, None)
    assert not hearing.osc("/*/*/*", 0.5)


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
def test_a_mappings_pattern_that_stands_for_too_much_is_passed_over(mine: str) -> None:
    hearing = Hearing(text=f'osc: {{messages: [{{address: "{mine}", x: 0, y: 1}}]}}')
    assert not hearing.osc("/*", 0.1, 0.2)


NAMES = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]
PIECES = st.sampled_from(["a", "b", "[ab]", "[!a]", "[a-b]", "{a,ba}", "{,b}", "ab"])
WILD = st.one_of(PIECES, st.sampled_from(["*", "?"]))


@settings(deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=2).map("".join), st.lists(WILD, min_size=1, max_size=3).map("".join))
def test_an_incoming_pattern_and_a_mappings_meet_where_one_name_is_of_both(mine: str, pattern: str) -> None:
    assume(is_pattern(pattern))
    assume(mine.count("!") < 2)  # two of these stand for too much
    names = NAMES + ["".join(letters) for letters in itertools.product("abc", repeat=2)] + ["c", "ca", "cba", "bac"]
    both = [name for name in names if matches(f"/{mine}", f"/{name}") and matches(f"/{pattern}", f"/{name}")]
    hearing = Hearing(text=f'osc: {{messages: [{{address: "/{mine}", x: 0, y: 1}}]}}')
    found = hearing.osc(f"/{pattern}", 0.1, 0.2)
    if both:
        assert found, both
    elif "!" not in mine + pattern:  # else there may be names beyond these letters
        assert not found


def test_lemurs_lists() -> None:
    hearing = Hearing("lemur")
    hearing.osc("/MultiBall/x", 0.25, 0.9)
    hearing.osc("/MultiBall/y", 0.75, 0.9)
    hearing.osc("/MultiBall/z", 0.125, 0.0)
    assert hearing.place() == (0.25, 0.75, True)
    hearing.osc("/MultiBall/z", 0.0, 0.0)
    assert hearing.place() == (0.25, 0.75, False)


def test_monome_keys_the_newest_that_is_held_is_the_point() -> None:
    hearing = Hearing("monome-grid")
    for args, place in [
        ((3, 4, 1), (3, 4, True)),
        ((5, 6, 1), (5, 6, True)),
        ((3, 4, 0), (5, 6, True)),
        ((1, 1, 1), (1, 1, True)),
        ((1, 1, 0), (5, 6, True)),
        ((5, 6, 0), (5, 6, False)),
    ]:
        assert hearing.osc("/monome/grid/key", *args)
        assert hearing.place() == place, args


def test_arc_movements_add_up_until_they_are_taken() -> None:
    hearing = Hearing("monome-arc")
    for delta in (3, -1, 5):
        assert hearing.osc("/monome/enc/delta", 0, delta)
    assert hearing.osc("/monome/enc/delta", 1, -2)
    assert not hearing.osc("/monome/enc/delta", 2, 9)
    [point] = hearing.inputs.take()
    assert point.relative
    assert [point.x, point.y] == pytest.approx([0.014, -0.004])
    hearing.osc("/monome/enc/delta", 0, 1)
    assert hearing.place() == (0.002, None, None)
    assert hearing.counters.superseded == 0


def test_lightpad_fingers_the_first_leads_and_the_next_takes_over() -> None:
    hearing = Hearing("blocksosc")
    pad = "/block/lightpad/0"
    hearing.osc(f"{pad}/on", 0, 0.1, 0.2, 0.5)
    hearing.osc(f"{pad}/on", 1, 0.8, 0.9, 0.5)
    hearing.osc(f"{pad}/position", 1, 0.7, 0.9, 0.5)
    assert hearing.place() == (0.1, 0.2, True)
    hearing.osc(f"{pad}/off", 0)
    assert hearing.place() == (0.7, 0.9, True)
    hearing.osc(f"{pad}/off", 1)
    assert hearing.place() == (0.7, 0.9, False)


def test_a_count_of_nobody_is_touch_off_without_a_position() -> None:
    hearing = Hearing("mediapipe-hands")
    hand = [v for i in range(21) for v in (i / 100, 1 - i / 100, 0.0, 1.0)]
    hearing.osc("/mediapipe/hands", 1, *hand)
    assert hearing.place() == (0.08, 0.92, True)
    hearing.osc("/mediapipe/hands", 0)
    assert hearing.place() == (0.08, 0.92, False)
    assert hearing.counters.malformed == 0


def test_only_picks_the_joint() -> None:
    hearing = Hearing("osceleton")
    assert not hearing.osc("/joint", "l_hand", 1, 0.1, 0.1, 0.1)
    assert hearing.osc("/joint", "r_hand", 1, 0.5, 0.25, 2.0)
    assert hearing.place() == (0.5, 0.25, None)


def test_each_mapping_is_a_source_of_its_own() -> None:
    hearing = Hearing("xy", "iosc")
    hearing.osc("/osc/padx", 0.5)
    hearing.osc("/xy", 0.1, 0.2)
    assert [p.source for p in hearing.inputs.take()] == ["xy", "iosc"]


def test_made_up_addresses_and_fingers_do_not_grow_memory() -> None:
    hearing = Hearing("xy", "zigsim", "blocksosc")
    for i in range(5_000):
        hearing.osc(f"/nobody/{i}", 0.5)
        hearing.osc("/block/lightpad/0/on", i, 0.1, 0.2, 0.5)
    assert len(hearing.inputs._known) <= 1_024
    assert hearing.osc("/xy", 0.25, 0.5)


ARGUMENTS = st.one_of(
    st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=3), st.binary(max_size=3), st.none()
)
NESTED = st.recursive(ARGUMENTS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)


def addresses() -> list[str]:
    """An address that each message of the shipped mappings hears."""
    found = ["/tuio/2Dcur", "/tuio2/frm", "/tuio2/ptr", "/tuio2/alv"]
    for path in shipped_mappings():
        section = loaded(path.stem).file.osc
        for message in section.messages if section else ():
            literal = message.address.replace("*", "1")
            found.append(re.sub(r"\[(.).*?\]|\{(\w+).*?\}", r"\1\2", literal))
    return found


def test_every_shipped_osc_mapping_hears_its_own_addresses() -> None:
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
    hearing = Hearing("xy", "tuio")
    head = write(address)[:-4]
    for packet in (head + tail, head + b",ff\0" + tail):
        try:
            messages = read(packet, hearing.counters)
        except Malformed:
            continue
        for message in messages:
            hearing.inputs.osc(message, 0.0)
    for point in hearing.inputs.take():
        assert all(v is None or math.isfinite(v) for v in (point.x, point.y))
