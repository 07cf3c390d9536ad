"""amSynth's own interface with CCs beside it: which output gets which value, and what counts as reached and settled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latentd.instrument.point import Change
from latentd.outputs.osc_and_cc import OscAndCc
from latentd.synth.amsynth import COUNT, INDEX

VOLUME, REVERB, CUTOFF = INDEX["master_vol"], INDEX["reverb_wet"], INDEX["filter_cutoff"]


class Recording:
    """One of the two outputs: what it was sent, and what it reports."""

    def __init__(self, reached: set[int], resolution: float) -> None:
        self.reachable = np.array([i in reached for i in range(COUNT)])
        self.resolution = np.full(COUNT, resolution)
        self.interval_s, self.budget_per_s = 0.004, None
        self.sent: list[Change] = []
        self.resent = 0
        self.is_settled = True

    def send(self, changes: list[Change], now: float) -> None:
        self.sent += changes

    def resend_all(self, now: float) -> None:
        self.resent += 1

    def settled(self) -> bool:
        return self.is_settled


@pytest.fixture
def osc() -> Any:
    return Recording(set(range(COUNT)), 1e-6)


@pytest.fixture
def jack() -> Any:
    return Recording({VOLUME, CUTOFF}, 1 / 127)


def test_only_what_amsynth_ignores_goes_by_cc_and_the_patch_stays_whole(osc: Any, jack: Any) -> None:
    output = OscAndCc(osc, jack, [VOLUME])
    changes = [Change(VOLUME, 0.2), Change(CUTOFF, 0.3)]
    output.send(changes, 0.0)
    assert osc.sent == changes
    assert jack.sent == changes[:1]
    output.resend_all(1.0)
    assert (osc.resent, jack.resent) == (1, 1)


def test_a_parameter_that_neither_output_reaches_is_out_of_reach(osc: Any, jack: Any) -> None:
    output = OscAndCc(osc, jack, [VOLUME, REVERB])
    assert np.flatnonzero(~output.reachable).tolist() == [REVERB]
    assert output.resolution[VOLUME] == 1 / 127
    assert output.resolution[CUTOFF] == 1e-6


def test_it_is_settled_when_the_controllers_are_written_too(osc: Any, jack: Any) -> None:
    output = OscAndCc(osc, jack, [VOLUME])
    jack.is_settled = False
    output.send([Change(CUTOFF, 0.3)], 0.0)
    assert output.settled(), "nothing went by CC"
    output.send([Change(VOLUME, 0.2)], 0.0)
    assert not output.settled()
    jack.is_settled = True
    assert output.settled()
    osc.is_settled = False
    assert not output.settled()
