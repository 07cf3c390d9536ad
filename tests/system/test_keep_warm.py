"""Being alert: on one core and warm while somebody plays, and nothing at all once nobody does (P6)."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from latentd.system.keep_warm import LASTS_S, WARM_S, Alert, roaming


@pytest.fixture
def alert() -> Iterator[Alert]:
    cores = os.sched_getaffinity(0)
    yield Alert()
    os.sched_setaffinity(0, cores)


def test_at_rest_nothing_is_due(alert: Alert) -> None:
    assert alert.due(0.0, 1000.0) == math.inf


def test_after_a_point_the_line_is_gone_through_again_and_again_until_a_moment_later(alert: Alert) -> None:
    now, times = 10.0, 0
    alert.heard(now)
    while (due := alert.due(now, now)) != math.inf:
        assert now < due <= now + WARM_S
        now, times = due, times + 1
    assert now == 10.0 + LASTS_S
    assert times == math.ceil(LASTS_S / WARM_S)


def test_it_stays_on_one_core_while_somebody_plays_and_on_any_afterwards(alert: Alert) -> None:
    cores = os.sched_getaffinity(0)
    alert.heard(10.0)
    assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) <= cores
    assert alert.due(10.0, 10.0 + LASTS_S) == math.inf
    assert os.sched_getaffinity(0) == cores


def test_now_and_then_the_system_may_choose_another_core(alert: Alert) -> None:
    cores = os.sched_getaffinity(0)
    seen = []
    for i in range(100):
        alert.heard(10.0 + 0.02 * i)
        seen.append(os.sched_getaffinity(0))
    free = sum(now == cores for now in seen)
    assert 2 <= free <= 5 or len(cores) == 1


def test_what_starts_meanwhile_may_run_anywhere(alert: Alert) -> None:
    cores = os.sched_getaffinity(0)
    seen = []
    alert.heard(10.0)
    alone = os.sched_getaffinity(0)
    with roaming():
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        answer = subprocess.check_output([sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True)
    assert seen == [cores]
    assert answer.strip() == str(cores)
    assert os.sched_getaffinity(0) == alone


def test_it_rests_when_told(alert: Alert) -> None:
    cores = os.sched_getaffinity(0)
    alert.heard(10.0)
    alert.rest()
    assert os.sched_getaffinity(0) == cores
    assert alert.due(10.0, 10.0) == math.inf


def test_a_system_that_does_not_tell_the_core_is_no_trouble(monkeypatch: pytest.MonkeyPatch, alert: Alert) -> None:
    cores = os.sched_getaffinity(0)
    monkeypatch.setattr(alert, "_current_core", lambda: -1)
    alert.heard(10.0)
    assert os.sched_getaffinity(0) == cores


def test_a_refusal_of_the_system_is_no_trouble(alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _cores: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    alert.heard(10.0)
    assert alert.due(10.0, 10.001) == 10.0 + WARM_S
    assert alert.due(10.0, 20.0) == math.inf
