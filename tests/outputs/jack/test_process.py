"""The JACK port's process as the engine sees it, with a small program in its place."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from latentd.outputs.jack.process import HEALTHY_S, JackProcess
from tests.support.rig import wait_for


def run_until_it_ends(process: JackProcess, now: float) -> float:
    """Start it and let it end at `now`; returns when the next one is due."""
    process.start(now)
    wait_for(lambda: not process.poll(now), "its end")
    assert process.restart_at is not None
    return process.restart_at


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def process() -> JackProcess:
    return JackProcess([sys.executable, "-S", "-c", "print('waiting: no luck')"], ())


def test_restarts_for_weeks_fill_no_log_and_leave_no_descriptor_open(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    now = run_until_it_ends(process, 100.0)
    logged, fds = list(caplog.messages), open_fds()
    assert [text.removeprefix("JACK port: ") for text in logged] == [
        "waiting: no luck",
        "ended with code 0; restarting it",
    ]
    for _ in range(30):
        now = run_until_it_ends(process, now)
    assert caplog.messages == logged
    assert open_fds() == fds


def test_after_a_healthy_process_everything_is_logged_again(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    run_until_it_ends(process, 100.0)
    logged = len(caplog.messages)
    process.start(200.0)
    wait_for(lambda: not process.poll(200.0 + 2 * HEALTHY_S), "its end")
    assert len(caplog.messages) == 2 * logged
