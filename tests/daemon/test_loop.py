"""The service's loop in time that only passes while it waits: what one turn may take, and what stays warm."""

from __future__ import annotations

import contextlib
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from latentd.config.config import AlsaSettings
from latentd.daemon import service
from latentd.daemon.synth_link import OutputChoice
from latentd.inputs.alsa import AlsaIn
from latentd.osc import packets
from latentd.system.keep_warm import LASTS_S, WARM_S
from tests.support.loop import Clock, Rig
from tests.support.sequencer import Sequencer

WAITING = 400  # datagrams: as many as every system keeps for a socket that nobody reads


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


def test_p11_a_new_reason_for_the_output_that_plays_is_logged_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
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
