"""An `osc` output; and every synth of these tests has a process that goes on running, unless the test ends it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nsm_world import World
from tests.support.synth_process import Processes, in_place_of_real_ones


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The processes of all addresses."""
    return in_place_of_real_ones(monkeypatch)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.output.close()


@pytest.fixture(autouse=True)
def _plain_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else has run here, `caplog` receives the log."""
    monkeypatch.setattr(logging.getLogger("latentd"), "propagate", True)
