"""One dry daemon a module, for the tests that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon, latentd
from tests.support.rig import wait_for


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
