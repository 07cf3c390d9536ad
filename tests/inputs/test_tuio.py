"""TUIO 1.1 cursors and TUIO 2.0 pointers to points."""

from __future__ import annotations

import math
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.inputs.source import Source
from latentd.inputs.tuio import Tuio11
from latentd.osc.packets import Message, write
from latentd.status import Counters
from tests.support.mapped import Receiver

CURSOR = "/tuio/2Dcur"


def bundle(*messages: bytes) -> bytes:
    return b"#bundle\0\0\0\0\0\0\0\0\1" + b"".join(struct.pack(">i", len(m)) + m for m in messages)


def frame(
    alive: list[int], places: dict[int, tuple[float, float]], fseq: int, source: str | None = "test@localhost"
) -> bytes:
    """One bundle as TuioServer.cpp sends it."""
    return bundle(
        *([] if source is None else [write(CURSOR, "source", source)]),
        write(CURSOR, "alive", *alive),
        *(write(CURSOR, "set", s, x, y, 0.0, 0.0, 0.0) for s, (x, y) in places.items()),
        write(CURSOR, "fseq", fseq),
    )


def test_the_bytes_of_one_frame() -> None:
    packet = (
        b"#bundle\0\0\0\0\0\0\0\0\1"
        b"\0\0\0\x1c/tuio/2Dcur\0,si\0alive\0\0\0\0\0\0\x0c"
        b"\0\0\0\x34/tuio/2Dcur\0,sifffff\0\0\0\0set\0\0\0\0\x0c\x3e\x80\0\0\x3f\0\0\0" + b"\0" * 12 + b""
        b"\0\0\0\x1c/tuio/2Dcur\0,si\0fseq\0\0\0\0\0\0\0\1"
    )
    receiver = Receiver("tuio")
    assert receiver.datagram(packet)
    assert receiver.counters.malformed == 0
    assert receiver.place() == (0.25, 0.5, True)


def test_nothing_moves_before_fseq() -> None:
    receiver = Receiver("tuio")
    receiver.osc(CURSOR, "alive", 1)
    receiver.osc(CURSOR, "set", 1, 0.25, 0.5, 0.0, 0.0, 0.0)
    assert receiver.point() is None
    receiver.osc(CURSOR, "fseq", 1)
    assert receiver.place() == (0.25, 0.5, True)


def test_the_first_cursor_leads_and_the_next_takes_over() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.1, 0.1)}, 1))
    receiver.datagram(frame([1, 2], {2: (0.75, 0.75)}, 2))
    assert receiver.place() == (0.1, 0.1, True)
    receiver.datagram(frame([1, 2], {2: (0.5, 0.75)}, 3))
    assert receiver.place() == (0.1, 0.1, True)
    receiver.datagram(frame([2], {}, 4))
    assert receiver.place() == (0.5, 0.75, True)
    receiver.datagram(frame([], {}, 5))
    assert receiver.place() == (0.5, 0.75, False)
    receiver.datagram(frame([], {}, 6))
    assert receiver.point() is None  # idle frames set nothing


def test_an_overtaken_frame_is_dropped_but_minus_one_never_is() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.5, 0.5)}, 100), now=1.0)
    receiver.datagram(frame([1], {1: (0.1, 0.1)}, 99), now=1.0)
    assert receiver.place() == (0.5, 0.5, True)
    receiver.datagram(frame([1], {1: (0.75, 0.25)}, -1), now=1.1)  # full state
    assert receiver.place() == (0.75, 0.25, True)
    receiver.datagram(frame([], {}, -1), now=1.2)  # the end
    assert receiver.place() == (0.75, 0.25, False)


def test_split_frames_share_their_number() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1, 2, 3], {1: (0.1, 0.2), 2: (0.3, 0.4)}, 7))
    receiver.datagram(frame([1, 2, 3], {3: (0.5, 0.75)}, 7))
    assert receiver.place() == (0.1, 0.2, True)
    receiver.datagram(frame([3], {}, 8))
    assert receiver.place() == (0.5, 0.75, True)


def test_a_restarted_sender_counts_at_once_or_after_a_second() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.5, 0.5)}, 5_000), now=1.0)
    receiver.datagram(frame([9], {9: (0.25, 0.25)}, 1), now=1.1)  # far back
    assert receiver.place() == (0.25, 0.25, True)
    receiver.datagram(frame([9], {9: (0.5, 0.25)}, 30), now=1.2)
    receiver.datagram(frame([1], {1: (0.75, 0.75)}, 2), now=3.0)  # a little back, after a silence
    assert receiver.place() == (0.75, 0.75, True)
    receiver.datagram(frame([], {}, -1), now=3.1)  # announces its start
    receiver.datagram(frame([4], {4: (0.1, 0.1)}, 1), now=3.2)
    assert receiver.place() == (0.1, 0.1, True)


def test_a_lost_set_waits_for_the_next_one() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {}, 1))
    assert receiver.point() is None
    receiver.datagram(frame([1], {1: (0.5, 0.25)}, 2))
    assert receiver.place() == (0.5, 0.25, True)


def test_broken_sets_are_malformed_and_never_a_point() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(
        bundle(
            write(CURSOR, "alive", 1, 2),
            write(CURSOR, "set", 1, float("nan"), 0.5),
            write(CURSOR, "set", 2, 0.5),
            write(CURSOR, "set"),
            write(CURSOR, "fseq", 1),
            write(CURSOR, "fseq", "x"),
        )
    )
    assert receiver.counters.malformed == 4
    assert receiver.point() is None
    assert not receiver.osc(CURSOR, "unheard of")
    assert not receiver.osc(CURSOR)


def test_a_flood_of_cursors_does_not_grow_memory() -> None:
    receiver = Receiver("tuio")
    for i in range(1_000):
        receiver.osc(CURSOR, "set", i, 0.5, 0.5)
    receiver.osc(CURSOR, "fseq", 1)
    assert receiver.counters.malformed == 1_000 - 64
    for i in range(1_000, 2_000):
        receiver.osc(CURSOR, "set", i, 0.5, 0.5)
        receiver.osc(CURSOR, "fseq", i)
    assert receiver.place() == (0.5, 0.5, True)


LEFT, RIGHT = "table@10.0.0.2", "table@10.0.0.3"


def test_trackers_on_one_port_keep_their_cursors_and_the_first_of_them_all_leads() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.25, 0.25)}, 5_000, LEFT))
    receiver.datagram(
        frame([1], {1: (0.75, 0.75)}, 3, RIGHT)
    )  # the same id and a lower frame number, of another tracker
    assert receiver.place() == (0.25, 0.25, True)
    receiver.datagram(frame([], {}, 4, RIGHT))
    receiver.datagram(frame([1], {1: (0.5, 0.25)}, 5_001, LEFT))
    assert receiver.place() == (0.5, 0.25, True)
    receiver.datagram(frame([2], {2: (0.1, 0.9)}, 5, RIGHT))
    receiver.datagram(frame([], {}, 5_002, LEFT))
    assert receiver.place() == (0.1, 0.9, True)
    receiver.datagram(frame([], {}, 6, RIGHT))
    assert receiver.place() == (0.1, 0.9, False)


def test_a_frame_overtaken_is_one_of_the_same_tracker() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.5, 0.5)}, 100, LEFT), now=1.0)
    receiver.datagram(frame([1], {1: (0.9, 0.9)}, 90, RIGHT), now=1.0)
    receiver.datagram(frame([1], {1: (0.25, 0.25)}, 99, LEFT), now=1.1)
    assert receiver.place() == (0.5, 0.5, True)
    receiver.datagram(frame([], {}, 101, LEFT), now=1.2)
    assert receiver.place() == (0.9, 0.9, True)


def test_what_names_no_source_belongs_to_the_last_one_or_to_a_nameless_one() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.1, 0.1)}, 1, None))
    receiver.datagram(frame([2], {2: (0.5, 0.5)}, 1, LEFT))
    assert receiver.place() == (0.1, 0.1, True)
    receiver.datagram(frame([], {}, 2, None))  # of LEFT
    receiver.datagram(frame([3], {3: (0.9, 0.9)}, 1, RIGHT))
    assert receiver.place() == (0.1, 0.1, True)
    assert receiver.counters.malformed == 0
    receiver.osc(CURSOR, "source")
    receiver.osc(CURSOR, "source", 7)
    assert receiver.counters.malformed == 2


def test_a_tracker_that_was_unplugged_leaves_the_lead_to_one_that_plays() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.1, 0.1)}, 1, LEFT), now=0.0)
    receiver.datagram(frame([1], {1: (0.9, 0.9)}, 1, RIGHT), now=5.0)
    receiver.datagram(frame([], {}, 2, RIGHT), now=6.0)  # no cursor is down there, so the lead is free
    assert receiver.place() == (0.1, 0.1, True)
    receiver.datagram(frame([2], {2: (0.9, 0.5)}, 3, RIGHT), now=6.1)
    assert receiver.place() == (0.9, 0.5, True)
    receiver.datagram(frame([1], {1: (0.25, 0.25)}, 2, LEFT), now=6.2)  # it only rested
    receiver.datagram(frame([], {}, 4, RIGHT), now=6.3)
    assert receiver.place() == (0.25, 0.25, True)


def test_made_up_source_names_do_not_grow_memory_and_are_counted() -> None:
    counters = Counters()
    tuio = Tuio11(Source("tuio", counters), counters)
    for i in range(10_000):
        tuio.read(Message(CURSOR, ("source", f"nobody@{i}")), 0.0)
        tuio.read(Message(CURSOR, ("set", i, 0.5, 0.5)), 0.0)
        tuio.read(Message(CURSOR, ("fseq", i)), 0.0)
    assert len(tuio._trackers._trackers) <= 16
    assert len(tuio._trackers._fingers) <= 16
    assert counters.excess == 10_000 - 16


def test_made_up_source_names_do_not_end_a_cursor() -> None:
    receiver = Receiver("tuio")
    receiver.datagram(frame([1], {1: (0.25, 0.75)}, 1, LEFT))
    for i in range(10_000):
        receiver.osc(CURSOR, "source", f"nobody@{i}")
        if i % 10 == 0:
            receiver.datagram(frame([i], {}, i, f"empty@{i}"))
    receiver.datagram(frame([1], {}, 2, LEFT))
    assert receiver.place() == (0.25, 0.75, True)


def test_made_up_trackers_with_cursors_stay_few_and_the_one_that_plays_comes_back() -> None:
    receiver = Receiver("tuio")
    for i in range(10_000):
        receiver.datagram(frame([1], {1: (0.5, 0.5)}, 1, f"nobody@{i}"), now=i / 10_000)
    receiver.datagram(frame([1], {1: (0.25, 0.75)}, 1, LEFT), now=1.0)
    receiver.datagram(frame([1], {1: (0.25, 0.25)}, 2, LEFT), now=6.1)
    assert receiver.place() == (0.25, 0.25, True)
    receiver.datagram(frame([], {}, 3, LEFT), now=6.2)
    assert receiver.place() == (0.25, 0.25, False)  # none of the others is left


def pointers(
    number: int, places: dict[int, tuple[float, float]], alive: list[int], source: str | float = "test"
) -> bytes:
    """One TUIO 2.0 frame; the numbers of the example in TUIO20_CPP's wiki."""
    return bundle(
        write("/tuio2/frm", number, 0, 0x02800200, source),
        *(write("/tuio2/ptr", s, 0x00020005, 0, x, y, 1.24, 0.0, 0.001, 0.0) for s, (x, y) in places.items()),
        write("/tuio2/tok", 99, 0, 4, 0.9, 0.9, 0.0),
        write("/tuio2/alv", *alive),
    )


def test_tuio2_pointers_lead_and_lift() -> None:
    receiver = Receiver("tuio2")
    receiver.datagram(pointers(1, {537: (0.163, 0.396)}, [99, 537]))
    assert receiver.place() == (0.163, 0.396, True)  # the token is alive, but no pointer
    receiver.datagram(pointers(2, {538: (0.5, 0.5)}, [99, 537, 538]))
    assert receiver.place() == (0.163, 0.396, True)
    receiver.datagram(pointers(1, {537: (0.9, 0.9)}, [537]))  # overtaken
    assert receiver.point() is None
    receiver.datagram(pointers(3, {}, [538]))
    assert receiver.place() == (0.5, 0.5, True)
    receiver.datagram(pointers(4, {}, [99]))
    assert receiver.place() == (0.5, 0.5, False)
    receiver.osc("/tuio2/ptr", 1, 0, 0, float("inf"), 0.5)
    assert receiver.counters.malformed == 1


def test_tuio2_trackers_keep_their_pointers() -> None:
    receiver = Receiver("tuio2")
    receiver.datagram(pointers(500, {1: (0.25, 0.25)}, [1], LEFT))
    receiver.datagram(pointers(490, {1: (0.75, 0.75)}, [1], RIGHT))
    receiver.datagram(pointers(491, {}, [1], RIGHT))
    assert receiver.place() == (0.25, 0.25, True)
    receiver.datagram(pointers(501, {}, [], LEFT))
    assert receiver.place() == (0.75, 0.75, True)
    receiver.datagram(pointers(1, {5: (0.1, 0.1)}, [5], 7.0))  # names none
    receiver.datagram(pointers(492, {}, [], RIGHT))
    assert receiver.place() == (0.1, 0.1, True)


SCALARS = st.one_of(st.sampled_from(["set", "alive", "fseq", "source"]), st.integers(-2, 300), st.floats())
ADDRESSES = st.sampled_from([CURSOR, "/tuio2/frm", "/tuio2/ptr", "/tuio2/alv"])


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(ADDRESSES, st.lists(SCALARS, max_size=6)), max_size=30))
def test_no_sequence_of_messages_raises_or_gives_a_wild_point(messages: list[tuple[str, list[object]]]) -> None:
    receiver = Receiver("tuio", "tuio2")
    for i, (address, args) in enumerate(messages):
        receiver.inputs.osc(Message(address, tuple(args)), i / 10)
        for point in receiver.inputs.take():
            assert all(v is None or math.isfinite(v) for v in (point.x, point.y))
