"""The service's loop in time that only passes while it waits: what one turn may take, and what stays warm."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from latentd.config.config import AlsaSettings, Config
from latentd.daemon import service
from latentd.daemon.background import Background, Job, Then
from latentd.daemon.service import Service
from latentd.daemon.synth_link import OutputChoice
from latentd.inputs.alsa import AlsaIn
from latentd.model import bundle
from latentd.osc import packets
from latentd.system.keep_warm import LASTS_S, WARM_S
from tests.support.daemon import free_port
from tests.support.rig import LIMIT_S
from tests.support.sequencer import Sequencer

WAITING = 400  # datagrams: as many as every system keeps for a socket that nobody reads
TURNS = 5000  # more than any of these tests takes; a loop that spins ends there


class Clock:
    """Stands still, but for `step_s` at every look at it and for what the loop waits.

    Attributes:
        jobs: in the background, which take no time on this clock, however slow the disk is.
    """

    def __init__(self) -> None:
        self.jobs = 0
        self.now = 1000.0
        self.step_s = 0.0
        self.end = float("inf")
        self.turns = 0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.turns += 1
        if self.now >= self.end or self.turns > TURNS:
            stop()


def stop() -> None:
    """End the service as systemd does."""
    os.kill(os.getpid(), signal.SIGTERM)


class Epoll:
    """The real one, in the clock's time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._real = real_epoll()

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        ready = self._real.poll(LIMIT_S if self._clock.jobs else 0)
        self._clock.wait(0.0 if ready else timeout)
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


real_epoll = select.epoll


class Rig:
    """A dry service that runs in this process, and a sender."""

    def __init__(self, state: Path, clock: Clock, **settings: Any) -> None:
        self.clock = clock
        port = free_port()
        config = Config(output="print", listen=f"127.0.0.1:{port}", state=str(state), **settings)
        self.service = Service(config, bundle.load(), config.model, None)
        self.engine = self.service.engine
        self._to = ("127.0.0.1", port)
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, x: float, y: float) -> None:
        self.send_datagram(packets.write("/latentd/xy", x, y))

    def send_datagram(self, datagram: bytes) -> None:
        self._sender.sendto(datagram, self._to)

    def close(self) -> None:
        """Close everything."""
        self.service.close()
        self._sender.close()

    def run(self, seconds: float) -> None:
        """Run for so long on its clock; should it hang, a real one ends it."""
        self.clock.end = self.clock.now + seconds
        hangs = threading.Timer(LIMIT_S, stop)
        hangs.start()
        try:
            self.service.run()
        finally:
            hangs.cancel()
        assert self.clock.turns < TURNS, "the loop spins"
        assert self.service.status.counters.faults == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything in this process."""
    clock = Clock()
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(select, "epoll", lambda: Epoll(clock))
    submit = Background.submit

    def counted(background: Background, job: Job, then: Then) -> bool:
        def collected(result: Any) -> None:
            clock.jobs -= 1
            then(result)

        accepted = submit(background, job, collected)
        clock.jobs += accepted
        return accepted

    monkeypatch.setattr(Background, "submit", counted)
    return clock


@pytest.fixture
def rig(tmp_path: Path, clock: Clock) -> Iterator[Rig]:
    found = Rig(tmp_path, clock)
    yield found
    found.close()


def watch_ticks(rig: Rig) -> list[tuple[float, int]]:
    """When each run of the tick began, and how many datagrams had come until then; filled while the service runs."""
    seen: list[tuple[float, int]] = []
    tick = rig.engine.tick

    def seen_tick(now: float) -> float | None:
        seen.append((rig.clock.now, rig.service.status.counters.received))
        return tick(now)

    rig.engine.tick = seen_tick  # type: ignore[method-assign]  # watched from outside
    return seen


@pytest.mark.parametrize(
    ("step_s", "most"), [(0.0, 256), (0.001, 8)], ids=["many datagrams in no time", "datagrams that take 1 ms each"]
)
def test_a_turn_takes_a_part_of_a_flood_and_plays_its_newest_point(rig: Rig, step_s: float, most: int) -> None:
    for n in range(WAITING):
        rig.send(n / WAITING, 0.5)
    rig.clock.step_s = step_s
    seen = watch_ticks(rig)
    rig.run(10.0)
    counts = [0, *(received for _, received in seen)]
    assert counts[-1] == WAITING
    assert 1 < max(b - a for a, b in pairwise(counts)) <= most
    assert rig.engine.xy == pytest.approx(((WAITING - 1) / WAITING, 0.5))


def test_after_a_point_the_tick_is_run_again_and_again_with_nothing_new(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, read, datagrams = rig.clock.now, packets.read, list[bytes]()

    def seen_read(datagram: bytes, *rest: Any) -> list[packets.Message]:
        datagrams.append(datagram)
        return read(datagram, *rest)

    monkeypatch.setattr(packets, "read", seen_read)
    rig.send(0.25, 0.75)
    seen = watch_ticks(rig)
    rig.run(10.0)
    times = [at for at, _ in seen]
    assert times[0] == start
    assert all(b - a <= WARM_S + 1e-9 for a, b in pairwise(times)), "the code must not get cold"
    assert start + LASTS_S - WARM_S <= times[-1] <= start + LASTS_S, "nothing at rest"
    assert datagrams.count(packets.write("/latentd/xy", 0.25, 0.75)) > 0.5 * LASTS_S / WARM_S, (
        "reading is kept warm too"
    )
    assert rig.service.status.counters.received == 1
    assert rig.engine.xy == pytest.approx((0.25, 0.75))


def test_p11_an_alsa_input_that_is_not_there_is_in_the_status_and_once_in_the_log(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("latentd"), "propagate", True)
    monkeypatch.setattr(service, "_alsa_in", lambda config: AlsaIn(config.alsa.inputs, Sequencer("nano 20:0").open))
    rig = Rig(tmp_path, clock, alsa=AlsaSettings(inputs=["nano", "LPD8"]))
    shown: list[Any] = []
    wait, start = rig.clock.wait, rig.clock.now

    def asking_wait(seconds: float) -> None:
        if rig.clock.now >= start + 30.0 and not shown:
            shown.append(rig.service._report.facts(rig.clock.now, resting=True)["patterns_without_port"])
        wait(seconds)

    rig.clock.wait = asking_wait  # type: ignore[method-assign]  # watched from outside
    with contextlib.closing(rig):
        rig.run(60.0)
    assert [line for line in caplog.messages if "no port matches" in line] == [
        "alsa.inputs: no port matches 'LPD8'. `latentd ports` lists the ports"
    ]
    assert shown == [{"alsa.inputs": ["LPD8"]}]


def test_p11_a_new_reason_for_the_output_that_plays_is_logged_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("latentd"), "propagate", True)
    caplog.set_level(logging.INFO, "latentd")
    wait, start = rig.clock.wait, rig.clock.now

    def changing_wait(seconds: float) -> None:
        if rig.clock.now >= start + 30.0:
            rig.service.link._choice = OutputChoice.ABSENT
        wait(seconds)

    rig.clock.wait = changing_wait  # type: ignore[method-assign]  # watched from outside
    rig.run(200.0)
    assert [line for line in caplog.messages if line.startswith("output ")] == [
        f"output print: {choice.why}" for choice in (OutputChoice.CONFIGURED, OutputChoice.ABSENT)
    ]


def test_p6_at_rest_the_loop_turns_once_in_30_s(rig: Rig) -> None:
    rig.send(0.25, 0.75)
    ticks = watch_ticks(rig)
    rests = rig.clock.now + 10.0
    turns_before: list[int] = []
    wait = rig.clock.wait

    def counting_wait(seconds: float) -> None:
        if rig.clock.now >= rests and not turns_before:
            turns_before.append(rig.clock.turns)
        wait(seconds)

    rig.clock.wait = counting_wait  # type: ignore[method-assign]  # watched from outside
    rig.run(3000.0)
    assert rig.clock.turns - turns_before[0] <= 100
    assert ticks[-1][0] < rests
