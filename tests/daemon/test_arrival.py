"""When a datagram arrived: by the kernel's stamp, on our own clock, whatever becomes of the system's clock."""

from __future__ import annotations

import random
import signal
import socket
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from latentd.daemon.arrival import Arrivals, clock_offset
from latentd.daemon.datagrams import MAX_DATAGRAMS, Datagrams
from latentd.inputs.receiver import JACK_PORT
from latentd.osc import packets
from latentd.status import Counters
from tests.support.daemon import free_port, latentd, wait_s
from tests.support.loop import Rig
from tests.support.rig import LIMIT_S

WAITED_S = 0.3
BOOT = 1.7e9  # seconds since 1970 when the monotonic clock was 0


@pytest.mark.parametrize("address", ["/latentd/xy", "/xy"])
def test_p11_the_latency_counts_from_the_arrival_in_the_kernel(address: str) -> None:
    with latentd("--output", "print") as daemon:
        daemon.send_signal(signal.SIGSTOP)
        daemon.send(address, 0.25, 0.75)
        wait_s(WAITED_S)
        daemon.send_signal(signal.SIGCONT)
        daemon.settle()
        assert daemon.status()["latency"]["max_ms"] >= WAITED_S * 1e3


class Clocks:
    """The system's clock and the monotonic one. The time is an argument; what NTP does is called."""

    def __init__(self) -> None:
        self.offset = BOOT
        self.arrivals = Arrivals(0.0, lambda: self.offset)

    def step(self, seconds: float) -> None:
        """Someone sets the clock."""
        self.offset += seconds

    def stamp(self, at: float) -> float:
        """The kernel's stamp of a datagram that arrives at `at`."""
        return at + self.offset

    def read(self, now: float, *stamps: float) -> list[float]:
        """One turn at `now` that empties the socket."""
        self.arrivals.begin()
        found = [self.arrivals.find(stamp, now) for stamp in stamps]
        self.arrivals.emptied(now)
        return found


def test_a_stamp_becomes_a_time_of_the_monotonic_clock() -> None:
    clocks = Clocks()
    stamps = [clocks.stamp(at) for at in (10.0, 10.1, 10.279)]
    assert clocks.read(10.28, *stamps) == pytest.approx([10.0, 10.1, 10.279], abs=1e-6)


@pytest.mark.parametrize("step_s", [-3600.0, -0.5, -0.02, 0.02, 0.5, 3600.0, 1e9])
def test_a_step_of_the_clock_between_two_datagrams_changes_nothing(step_s: float) -> None:
    clocks = Clocks()
    assert clocks.read(10.0, clocks.stamp(9.9)) == pytest.approx([9.9], abs=1e-6)
    clocks.step(step_s)
    assert clocks.read(20.0, clocks.stamp(19.9)) == pytest.approx([19.9], abs=1e-6)
    assert clocks.read(30.0, clocks.stamp(29.9)) == pytest.approx([29.9], abs=1e-6)


@pytest.mark.parametrize("step_s", [-3600.0, -0.5, 0.5, 3600.0, 1e9])
def test_nor_does_one_while_a_datagram_waits_or_between_two_that_wait(step_s: float) -> None:
    clocks = Clocks()
    clocks.read(10.0)
    before = clocks.stamp(10.15)
    clocks.step(step_s)
    after = clocks.stamp(10.25)
    assert clocks.read(10.3, before, after) == pytest.approx([10.15, 10.25], abs=1e-6)


@pytest.mark.parametrize("idle_s", [4000.0, 7200.0])
def test_a_step_that_would_make_a_wait_of_an_hour_came_after_the_datagram(idle_s: float) -> None:
    clocks = Clocks()
    clocks.read(10.0)
    now = 10.0 + idle_s
    before = clocks.stamp(now - 0.25)
    clocks.step(3600.0)
    after = clocks.stamp(now - 0.125)
    assert clocks.read(now, before, after) == pytest.approx([now - 0.25, now - 0.125], abs=1e-6)


def test_a_second_step_is_told_from_the_first() -> None:
    clocks = Clocks()
    clocks.step(-500.0)
    clocks.read(10.0)
    clocks.step(300.0)
    clocks.read(20.0)
    before = clocks.stamp(20.125)
    clocks.step(40.0)
    assert clocks.read(20.25, before, clocks.stamp(20.2)) == pytest.approx([20.125, 20.2], abs=1e-6)


class Watched(Arrivals):
    """Notes when the socket was empty."""

    def __init__(self) -> None:
        super().__init__(time.monotonic())
        self.empty: list[float] = []

    def emptied(self, now: float) -> None:
        super().emptied(now)
        self.empty.append(now)


def test_datagrams_have_the_kernels_time_and_the_socket_counts_as_empty_once_it_is() -> None:
    arrived: list[float] = []
    port = free_port()
    with (
        Datagrams(("127.0.0.1", port), [], Counters(), lambda _m, _s, _now, at: arrived.append(at)) as datagrams,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        watched = datagrams._arrivals = Watched()
        times = []
        for _ in range(MAX_DATAGRAMS + 1):
            times.append(time.monotonic())
            sender.sendto(packets.write("/a"), ("127.0.0.1", port))
        times.append(time.monotonic())
        datagrams.read(time.monotonic() + LIMIT_S)  # time is up after MAX_DATAGRAMS
        assert watched.empty == []
        now = time.monotonic()
        datagrams.read(now)
        assert len(arrived) == MAX_DATAGRAMS + 1
        assert all(
            before - 2e-3 <= at <= after + 2e-3 for at, (before, after) in zip(arrived, pairwise(times), strict=True)
        )
        assert len(watched.empty) == 1
        assert now <= watched.empty[0] <= time.monotonic()


def test_p11_no_latency_is_negative_or_longer_than_the_socket_was_read_ago_whatever_the_clock_does() -> None:
    rng = random.Random(1)
    for _ in range(300):
        clocks, now = Clocks(), 0.0
        for _ in range(20):
            emptied, now = now, now + rng.choice([0.004, 0.3, 30.0])
            stamps = []
            for at in sorted(rng.uniform(emptied, now) for _ in range(3)):
                if rng.random() < 0.3:
                    clocks.step(rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-6.0, 9.0))
                stamps.append(clocks.stamp(at))
            for arrived in clocks.read(now, *stamps):
                assert emptied - 1.1e-3 <= arrived <= now


def test_an_interruption_between_the_two_clocks_is_no_step() -> None:
    offsets = iter([BOOT, BOOT, BOOT, BOOT - 0.02, BOOT, BOOT - 0.01])  # three at the start, then one and two more
    arrivals = Arrivals(0.0, lambda: next(offsets))
    arrivals.begin()
    assert arrivals.find(BOOT + 0.9, 1.0) == pytest.approx(0.9, abs=1e-6)


def test_the_offset_of_the_two_clocks_is_the_systems() -> None:
    assert clock_offset() + time.monotonic() == pytest.approx(time.time(), abs=1.0)


def test_p11_midi_has_the_time_at_which_jack_or_alsa_received_it(rig: Rig) -> None:
    service: Any = rig.service
    seen: list[tuple[object, ...]] = []

    def midi(*args: object) -> bool:
        seen.append(args)
        return True

    service.engine.inputs.midi = midi
    service.link.take_midi = lambda: [(b"\xb0\x00\x01", 0.7), (b"\xb0\x00\x02", 0.9)]
    service._alsa_in = SimpleNamespace(take_midi=lambda: [(b"\xb0\x00\x03", "keys", 0.8)])
    service._on_link(1.0)
    service._on_alsa(1.0)
    assert seen == [
        (b"\xb0\x00\x01", JACK_PORT, 1.0, 0.7),
        (b"\xb0\x00\x02", JACK_PORT, 1.0, 0.9),
        (b"\xb0\x00\x03", "keys", 1.0, 0.8),
    ]
    service._alsa_in = None
