"""What the log says of a daemon that runs."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from latentd.config.config import Config
from latentd.daemon.service_log import ServiceLog
from latentd.daemon.session import Session
from latentd.daemon.synth_link import OutputChoice
from latentd.status import Status
from latentd.synth.amsynth import COUNT, NAMES


class Rig:
    """A log, and what it looks at."""

    def __init__(self) -> None:
        self.status = Status()
        self.output = SimpleNamespace(name="jack", reachable=np.ones(COUNT, dtype=np.bool_))
        self.link = SimpleNamespace(choice=OutputChoice.CONFIGURED, why="as configured", notes_connection=None)
        engine = SimpleNamespace(status=self.status, output=self.output, model=SimpleNamespace(name="timbre"))
        self.log = ServiceLog(Config(), cast("Any", engine), cast("Any", self.link))


@pytest.fixture
def rig(caplog: pytest.LogCaptureFixture) -> Rig:
    caplog.set_level(logging.DEBUG, "latentd")
    return Rig()


def test_it_begins_with_what_plays_and_what_played_last(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.log.start(Session("timbre", "timbre", (0.25, 0.5)))
    assert "model timbre, OSC on 127.0.0.1:8000" in caplog.messages[0]
    assert "point 0.250 0.500" in caplog.messages[2]
    assert caplog.messages[3:] == ["output jack: as configured"]
    caplog.clear()
    rig.log.start(None)
    assert not any("restored" in line for line in caplog.messages)


def test_p11_another_output_and_what_it_does_not_reach_are_logged_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.output.reachable[3] = False
    rig.output.name, rig.link.notes_connection = "osc", 1
    rig.log.start(None)
    caplog.clear()
    rig.log.step(1.0)
    assert caplog.messages == []
    rig.output.name = "jack"
    rig.link.choice, rig.link.why = OutputChoice.SILENT, "amSynth is silent"
    rig.log.step(2.0)
    rig.log.step(3.0)
    assert caplog.messages[0] == "output jack: amSynth is silent"
    assert "does not reach 1 of 41" in caplog.messages[1]
    assert caplog.messages[1].endswith(f"Missing: {NAMES[3]}")
    assert len(caplog.messages) == 2


def test_what_midi_does_not_reach_is_logged_once_there_is_a_synth(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.output.reachable[3] = False
    rig.log.start(None)
    rig.log.step(1.0)
    assert "does not reach" not in caplog.text
    for connection in (1, None, 2):
        rig.link.notes_connection = connection
        rig.log.step(2.0)
    assert caplog.text.count("does not reach 1 of 41") == 1


def test_what_comes_in_is_summed_up_at_most_once_a_second(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.log.start(None)
    caplog.clear()
    counters = rig.status.counters
    for n in range(30):
        counters.received += 2
        counters.sent += 3
        rig.log.step(10.0 + n / 10)
    rig.log.step(20.0)
    rig.log.step(30.0)
    found = [tuple(int(word) for word in line.split() if word.isdigit()) for line in caplog.messages]
    assert sum(received for received, _ in found) == 60
    assert sum(sent for _, sent in found) == 90
    assert len(found) == 4
