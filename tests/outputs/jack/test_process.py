"""The JACK port's process as the engine sees it, with a small program in its place."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from latentd.outputs.jack.process import HEALTHY_S, Child
from tests.support.rig import wait_for


def run_until_it_ends(child: Child, now: float) -> float:
    """Start it and let it end at `now`; returns when the next one is due."""
    child.start(now)
    wait_for(lambda: not child.poll(now), "its end")
    assert child.restart_at is not None
    return child.restart_at


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def child() -> Child:
    return Child([sys.executable, "-S", "-c", "print('waiting: no luck')"], ())


def test_children_that_die_young_for_weeks_fill_no_log_and_leave_no_descriptor_open(
    child: Child, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    now = run_until_it_ends(child, 100.0)
    said, fds = list(caplog.messages), open_fds()
    assert [text.removeprefix("JACK port: ") for text in said] == [
        "waiting: no luck",
        "ended with code 0; starting it again",
    ]
    for _ in range(30):
        now = run_until_it_ends(child, now)
    assert caplog.messages == said
    assert open_fds() == fds


def test_after_a_healthy_one_everything_is_said_again(child: Child, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "latentd")
    run_until_it_ends(child, 100.0)
    said = len(caplog.messages)
    child.start(200.0)
    wait_for(lambda: not child.poll(200.0 + 2 * HEALTHY_S), "its end")
    assert len(caplog.messages) == 2 * said
