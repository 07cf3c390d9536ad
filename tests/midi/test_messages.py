"""MIDI bytes to messages: several in one event, running status, real-time, system exclusive, broken bytes."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.midi.messages import LENGTHS, ChannelMessage, Splitter, channel_message


def split(text: str) -> list[str]:
    """The messages of one event, which is valid."""
    splitter = Splitter()
    messages = [message.hex() for message in splitter.split(bytes.fromhex(text))]
    assert splitter.malformed == 0
    return messages


@pytest.mark.parametrize(
    ("event", "messages"),
    [
        ("b00c40", ["b00c40"]),
        ("c005", ["c005"]),
        ("b00c27 b02c2e b00d5a b02d12", ["b00c27", "b02c2e", "b00d5a", "b02d12"]),  # Csound: a period in one event
        ("b00c27 2c2e 0d5a", ["b00c27", "b02c2e", "b00d5a"]),  # running status
        ("d1 05 0a", ["d105", "d10a"]),
        ("903c40 803c00", ["903c40", "803c00"]),
        ("f8", []),
        ("fe f8 fa fb fc ff f9 fd", []),
        ("b0f80cfe40", ["b00c40"]),  # real-time in the middle of a message
        ("c0 05 f8 d0 0a", ["c005", "d00a"]),
        ("f07e7f0601f7", ["f0"]),
        ("f07ef87ff7 b00c40", ["f0", "b00c40"]),
        ("f07e b00c40", ["f0", "b00c40"]),  # cut off by the next message
        ("f0f0f7", ["f0", "f0"]),
        ("f7", []),
        ("f20102 f6 f105 f303", ["f20102", "f6", "f105", "f303"]),
        ("", []),
    ],
)
def test_every_message_of_an_event_counts(event: str, messages: list[str]) -> None:
    assert split(event) == messages


@pytest.mark.parametrize(
    ("event", "messages"),
    [
        ("40", []),
        ("b0", []),
        ("b00c", []),
        ("b0 0cb00c40", ["b00c40"]),
        ("b00c40e000", ["b00c40"]),
        ("b00c40 0d", ["b00c40"]),
        ("f201", []),
        ("f60140", ["f6"]),
        ("f101 b00c40 400c f101 0d", ["f101", "b00c40", "b0400c", "f101"]),  # no running status for system messages
        ("f400", []),
    ],
)
def test_broken_bytes_are_counted_once_an_event_and_spoil_nothing_else(event: str, messages: list[str]) -> None:
    splitter = Splitter()
    assert [message.hex() for message in splitter.split(bytes.fromhex(event))] == messages
    assert splitter.malformed == 1
    assert splitter.split(b"\xb0\x0c\x40") == [b"\xb0\x0c\x40"]
    assert splitter.malformed == 1


def test_a_system_exclusive_message_may_span_several_events() -> None:
    splitter = Splitter()
    events = ["f07e7f", "010203", "04f7", "b00c40"]
    found = [message for event in events for message in splitter.split(bytes.fromhex(event))]
    assert found == [b"\xf0", b"\xb0\x0c\x40"]
    assert splitter.malformed == 0
    splitter.split(bytes.fromhex("010203"))  # after its end these are nothing
    assert splitter.malformed == 1


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_whatever_comes_every_message_is_whole(event: bytes) -> None:
    for message in Splitter().split(event):
        assert len(message) == (LENGTHS[message[0]] or 1)
        assert message[1:].isascii()


MESSAGES = st.builds(
    lambda status, one, two: bytes((status, one, two)[: LENGTHS[status]]),
    st.integers(0x80, 0xEF),
    st.integers(0, 127),
    st.integers(0, 127),
)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=20), st.booleans())
def test_a_stream_comes_back_whole_as_mido_reads_it(messages: list[bytes], running: bool) -> None:
    event, status = b"", 0
    for message in messages:
        event += message[1:] if running and message[0] == status else message
        status = message[0]
    assert Splitter().split(event) == messages
    assert [bytes(m.bytes()) for m in mido.parse_all(b"".join(messages))] == messages


def test_channel_messages() -> None:
    assert channel_message(b"\xb0\x0c\x40") == ChannelMessage(0xB0, 1, 12, 64)
    assert channel_message(b"\x9f\x3c\x00") == ChannelMessage(0x80, 16, 60, 0)  # velocity 0 is a note-off
    assert channel_message(b"\xc3\x07") == ChannelMessage(0xC0, 4, 7, 0)
    bend = channel_message(b"\xe0\x00\x40")
    assert bend is not None and bend.bend == 8192  # the LSB comes first
    assert channel_message(b"\xf6") is None
