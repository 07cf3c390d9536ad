"""Channel messages beside the values: which may pass, and what has to be ended at the end (P9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.outputs.notes import Notes, WaitingReleases, is_release

MAPPED = 74

messages = st.tuples(
    st.sampled_from([0x80, 0x81, 0x8F, 0x90, 0x91, 0x9F, 0xB0, 0xB1, 0xD0, 0xE1]),
    st.sampled_from([0, 1, 59, 60, 64, 120, 127]),
    st.sampled_from([0, 1, 63, 64, 127]),
)


def notes() -> Notes:
    return Notes([None, MAPPED])


@given(st.lists(messages, max_size=60))
def test_p9_what_sounds_at_the_end_is_ended_and_nothing_else_the_pedals_first(
    sequence: list[tuple[int, int, int]],
) -> None:
    gate = notes()
    keys: set[tuple[int, int]] = set()
    pedals: set[int] = set()
    for status, data1, data2 in sequence:
        if not gate.accept(status, data1, data2):
            continue
        kind, channel = status & 0xF0, status & 0x0F
        if kind == 0x90 and data2:
            keys.add((channel, data1))
        elif kind in (0x80, 0x90):
            keys.discard((channel, data1))
        elif kind == 0xB0 and data1 == 64 and data2 >= 64:
            pedals.add(channel)
        elif kind == 0xB0 and data1 == 64:
            pedals.discard(channel)
    releases = gate.releases()
    assert sorted(releases[: len(pedals)]) == [(0xB0 | channel, 64, 0) for channel in sorted(pedals)]
    assert sorted(releases[len(pedals) :]) == [(0x80 | channel, key, 0) for channel, key in sorted(keys)]


@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(-300, 300))
def test_p4_nothing_passes_but_channel_messages_that_change_no_patch(status: int, data1: int, data2: int) -> None:
    gate = notes()
    kind = status & 0xF0
    controls = kind == 0xB0 and data1 in (0, 32, 127, MAPPED)
    sane = 0x80 <= status <= 0xEF and 0 <= data1 <= 127 and 0 <= data2 <= 127
    passes = gate.accept(status, data1, data2)
    assert passes == (sane and kind != 0xC0 and not controls)
    assert gate.refused == (not passes)


@pytest.mark.parametrize("channel", [0, 15])
@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ((0x80, 60, 0), True),
        ((0x90, 60, 127), True),
        ((0xA0, 60, 1), True),
        ((0xB0, 1, 127), True),
        ((0xB0, 64, 127), True),
        ((0xB0, 127, 0), False),
        ((0xB0, 0, 0), False),
        ((0xB0, 32, 0), False),
        ((0xB0, MAPPED, 1), False),
        ((0xC0, 1, 0), False),
        ((0xD0, 1, 0), True),
        ((0xE0, 127, 127), True),
        ((0x90, 127, 127), True),
        ((0x90, 128, 1), False),
        ((0x90, 1, 128), False),
        ((0x90, -1, 1), False),
        ((0x90, 1, -1), False),
    ],
)
def test_what_may_pass_on_any_channel(channel: int, message: tuple[int, int, int], passes: bool) -> None:
    assert notes().accept(message[0] | channel, *message[1:]) == passes


@pytest.mark.parametrize("status", [0, 60, 0x7F, 0xF0, 0xF8, 0xFF, 0x180])
def test_what_is_no_channel_message_does_not_pass(status: int) -> None:
    gate = notes()
    assert not gate.accept(status, 1, 1)
    assert gate.refused == 1


@pytest.mark.parametrize("channel", [0, 7, 15])
@pytest.mark.parametrize(
    ("message", "ends"),
    [
        ((0x80, 60, 64), True),
        ((0x90, 60, 0), True),
        ((0x90, 60, 1), False),
        ((0xB0, 64, 0), True),
        ((0xB0, 64, 63), True),
        ((0xB0, 64, 64), False),
        ((0xB0, 1, 0), False),
        ((0xA0, 64, 0), False),
        ((0xE0, 64, 0), False),
    ],
)
def test_note_offs_and_a_lifted_pedal_end_something(channel: int, message: tuple[int, int, int], ends: bool) -> None:
    assert is_release(message[0] | channel, *message[1:]) == ends


def test_releases_wait_in_order_until_they_are_sent_and_nothing_else_waits() -> None:
    waiting, sent, room = WaitingReleases(), list[tuple[int, int, int]](), 0

    def send(*message: int) -> bool:
        status, data1, data2 = message
        if len(sent) == room:
            return False
        sent.append((status, data1, data2))
        return True

    messages = [(0x80, 60, 0), (0x91, 61, 0), (0xB0, 64, 0)]
    assert all(waiting.add(*message) for message in messages)
    assert waiting.add(0x80, 60, 9)
    assert not waiting.add(0x90, 62, 1)
    assert not waiting.add(0xB0, 64, 127)
    for room in (0, 2, 3, 4):
        waiting.send(send)
        assert (len(sent), len(waiting)) == (min(room, 3), 3 - min(room, 3))
    assert sent == [(0x80, 60, 9), *messages[1:]]
