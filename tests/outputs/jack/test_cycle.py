"""The JACK port's process callback, with hand-written ports in place of JACK's: limits (P2), order, faults."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.outputs.jack.memory import CC_COUNT, DONE, Fact
from latentd.outputs.jack.port import JackPort
from latentd.synth import amsynth, midimap
from tests.support.jack_cycle import PATCHES, Rig, whole


@pytest.mark.parametrize("channel", [1, 2, 16])
def test_every_controller_goes_out_on_the_configured_channel_and_so_do_its_repeats(channel: int) -> None:
    rig = Rig(channel=channel)
    rig.send(dict.fromkeys(range(amsynth.COUNT), 0.5))
    events = rig.run_until_done() + rig.run_for(1.5)
    assert len(events) == 3 * amsynth.COUNT
    assert {e[0] for _, e in events} == {0xB0 | channel - 1}
    assert rig.port.facts()["channel"] == channel


notes = st.lists(st.tuples(st.sampled_from([0x80, 0x90, 0xE3]), st.integers(0, 127), st.integers(0, 127)), max_size=30)
periods = st.sampled_from([16, 64, 128, 200, 256, 1024])


@settings(deadline=None)
@given(st.lists(st.tuples(PATCHES, notes, periods), min_size=1, max_size=8))
def test_whatever_is_sent_the_limits_hold_and_the_newest_values_arrive(
    steps: list[tuple[dict[int, float], list[tuple[int, int, int]], int]],
) -> None:
    rig = Rig()
    wanted: dict[int, float] = {}
    played: list[bytes] = []
    expected: list[bytes] = []
    for patch, some_notes, frames in steps:
        rig.send(patch)
        wanted |= patch
        for note in some_notes:
            assert rig.port.note(*note)
            expected.append(bytes(note))
        played += [e for _, e in rig.run(frames) if e[0] != 0xB0]
    played += [e for _, e in rig.run_until_done() if e[0] != 0xB0]
    for parameter, value in wanted.items():
        assert rig.held[midimap.OURS.cc[parameter] or -1] == amsynth.nearest_cc(np.array(value))
    assert len(rig.held) == len(wanted)
    assert played == expected
    assert rig.memory.facts[Fact.FAULTS] == 0
    rig.port.close()


def test_a_full_patch_takes_three_periods_of_64_frames_and_one_of_1024(rig: Rig) -> None:
    rig.send(whole(0.5))
    assert [len(rig.run(64)) for _ in range(4)] == [16, 16, 9, 0]
    rig.send(whole(0.6))
    assert [len(rig.run(1024)) for _ in range(2)] == [41, 0]


def test_a_lone_change_goes_out_in_the_next_period_and_only_once(rig: Rig) -> None:
    rig.send({11: 0.5})
    assert rig.run() == [(0, bytes((0xB0, 74, 64)))]
    rig.send({11: 0.5})
    assert rig.run() == []


def test_a_stream_of_changes_starves_no_parameter() -> None:
    rig = Rig(budget_per_s=1e6)
    seen: Counter[int] = Counter()
    for n in range(30):
        rig.send(whole(n % 2))
        seen.update(e[1] for _, e in rig.run())
    assert set(seen) == {cc for cc in midimap.OURS.cc if cc is not None}
    assert min(seen.values()) >= 30 * 16 // 41 - 1
    rig.port.close()


def test_pitch_and_timbre_go_before_times(rig: Rig) -> None:
    rig.send(whole(0.5))
    first = [e[1] for _, e in rig.run()]
    assert {midimap.OURS.cc[amsynth.INDEX[n]] for n in ("osc2_detune", "filter_cutoff", "filter_resonance")} <= {*first}
    assert midimap.OURS.cc[amsynth.INDEX["amp_attack"]] not in first


def test_resend_all_writes_what_was_ever_sent_and_nothing_else(rig: Rig) -> None:
    rig.send({11: 0.5, 9: 0.25})
    first = rig.run_until_done()
    rig.port.resend_all(0.0)
    assert sorted(rig.run_until_done()) == sorted(first)


def test_a_new_callback_writes_the_whole_state_again(rig: Rig) -> None:
    rig.send(whole(0.25))
    rig.run_until_done()
    rig.cycle = rig.new_cycle()
    rig.memory.bytes[DONE] = bytes(DONE.stop - DONE.start)
    assert len(rig.run_until_done()) == amsynth.COUNT


def test_a_fault_in_the_callback_is_counted_and_what_it_delayed_is_written_in_the_next_cycle(rig: Rig) -> None:
    rig.midi_out.fail = 3
    rig.send(whole(0.5))
    rig.port.note(0x90, 60, 100)
    rig.run_until_done()
    assert rig.memory.facts[Fact.FAULTS] == 3
    assert len(rig.held) == amsynth.COUNT


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.001, 1.001, -float("inf")])
def test_no_invalid_value_is_written(rig: Rig, value: float) -> None:
    rig.send({11: value})
    assert rig.run() == []
    assert rig.port.facts()["refused"] == 1


def test_parameters_without_a_cc_are_left_out() -> None:
    port = JackPort(midimap.BUILT_IN)
    assert port.reachable.sum() == 2
    port.send([Change(i, 0.5) for i in range(amsynth.COUNT)], 0.0)
    assert sum(v < CC_COUNT for v in port._memory.bytes[:CC_COUNT]) == 2
    port.close()


@pytest.mark.parametrize("before", [0, 2**32 - 3])
def test_what_is_written_is_counted_and_the_count_wraps(rig: Rig, before: int) -> None:
    rig.memory.facts[Fact.EVENTS] = before
    rig.send({2: 0.25, 11: 0.5})
    rig.port.note(0x90, 60, 100)
    rig.port.note(0xE0, 2, 5)
    written = len(rig.run_until_done())
    assert written == 4
    assert rig.memory.facts[Fact.EVENTS] == (before + written) % 2**32
    assert rig.memory.facts[Fact.FAULTS] == 0
