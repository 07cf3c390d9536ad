"""Jobs run off the engine's thread, their results arrive on it, and a hanging disk stops nothing."""

from __future__ import annotations

import select
import threading
from typing import Any

import pytest

from latentd.daemon.background import Background


def collect_one(background: Background) -> None:
    assert select.select([background.fileno()], [], [], 20.0)[0]
    background.collect()


def test_a_result_comes_back_on_the_callers_thread() -> None:
    background, threads = Background(), list[Any]()
    background.submit(threading.get_ident, lambda worker: threads.extend([worker, threading.get_ident()]))
    collect_one(background)
    background.close()
    assert threads[0] != threading.get_ident()
    assert threads[1] == threading.get_ident()


def test_a_failure_comes_back_as_the_result() -> None:
    background, results = Background(), list[Any]()

    def fail() -> None:
        raise OSError("disk full")

    background.submit(fail, results.append)
    collect_one(background)
    background.close()
    assert isinstance(results[0], OSError)


def test_a_follow_up_that_fails_does_not_hold_back_the_others() -> None:
    background, results = Background(), list[Any]()

    def fail(_result: Any) -> None:
        raise LookupError("a bug")

    background.submit(lambda: 1, fail)
    background.submit(lambda: 2, results.append)
    with pytest.raises(LookupError):
        while True:
            collect_one(background)
    while not results:
        collect_one(background)
    background.close()
    assert results == [2]


def test_queued_jobs_are_finished_before_the_end() -> None:
    background, done = Background(), list[int]()
    for i in range(20):
        background.submit(lambda i=i: done.append(i), lambda _: None)  # type: ignore[misc]  # a default binds the value
    background.close()
    assert done == list(range(20))


def test_a_hanging_job_refuses_further_ones_and_closes_within_its_limit() -> None:
    background, release = Background(), threading.Event()
    background.submit(release.wait, lambda _: None)
    accepted = [background.submit(lambda: None, lambda _: None) for _ in range(200)]
    assert not all(accepted)
    background.close(limit_s=0.05)
    release.set()
