"""When a datagram arrived: by the kernel's stamp, on our own clock, whatever becomes of the system's clock."""

from __future__ import annotations

import random
import signal
import time

import pytest

from latentd.daemon.arrival import Arrivals, clock_offset
from tests.support.daemon import latentd, wait_s

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
