"""Every synth of these tests has a process that goes on running, unless the test ends it."""

from __future__ import annotations

import pytest

from latentd.outputs.amsynth_osc import process
from tests.support.synth_process import Processes


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The processes of all addresses."""
    found = Processes()
    monkeypatch.setattr(process, "find", found.find)
    return found
