"""P1 settles, P2 budget, P4 sane, P5 calm: the shaping under any gesture, with time as an argument."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.instrument.rate_limit import Budget
from latentd.instrument.shaping import _MOVING_BAND, JUMP, Shaping, ShapingSettings, rates
from latentd.synth.amsynth import COUNT, INDEX, PARAMETERS, PARAMS_STEP, STEPPED, Array, Motion, round_steps
from tests.support.shaping import (
    ALL,
    CATEGORIES,
    COARSE,
    FILTER,
    FINE,
    GLIDES,
    INTERVAL_S,
    JUMPS,
    PITCH,
    at,
    gestures,
    held,
    play,
    settle,
    shaping,
    targets,
    values_of,
)


@settings(deadline=None, max_examples=60)
@given(gestures)
def test_p1_at_rest_a_float_output_holds_exactly_the_decoded_patch(gesture: list[tuple[Array, float]]) -> None:
    shape = shaping()
    log = play(shape, gesture)
    np.testing.assert_allclose(held(log), round_steps(gesture[-1][0]), atol=2e-6)
    assert shape.next_step() is None


@settings(deadline=None, max_examples=60)
@given(gestures)
def test_p1_at_rest_a_midi_output_holds_the_nearest_cc(gesture: list[tuple[Array, float]]) -> None:
    log = play(shaping(COARSE), gesture)
    wanted = round_steps(gesture[-1][0])
    state = held(log)
    np.testing.assert_allclose(state[STEPPED], wanted[STEPPED], atol=1e-9)
    cc = state[~STEPPED] * 127.0
    np.testing.assert_allclose(cc, np.round(cc), atol=1e-6)
    assert np.all(np.abs(cc - wanted[~STEPPED] * 127.0) <= 0.5 + 1e-6)


@settings(deadline=None, max_examples=40)
@given(gestures, st.floats(50.0, 2000.0))
def test_p1_and_p2_hold_under_any_budget(gesture: list[tuple[Array, float]], per_s: float) -> None:
    shape = shaping(COARSE, budget_per_s=per_s)
    log = play(shape, gesture, rest_s=30.0)
    wanted = round_steps(gesture[-1][0])
    assert np.all(np.abs(held(log) - wanted) <= 0.5 / 127.0 + 1e-9)
    times = np.array([t for t, _ in log])
    for i, t in enumerate(times):
        assert np.count_nonzero((times >= t) & (times < t + 1.0)) <= per_s + 1e-6, f"second from message {i}"


@settings(deadline=None, max_examples=40)
@given(gestures)
def test_p5_a_switch_flips_at_most_once_per_dwell(gesture: list[tuple[Array, float]]) -> None:
    dwell_s = 0.2
    log = play(shaping(dwell_s=dwell_s), gesture)
    for index in np.flatnonzero(STEPPED):
        flips = [t for t, change in log if change.parameter == index]
        assert all(later - earlier >= dwell_s - 1e-9 for earlier, later in pairwise(flips))


@settings(deadline=None, max_examples=40)
@given(targets(), st.lists(st.floats(-0.15, 0.15), min_size=5, max_size=60))
def test_p5_jitter_at_the_border_flips_nothing(target: Array, jitter: list[float]) -> None:
    index = INDEX["osc2_pitch"]
    step = float(PARAMS_STEP[index])
    shape = shaping(dwell_s=0.0)
    border = target.copy()
    border[index] = 10.5 * step
    play(shape, [(border, 0.5)])
    before = shape.params[index]
    for i, offset in enumerate(jitter):
        wobble = border.copy()
        wobble[index] = (10.5 + offset) * step
        shape.step(wobble.tolist(), False, 200.0 + 0.01 * i)
    assert shape.params[index] == before


@settings(deadline=None, max_examples=40)
@given(gestures)
def test_ramps_never_exceed_their_rate(gesture: list[tuple[Array, float]]) -> None:
    log = play(shaping(), gesture)
    limit = rates(ShapingSettings())
    longest_s = 0.02
    for index in np.flatnonzero(limit < JUMP):
        values = [change.value for _, change in log if change.parameter == index]
        # What was sent last may lag the ramp by what was not worth a message.
        assert all(abs(b - a) <= limit[index] * longest_s + _MOVING_BAND + 2e-6 for a, b in pairwise(values))


def test_what_amsynth_smooths_by_itself_has_no_ramp() -> None:
    limit = rates(ShapingSettings())
    for index, parameter in enumerate(PARAMETERS):
        assert (limit[index] == JUMP) == (parameter.motion in (Motion.SMOOTHED, Motion.SWITCH)), parameter.name


def test_the_filter_has_a_ramp_of_its_own_and_a_single_parameter_can_have_another() -> None:
    settings = ShapingSettings(filter_s=0.5, timbre_s=0.25, pitch_s=2.0, time_s=1.0, slew={"filter_resonance": 4.0})
    limit = rates(settings)
    found = {name: 1.0 / limit[INDEX[name]] for name in ("filter_cutoff", "filter_env_amount", "filter_resonance")}
    assert found == {"filter_cutoff": 0.5, "filter_env_amount": 0.5, "filter_resonance": 4.0}
    found = {name: 1.0 / limit[INDEX[name]] for name in ("osc1_pulsewidth", "osc2_detune", "amp_attack")}
    assert found == {"osc1_pulsewidth": 0.25, "osc2_detune": 2.0, "amp_attack": 1.0}


def test_the_first_step_sends_everything_and_the_most_audible_first() -> None:
    changes = shaping().step([0.5] * COUNT, False, 0.0)
    assert sorted(change.parameter for change in changes) == list(range(COUNT))
    assert changes[0].parameter in (INDEX["filter_cutoff"], INDEX["filter_type"])


def test_p6_at_rest_nothing_is_sent() -> None:
    shape = shaping()
    target = np.full(COUNT, 0.25)
    play(shape, [(target, 0.0)])
    assert shape.step(target.tolist(), True, 1000.0) == []
    assert shape.next_step() is None


def test_switches_wait_for_the_next_note_where_asked_to() -> None:
    index = INDEX["filter_type"]
    shape = shaping(switch_on_note=True)
    low, high = np.zeros(COUNT), np.ones(COUNT)
    play(shape, [(low, 0.5)])
    play(shape, [(high, 0.5)], at=110.0)
    assert shape.params[index] == 0.0
    shape.note_on()
    play(shape, [(high, 0.5)], at=120.0)
    assert shape.params[index] == 1.0


def test_unreachable_parameters_are_never_sent() -> None:
    reachable = ALL.copy()
    reachable[INDEX["filter_cutoff"]] = False
    shape = Shaping(ShapingSettings(), COARSE, reachable, INTERVAL_S, CATEGORIES)
    log = play(shape, [(np.full(COUNT, 0.1), 0.1), (np.full(COUNT, 0.9), 0.1)])
    assert INDEX["filter_cutoff"] not in {change.parameter for _, change in log}
    assert shape.next_step() is None


def test_a_stalled_loop_catches_up_without_a_jump() -> None:
    shape = shaping()
    play(shape, [(np.zeros(COUNT), 0.0)])
    shape.step([1.0] * COUNT, False, 200.0)
    before = shape.params[INDEX["filter_cutoff"]]
    shape.step([1.0] * COUNT, False, 205.0)  # five seconds late
    assert shape.params[INDEX["filter_cutoff"]] - before <= 0.02 / ShapingSettings().filter_s + 1e-6


def test_the_budget_of_an_unlimited_output_is_unlimited() -> None:
    assert Budget(None).available(0.0) >= COUNT


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lock": ["cutoff"]}, "no parameter of amSynth"),
        ({"slew": {"filter_cutoff": -1.0}}, "greater than or equal"),
        ({"dwell_s": -1.0}, "greater than or equal"),
    ],
)
def test_settings_say_what_is_wrong(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShapingSettings.model_validate(wrong)


@given(targets())
def test_p1_the_very_first_step_tells_the_decoded_patch(target: Array) -> None:
    changes = shaping().step(target.tolist(), False, 5.0)
    state = np.array([values_of(changes)[i] for i in range(COUNT)])
    np.testing.assert_allclose(state, round_steps(target), atol=1e-9)


def test_a_ramp_begins_with_one_step_after_a_rest_and_then_keeps_to_the_time_that_passed() -> None:
    shape = shaping(filter_s=0.5)
    settle(shape, at(0.0), 10.0)
    place, now = 0.0, 100.0
    for wait_s, counts_s in ((0.0, INTERVAL_S), (0.01, 0.01), (0.003, 0.003), (0.02, 0.02)):
        now += wait_s
        place += counts_s / 0.5
        assert values_of(shape.step(at(1.0), False, now))[GLIDES] == pytest.approx(place, abs=1e-9)
    settle(shape, at(1.0), now)
    assert values_of(shape.step(at(0.0), False, 200.0))[GLIDES] == pytest.approx(1.0 - INTERVAL_S / 0.5, abs=1e-9)


def test_p6_jitter_about_a_border_of_the_output_is_sent_once_and_a_real_move_always() -> None:
    shape = shaping(COARSE)
    settle(shape, at(master_vol=10.4 / 127), 10.0)
    sent = [
        JUMPS in values_of(shape.step(at(master_vol=cc / 127), False, 11.0 + 0.1 * n))
        for n, cc in enumerate((10.55, 10.45, 10.55, 10.45, 10.65, 10.45, 10.55, 10.35))
    ]
    assert sent == [False, False, False, False, True, False, False, True]
    assert values_of(shape.step(at(master_vol=10.55 / 127), True, 20.0))[JUMPS] == pytest.approx(
        11 / 127
    )  # at rest: exact


def test_p6_moves_that_nobody_hears_wait_for_the_rest() -> None:
    shape = shaping()
    settle(shape, at(), 10.0)
    assert values_of(shape.step(at(master_vol=0.5 + 1e-4), False, 11.0)) == {}
    assert values_of(shape.step(at(master_vol=0.5 + 3e-4), False, 12.0)) == {JUMPS: 0.5 + 3e-4}
    assert values_of(shape.step(at(master_vol=0.5 + 4e-4), False, 13.0)) == {}
    assert values_of(shape.step(at(master_vol=0.5 + 4e-4), True, 14.0)) == {JUMPS: 0.5 + 4e-4}


def test_p5_while_the_point_moves_a_switch_steps_on_only_beyond_its_border() -> None:
    step = float(PARAMS_STEP[PITCH])
    shape = shaping(dwell_s=0.0, hysteresis=0.2)
    settle(shape, at(osc2_pitch=10 * step), 10.0)
    for n, (place, held_at) in enumerate([(10.6, 10), (10.69, 10), (10.71, 11), (10.4, 11), (10.31, 11), (10.29, 10)]):
        shape.step(at(osc2_pitch=place * step), False, 11.0 + n)
        assert shape.params[PITCH] == pytest.approx(held_at * step)
    shape.step(at(osc2_pitch=10.6 * step), True, 20.0)  # at rest: the decoded patch
    assert shape.params[PITCH] == pytest.approx(11 * step)


def test_p1_a_switch_that_rests_off_its_centre_may_move_at_once() -> None:
    step = float(PARAMS_STEP[PITCH])
    shape = shaping(dwell_s=1.0)
    settle(shape, at(osc2_pitch=10 * step), 10.0)
    for n in range(5):
        shape.step(at(osc2_pitch=10.4 * step), True, 20.0 + 0.1 * n)
    shape.step(at(osc2_pitch=12 * step), True, 20.5)
    assert shape.params[PITCH] == pytest.approx(12 * step)


def test_each_note_lets_the_switches_move_once_and_none_before_the_first() -> None:
    shape = shaping(switch_on_note=True, dwell_s=0.0)
    settle(shape, at(filter_type=0.0), 10.0)
    shape.step(at(filter_type=1.0), True, 11.0)
    assert shape.params[FILTER] == 0.0
    shape.note_on()
    shape.step(at(filter_type=1.0), True, 12.0)
    assert shape.params[FILTER] == 1.0
    shape.step(at(filter_type=0.0), True, 13.0)
    assert shape.params[FILTER] == 1.0


def test_a_note_still_counts_for_what_the_dwell_held_back() -> None:
    shape = shaping(switch_on_note=True, dwell_s=1.0)
    settle(shape, at(filter_type=0.0), 10.0)
    shape.note_on()
    shape.step(at(filter_type=1.0), True, 10.5)
    assert shape.params[FILTER] == 0.0
    due = shape.next_step()
    assert due == pytest.approx(11.0)
    shape.step(at(filter_type=1.0), True, 11.0)
    assert shape.params[FILTER] == 1.0


def test_held_is_the_present_class_of_each_category() -> None:
    shape = shaping()
    settle(shape, at(0.0), 10.0)
    assert shape.held == [0] * len(CATEGORIES)
    settle(shape, at(1.0), 20.0)
    assert shape.held == [round(1.0 / float(PARAMS_STEP[i])) for i in CATEGORIES]
    shape.use_categories(CATEGORIES[1:2])
    assert shape.held == [round(1.0 / float(PARAMS_STEP[CATEGORIES[1]]))]


@pytest.mark.parametrize(("own", "outputs", "at_once"), [(None, 100.0, 10), (50.0, 100.0, 5), (None, None, COUNT)])
def test_p2_the_configured_budget_counts_else_the_outputs_and_what_waits_is_counted(
    own: float | None, outputs: float | None, at_once: int
) -> None:
    settings_ = ShapingSettings(budget_per_s=own)
    shape = Shaping(settings_, FINE, ALL, INTERVAL_S, CATEGORIES, outputs)
    assert len(shape.step(at(), True, 10.0)) == at_once
    assert shape.withheld == COUNT - at_once
    settle(shape, at(), 10.0)
    assert shape.withheld == 0
    shape.step(at(0.25), True, 100.0)
    settle(shape, at(0.25), 100.0)
    shape.step(at(0.25), True, 200.0)
    assert shape.withheld == 0


def test_the_audible_comes_first_what_was_never_told_as_a_whole_move() -> None:
    def order(shape: Shaping, target: list[float], now: float) -> list[int]:
        return [change.parameter for change in shape.step(target, True, now)]

    volume, sustain, mix = (INDEX[n] for n in ("master_vol", "amp_sustain", "osc_mix"))
    shape = shaping()
    first = order(shape, at(0.01), 10.0)
    assert first.index(FILTER) < first.index(volume) < first.index(mix) < first.index(sustain)
    settle(shape, at(0.01), 10.0)
    moved = at(0.01, master_vol=0.11, amp_sustain=0.11, osc_mix=0.9)
    assert order(shape, moved, 20.0) == [mix, volume, sustain]
    limited = shaping(budget_per_s=200.0)
    limited.step(at(), True, 10.0)  # 20 of them; the others were never told, and weigh 1 at most
    rest = order(limited, at(master_vol=0.65), 11.0)  # it weighs 5: 0.75 of a whole move
    assert rest.index(INDEX["lfo_waveform"]) < rest.index(volume) < rest.index(INDEX["amp_release"])
