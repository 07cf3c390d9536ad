"""Keeping warm: on one core and warm while somebody plays, and nothing at all once nobody does (P6)."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from latentd.system import keep_warm
from latentd.system.keep_warm import CHOICE_S, LASTS_S, WARM_S, KeepWarm, WarmState, roaming
from tests.support.state_table import StateTable, Transition, rows


@pytest.fixture
def warm() -> Iterator[KeepWarm]:
    cores = os.sched_getaffinity(0)
    yield KeepWarm()
    os.sched_setaffinity(0, cores)


class Played:
    """What is played, at which times."""

    def __init__(self) -> None:
        self.now = 100.0
        self.warm = KeepWarm()

    def point(self, after_s: float = 0.01) -> None:
        self.now += after_s
        self.warm.played(self.now)

    def point_after_choice(self) -> None:
        assert self.warm.state is WarmState.PINNED
        self.point(CHOICE_S)

    def nothing(self, for_s: float) -> None:
        self.now += for_s
        self.warm.due(self.now)


WARM = StateTable(
    WarmState,
    WarmState,
    Played,
    lambda played: played.warm.state,
    {
        "a point": Played.point,
        "a point, CHOICE_S after the core was chosen": Played.point_after_choice,
        "no point for a moment": lambda played: played.nothing(0.9 * LASTS_S),
        "no point for LASTS_S": lambda played: played.nothing(LASTS_S),
        "rest": lambda played: played.warm.rest(),
    },
)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores, on which the thread may keep each."""
    monkeypatch.setattr(keep_warm, "_CORES", {0, 1})
    monkeypatch.setattr(keep_warm, "_run_on", bool)  # a core can be kept


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("row", rows(WarmState), ids=str)
def test_the_thread_goes_where_its_table_says(row: Transition) -> None:
    WARM.check(row)


@pytest.mark.usefixtures("two_cores")
def test_nothing_else_changes_it() -> None:
    WARM.check_the_rest()


def test_at_rest_nothing_is_due(warm: KeepWarm) -> None:
    assert warm.due(1000.0) == math.inf


def test_after_a_point_the_code_runs_again_and_again_until_a_moment_later(warm: KeepWarm) -> None:
    now, times = 10.0, 0
    warm.ran(now)
    warm.played(now)
    while (due := warm.due(now)) != math.inf:
        assert now < due <= now + WARM_S
        now, times = due, times + 1
        warm.ran(now)
    assert now == 10.0 + LASTS_S
    assert times == math.ceil(LASTS_S / WARM_S)


def test_it_stays_on_one_core_while_somebody_plays_and_on_any_afterwards(warm: KeepWarm) -> None:
    cores = os.sched_getaffinity(0)
    warm.played(10.0)
    assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) <= cores
    assert warm.due(10.0 + LASTS_S) == math.inf
    assert os.sched_getaffinity(0) == cores


def test_now_and_then_the_system_may_choose_another_core(warm: KeepWarm) -> None:
    cores = os.sched_getaffinity(0)
    seen = []
    for i in range(100):
        warm.played(10.0 + 0.02 * i)
        seen.append(os.sched_getaffinity(0))
    free = sum(now == cores for now in seen)
    assert 2 <= free <= 5 or len(cores) == 1


def test_what_starts_meanwhile_may_run_anywhere(warm: KeepWarm) -> None:
    cores = os.sched_getaffinity(0)
    seen = []
    warm.played(10.0)
    pinned = os.sched_getaffinity(0)
    with roaming():
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        answer = subprocess.check_output([sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True)
    assert seen == [cores]
    assert answer.strip() == str(cores)
    assert os.sched_getaffinity(0) == pinned


def test_at_the_end_it_gives_the_core_back_and_nothing_is_due(warm: KeepWarm) -> None:
    cores = os.sched_getaffinity(0)
    warm.played(10.0)
    warm.rest()
    assert os.sched_getaffinity(0) == cores
    assert warm.due(10.0) == math.inf


def test_a_system_that_does_not_know_the_core_is_no_trouble(monkeypatch: pytest.MonkeyPatch, warm: KeepWarm) -> None:
    cores = os.sched_getaffinity(0)
    monkeypatch.setattr(warm, "_current_core", lambda: -1)
    warm.played(10.0)
    assert os.sched_getaffinity(0) == cores
    assert warm.state is WarmState.FREE


def test_a_refusal_of_the_system_is_no_trouble(warm: KeepWarm, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _cores: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    warm.ran(10.0)
    warm.played(10.0)
    assert warm.state is WarmState.FREE
    assert warm.due(10.001) == 10.0 + WARM_S
    assert warm.due(20.0) == math.inf
