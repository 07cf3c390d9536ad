"""Copies for `latentd monitor`: bounded, ended, and none without a client."""

from __future__ import annotations

import pytest

from latentd.daemon.monitor import ADDRESS, LASTS_S, MAX_COPIED, MAX_COPIES_PER_S, Monitors
from latentd.daemon.sender import Sender
from latentd.errors import LatentdError
from latentd.osc import packets

ME = Sender("127.0.0.1", 5000)
PHONE = Sender("192.168.1.5", 4444)
XY = packets.write("/xy", 0.25, 0.75)


class Wire:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[packets.Message, Sender]] = []
        self.monitors = Monitors(lambda packet, sender: self.sent.append((packets.read(packet)[0], sender)))


def test_copies_are_sent_from_the_first_request_until_the_client_leaves() -> None:
    wire = Wire()
    assert not wire.monitors.any
    wire.monitors.subscribe(ME, True, 0.0)
    assert wire.monitors.any
    wire.monitors.datagram(XY, PHONE, True, 0.1)
    wire.monitors.subscribe(ME, False, 0.2)
    assert not wire.monitors.any
    wire.monitors.datagram(XY, PHONE, True, 0.3)
    assert wire.sent == [(packets.Message(ADDRESS, ("osc", "192.168.1.5:4444", XY, 0)), ME)]


def test_a_client_that_does_not_ask_again_is_forgotten() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    wire.monitors.subscribe(ME, True, LASTS_S / 2)
    wire.monitors.datagram(XY, PHONE, True, LASTS_S + 1.0)
    assert len(wire.sent) == 1
    wire.monitors.datagram(XY, PHONE, True, LASTS_S * 2)
    assert len(wire.sent) == 1
    assert not wire.monitors.any


def test_a_flood_is_copied_at_most_200_times_a_second_and_the_rest_is_counted() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    for i in range(1000):
        wire.monitors.datagram(XY, PHONE, True, 1.0 + i * 0.0005)
    assert len(wire.sent) == MAX_COPIES_PER_S
    wire.monitors.datagram(XY, PHONE, True, 3.0)
    assert wire.sent[-1][0].args[3] == 1000 - MAX_COPIES_PER_S


def test_p12_a_fifth_client_is_refused_until_one_of_the_others_has_ended() -> None:
    wire = Wire()
    for port in range(1000, 1004):
        wire.monitors.subscribe(Sender("127.0.0.1", port), True, 0.0)
    for now in (0.0, LASTS_S):
        with pytest.raises(LatentdError, match=r"4 clients are sent copies already\. End one of them first"):
            wire.monitors.subscribe(ME, True, now)
    wire.monitors.datagram(XY, PHONE, True, 0.1)
    assert [sender.port for _, sender in wire.sent] == [1000, 1001, 1002, 1003]
    wire.monitors.subscribe(ME, True, LASTS_S + 0.1)  # the others have not asked again
    wire.sent.clear()
    wire.monitors.datagram(XY, PHONE, True, LASTS_S + 0.2)
    assert [sender for _, sender in wire.sent] == [ME]


def test_refused_and_long_datagrams_and_midi_are_labelled() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    wire.monitors.datagram(XY, PHONE, False, 0.1)
    wire.monitors.datagram(b"/long\0\0\0" + bytes(MAX_COPIED), PHONE, True, 0.1)
    wire.monitors.midi(b"\xb0\x0c\x40", "latentd:midi_in", 0.1)
    assert [message.args[0] for message, _ in wire.sent] == ["refused", "long", "midi"]
    long_copy = wire.sent[1][0].args[2]
    assert isinstance(long_copy, bytes) and len(long_copy) < 100


def test_of_an_empty_datagram_only_the_arrival_is_copied() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    wire.monitors.datagram(b"", PHONE, True, 0.1)
    wire.monitors.datagram(b"", PHONE, False, 0.1)
    wire.monitors.midi(b"", "latentd:midi_in", 0.1)
    copies = [message.args for message, _ in wire.sent]
    assert [(kind, data) for kind, _, data, _ in copies] == [("osc", None), ("refused", None), ("midi", None)]


def test_requests_and_acknowledgements_are_not_copied() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    for address in ("/latentd/monitor", "/latentd/status", "/latentd/ping", "/reply"):
        wire.monitors.datagram(packets.write(address, 1), ME, True, 0.1)
    assert not wire.sent


def test_a_monitor_that_is_gone_raises_no_error() -> None:
    def gone(_packet: bytes, _sender: Sender) -> None:
        raise ConnectionRefusedError

    monitors = Monitors(gone)
    monitors.subscribe(ME, True, 0.0)
    monitors.datagram(XY, PHONE, True, 0.1)


def test_a_copy_is_whole_up_to_the_longest_and_midi_is_cut_there() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    for length in (MAX_COPIED, MAX_COPIED + 1):
        wire.monitors.datagram(b"/" * length, PHONE, True, 0.1)
        wire.monitors.midi(b"\xf0" * length, "latentd:midi_in", 0.1)
    kept = [(message.args[0], len(bytes(message.args[2]))) for message, _ in wire.sent]  # type: ignore[call-overload]  # bytes
    assert kept == [("osc", MAX_COPIED), ("midi", MAX_COPIED), ("long", 64), ("midi", MAX_COPIED)]


def test_p12_every_second_has_its_own_limit_and_who_asks_again_keeps_its_place() -> None:
    wire = Wire()
    wire.monitors.subscribe(ME, True, 0.0)
    for second in (5.0, 6.0, 7.5):
        before = len(wire.sent)
        for i in range(300):
            wire.monitors.midi(b"\xf8", "port", second + 0.003 * i)
        assert len(wire.sent) - before == 200
    wire.sent.clear()
    for port in (1, 2, 3):
        wire.monitors.subscribe(Sender("127.0.0.1", port), True, 9.0)
    for _ in range(10):
        wire.monitors.subscribe(ME, True, 9.0)
    wire.monitors.midi(b"\xf8", "port", 9.0)
    assert sorted(sender for _, sender in wire.sent) == [Sender("127.0.0.1", port) for port in (1, 2, 3, 5000)]
