"""What the process callback writes again: after a moment, after an xrun, after a stall."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.outputs.jack.child import count
from latentd.outputs.jack.memory import Fact
from latentd.synth import amsynth, midimap
from tests.support.jack_cycle import PATCHES, RATE, Rig, whole


def test_a_value_is_written_twice_more_and_then_never_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    first = sorted(event for _, event in rig.run_until_done())
    for silence_s in (0.2, 0.85):
        assert rig.run_for(silence_s) == []
        rig.held.clear()  # the synth missed it, and nothing reported that
        again = rig.run_for(0.15)
        assert sorted(event for _, event in again) == first
        assert len(rig.held) == amsynth.COUNT
        assert rig.port.settled()
    assert rig.run_for(5.0) == []


def test_while_a_value_moves_only_the_others_are_written_again(rig: Rig) -> None:
    moving, standing = (midimap.OURS.cc[i] for i in (2, 11))
    rig.send({2: 0.0, 11: 0.5})
    written: Counter[int] = Counter()
    for n in range(200):
        rig.send({2: (n % 100) / 127})
        written.update(event[1] for _, event in rig.run_for(0.01))
    assert written == {moving: 200, standing: 3}


def test_new_values_go_before_those_that_are_written_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.run_for(0.245)
    rig.now += 0.1  # all of them are due
    rig.send(dict.fromkeys(range(20), 0.75))
    fresh = [event for _ in range(2) for _, event in rig.run()]
    assert [event[2] for event in fresh[:20]] == [95] * 20
    rig.run_for(1.0)
    assert Counter(rig.held.values()) == {95: 20, 64: 21}


def test_a_fault_while_values_are_written_again_loses_none(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.port.note(0x90, 60, 100)
    rig.port.note(0x80, 60, 0)
    rig.run_until_done()
    rig.held.clear()
    rig.midi_out.fail = 5
    again = rig.run_for(0.5)
    assert len(rig.held) == amsynth.COUNT
    assert (1, bytes((0x80, 60, 0))) in again


def test_after_another_output_took_over_nothing_is_written_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.port.release()
    assert rig.run_for(1.0) == []


def test_what_an_xrun_may_have_lost_is_written_again_soon_and_only_that(rig: Rig) -> None:
    early, late = 2, 11
    rig.send({early: 0.25})
    rig.run_until_done()
    rig.run_for(2.5)  # no longer in doubt
    rig.send({late: 0.5})
    rig.run()
    rig.held.clear()  # amSynth missed this cycle
    rig.memory.facts[Fact.XRUNS] += 1
    rig.run()
    assert not rig.port.settled()
    rig.run_until_done()
    assert set(rig.held) == {midimap.OURS.cc[late]}


def test_an_xrun_at_rest_casts_no_doubt(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.run_for(2.5)
    rig.memory.facts[Fact.XRUNS] += 1
    assert rig.run_for(1.0) == []
    assert rig.port.settled()


def test_in_a_storm_of_xruns_values_are_repeated_less_and_less_often_and_count_as_done_in_the_end(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    per_second = []
    for _ in range(6):
        events = 0
        for _ in range(750):  # one second
            count(rig.memory.facts, Fact.XRUNS)
            events += len(rig.run())
        per_second.append(events / amsynth.COUNT)
    assert per_second[0] <= 5
    assert all(0 < n <= 2 for n in per_second[1:])
    assert rig.port.settled()
    rig.send({11: 0.75})
    assert (0, bytes((0xB0, 74, 95))) in rig.run()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()


@pytest.mark.parametrize("stalled_s", [0.1, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_a_synth_that_hangs_for_however_long_gets_the_whole_patch(rig: Rig, stalled_s: float) -> None:
    rig.send(whole(0.5))
    for _ in range(round(stalled_s * RATE / 64)):
        count(rig.memory.facts, Fact.XRUNS)
        rig.run()
    rig.held.clear()  # the synth received nothing of it
    rig.run_for(3.0)
    assert len(rig.held) == amsynth.COUNT
    assert rig.port.settled()


@settings(deadline=None, max_examples=30)
@given(st.integers(10, 500), st.lists(st.tuples(PATCHES, st.floats(0.0, 0.3), st.booleans()), min_size=1, max_size=12))
def test_p2_the_budget_holds_with_all_that_is_written_again(
    per_s: int, steps: list[tuple[dict[int, float], float, bool]]
) -> None:
    rig = Rig(per_s)
    times: list[float] = []
    wanted: dict[int, float] = {}
    for patch, seconds, xrun in [*steps, ({}, 3.0, True)]:
        rig.send(patch)
        wanted |= patch
        rig.memory.facts[Fact.XRUNS] += xrun
        for _ in range(round(seconds * RATE / 256) + 1):
            times += [rig.now] * len(rig.run(256))
    counts = np.searchsorted(times, np.array(times) + 1.0 - 1e-6) - np.arange(len(times))
    assert counts.max(initial=0) <= per_s
    rig.run_for(10.0)
    for parameter, value in wanted.items():
        assert rig.held[midimap.OURS.cc[parameter] or -1] == amsynth.nearest_cc(np.array(value))
    rig.port.close()


def test_after_an_xrun_a_small_budget_is_kept_and_the_patch_is_done_once_all_of_it_is_written_again() -> None:
    rig = Rig(budget_per_s=400)
    rig.send(whole(0.5))
    rig.run_for(0.5)
    rig.held.clear()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    rig.run_until_done(cycles=2000)
    assert len(rig.held) == amsynth.COUNT
    rig.port.close()


def test_after_a_stall_what_is_due_keeps_to_the_budget() -> None:
    rig = Rig(budget_per_s=100)
    rig.send(whole(0.5))
    rig.run_for(1.0)
    rig.now += 5.0
    assert len(rig.run(1024)) == 10
    rig.port.close()


def test_what_counts_as_done_is_still_written_again_after_an_xrun(rig: Rig) -> None:
    rig.send({11: 0.5})
    rig.run_until_done()
    for _ in range(10_000):
        if rig.memory.facts[Fact.EVENTS] == 7:
            break
        count(rig.memory.facts, Fact.XRUNS)
        rig.run()
    assert rig.run_for(0.5) == []
    count(rig.memory.facts, Fact.XRUNS)
    assert rig.run() == []
    assert rig.port.settled()
    assert len(rig.run_for(1.0)) == 1
