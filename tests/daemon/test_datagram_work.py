"""One datagram cannot hold up the loop: what it may cause is bounded, the rest is refused, and the sender is told."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from latentd.daemon.datagram_work import MAX_WORK
from latentd.daemon.status_report import MAX_ASKERS
from latentd.instrument.motion import MAX_RECORDED, Playback, Recording
from latentd.osc import packets
from tests.support.daemon import Daemon
from tests.support.lines_run import lines_run
from tests.support.loop import Rig
from tests.support.rig import LIMIT_S, wait_for

Sent = tuple[str, tuple[float | str, ...]]

# About 2 ms. Without the bound most of these run 2 to 90 times as many.
MAX_LINES = 100_000
CLASSES = "*".join(["[!zq]"] * 10)
NAMES = [f"{'n' * 61}{i:03}" for i in range(packets.MAX_MESSAGES)]
HOSTILE: dict[str, list[Sent]] = {
    "patterns that match many": [(f"/latentd/param/{'?*' * (n % 7)}{'*' * n}", (0.5,)) for n in range(1, 129)],
    "patterns that match all": [(f"/latentd/{'*' * n}/*", (0.5,)) for n in range(1, 129)],
    "patterns that match none": [(f"/*/*/{CLASSES}{n}", (1.0,)) for n in range(128)],
    "long patterns": [(f"/latentd/{{{','.join(['a'] * 235)},{n}}}", ()) for n in range(100)],
    "one pattern again and again": [("/latentd/*/*", ("wrong",))] * 128,
    "unknown addresses": [(f"/latentd/landmark/got{n}", ()) for n in range(128)],
    "unknown parameters": [(f"/latentd/param/filter_cutof{n}", (1.0,)) for n in range(128)],
    "unknown landmarks": [("/latentd/landmark/goto", (name,)) for name in NAMES],
    "panics": [("/latentd/panic", ())] * 128,
    "saves": [("/latentd/save", (name,)) for name in NAMES],
}


def bundle(messages: Sequence[Sent]) -> bytes:
    """All of them in one datagram."""
    elements = [packets.write(address, *args) for address, args in messages]
    return b"#bundle\0" + bytes(8) + b"".join(len(e).to_bytes(4, "big") + e for e in elements)


@pytest.mark.parametrize("messages", HOSTILE.values(), ids=HOSTILE.keys())
def test_p12_no_datagram_causes_more_work_than_one_may(rig: Rig, messages: list[Sent]) -> None:
    rig.engine.place((0.5, 0.5), rig.clock.now)
    rig.engine.tick(rig.clock.now)
    rig.send_datagram(bundle(messages))
    assert 1000 < lines_run(lambda: rig.service._datagrams.read(rig.clock.now), 10 * MAX_LINES) < MAX_LINES
    counters = rig.service.status.counters
    assert counters.received == 1
    assert counters.excess > 0
    assert counters.faults == 0


def test_as_many_messages_as_one_datagram_can_hold_are_all_carried_out(daemon: Daemon) -> None:
    assert packets.MAX_MESSAGES < MAX_WORK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        values: list[Sent] = [("/latentd/param/filter_cutoff", (0.0,)), ("/latentd/param/reverb_width", (0.0,))] * 64
        client.sendto(bundle(values), ("127.0.0.1", daemon.port))
        wait_for(lambda: {"filter_cutoff", "reverb_width"} == daemon.status()["own"].keys(), "the parameters")
        with pytest.raises(BlockingIOError):
            client.recv(65536)
    for name in ("filter_cutoff", "reverb_width"):
        daemon.send("/latentd/lock", name, 0)


def test_the_sender_of_too_much_is_told_and_the_points_beside_it_are_followed(daemon: Daemon) -> None:
    before = daemon.status()["counters"]["excess"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT_S)
        patterns: list[Sent] = [(f"/*/*/{CLASSES}{n}", (1.0,)) for n in range(126)]
        points: list[Sent] = [("/latentd/xy", (0.25, 0.75)), ("/latentd/lock", ("master_vol", 1))]
        client.sendto(bundle(patterns + points), ("127.0.0.1", daemon.port))
        answer = packets.read(client.recv(65536))[0]
    assert answer.args == (
        "one datagram asks for too much: the rest of it is ignored. "
        "Send fewer messages, address patterns and mistakes in one",
    )
    wait_for(lambda: daemon.status()["xy"] == [0.25, 0.75], "the point")
    assert daemon.status()["own"] == {}, "a message behind the limit was carried out"
    assert daemon.status()["counters"]["excess"] > before


def test_the_limit_is_that_of_one_datagram_and_the_next_one_is_carried_out(daemon: Daemon) -> None:
    patterns = [(f"/*/*/{CLASSES}{n}", (1.0,)) for n in range(128)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(bundle(patterns), ("127.0.0.1", daemon.port))
    daemon.send("/latentd/lock", "master_vol", 1)
    wait_for(lambda: "master_vol" in daemon.status()["own"], "the lock")
    daemon.send("/latentd/lock", "master_vol", 0)


def test_playing_the_longest_recording_takes_no_longer_than_a_short_one(rig: Rig) -> None:
    rig.engine.place((0.5, 0.5), rig.clock.now)
    rig.engine.recording = recording = Recording(lambda: None)
    for n in range(MAX_RECORDED):
        recording.add((n / MAX_RECORDED, 0.5), float(n))
    rig.send_datagram(bundle([("/latentd/record", (0,)), *[("/latentd/play", (1,))] * 127]))
    assert lines_run(lambda: rig.service._datagrams.read(rig.clock.now), 10 * MAX_LINES) < MAX_LINES
    assert isinstance(rig.engine.motion, Playback)


def test_a_status_is_answered_once_to_each_and_of_too_many_at_once_the_last_ones_are_told(rig: Rig) -> None:
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(MAX_ASKERS + 1)]
    to = rig.service.config.address
    for client in clients:
        client.settimeout(LIMIT_S)
        client.sendto(bundle([("/latentd/status", ())] * 10), to)
    rig.run(1.0)
    answers = [packets.read(client.recv(65536))[0] for client in clients]
    assert [answer.address for answer in answers] == ["/latentd/status"] * MAX_ASKERS + ["/latentd/error"]
    assert answers[-1].args == ("/latentd/status: 16 others ask at this moment. Ask again",)
    for client in clients:
        client.setblocking(False)
        if client is not clients[-1]:
            with pytest.raises(BlockingIOError):
                client.recv(65536)
        client.close()
