"""A dry daemon for each module, for the tests that leave no trace; and the loop of one in this process."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latentd.daemon.background import Background, Job, Then
from tests.support.daemon import Daemon, latentd
from tests.support.loop import Clock, Epoll, Rig
from tests.support.rig import wait_for


@pytest.fixture(autouse=True)
def _plain_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else has run here, `caplog` receives the log."""
    monkeypatch.setattr(logging.getLogger("latentd"), "propagate", True)


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    """`latentd run --output print`."""
    with latentd("--output", "print") as daemon:
        yield daemon


@pytest.fixture
def daemon(shared: Daemon) -> Iterator[Daemon]:
    """The same, with its point at a known place and nothing else that moves it."""
    for message in ("wander", "play", "freeze", "touch"):
        shared.send(f"/latentd/{message}", 0)
    shared.send("/latentd/xy", 0.5, 0.5)
    wait_for(lambda: shared.status()["xy"] == [0.5, 0.5], "the point")
    yield shared
    assert shared.status()["counters"]["faults"] == 0, shared.log_text()


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


@pytest.fixture
def controllers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where amSynth's own file would lie."""
    for name in ("XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    path = tmp_path / "amsynth" / "controllers"
    path.parent.mkdir()
    return path
