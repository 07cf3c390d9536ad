"""P1 settles, P2 budget, P4 sane, P5 calm: the shaping under any gesture, with time as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.instrument.rate_limit import Budget
from latentd.instrument.shaping import _MOVING_BAND, JUMP, Shaping, ShapingSettings, rates
from latentd.synth.amsynth import COUNT, INDEX, PARAMETERS, PARAMS_STEP, STEPPED, Array, Kind, Motion, round_steps

CATEGORIES = [i for i, p in enumerate(PARAMETERS) if p.kind is Kind.CATEGORY]
FINE = np.full(COUNT, 1e-6)
COARSE = np.full(COUNT, 1.0 / 127.0)
ALL = np.ones(COUNT, dtype=bool)
# Long enough for the slowest default ramp, the dwell and a patch at the smallest budget.
SETTLE_S = 1.0
INTERVAL_S = 0.004

Log = list[tuple[float, Change]]


def targets() -> st.SearchStrategy[Array]:
    """Anything that a decoder may return: continuous anywhere in 0..1, categories at class positions."""

    def build(seed: int) -> Array:
        rng = np.random.default_rng(seed)
        target: Array = rng.random(COUNT)
        target[CATEGORIES] = round_steps(target)[CATEGORIES]
        return target

    return st.integers(0, 2**32 - 1).map(build)


gestures = st.lists(st.tuples(targets(), st.floats(0.0, 0.3)), min_size=1, max_size=12)


def shaping(resolution: Array = FINE, **given_settings: object) -> Shaping:
    return Shaping(ShapingSettings.model_validate(given_settings), resolution, ALL, INTERVAL_S, CATEGORIES)


def play(shape: Shaping, gesture: Sequence[tuple[Array, float]], rest_s: float = SETTLE_S, at: float = 100.0) -> Log:
    """Run a gesture as the engine would: a step per point, steps when due, then rest at the last point."""
    now, log = at, Log()

    def step(target: Array, still: bool, at: float) -> None:
        log.extend((at, change) for change in shape.step(target.tolist(), still, at))

    for target, wait_s in gesture:
        step(target, False, now)
        until = now + wait_s
        while (due := shape.next_step()) is not None and due < until:
            now = max(due, now)
            step(target, False, now)
        now = until
    last = gesture[-1][0]
    until = now + rest_s
    step(last, True, now)
    while (due := shape.next_step()) is not None and due < until:
        now = max(due, now)
        step(last, True, now)
    return log


def held(log: Log) -> Array:
    """What a synth that obeys every change holds in the end."""
    state: Array = np.full(COUNT, np.nan)
    for _, change in log:
        state[change.parameter] = change.value
    return state


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


def test_a_locked_parameter_stays_and_comes_back_when_released() -> None:
    index = INDEX["master_vol"]
    shape = shaping()
    play(shape, [(np.full(COUNT, 0.25), 0.0)])
    shape.lock(index)
    moved = np.full(COUNT, 0.75)
    play(shape, [(moved, 0.5)], at=110.0)
    assert shape.params[index] == pytest.approx(0.25)
    assert shape.params[INDEX["osc_mix"]] == pytest.approx(0.75)
    shape.tweak(index, None)
    play(shape, [(moved, 0.5)], at=120.0)
    assert shape.params[index] == pytest.approx(0.75)


def test_a_configured_lock_holds_from_the_first_point() -> None:
    index = INDEX["master_vol"]
    shape = shaping(lock=["master_vol"])
    play(shape, [(np.full(COUNT, 0.3), 0.1), (np.full(COUNT, 0.9), 0.5)])
    assert shape.params[index] == pytest.approx(0.3)


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


def test_a_lock_from_the_settings_stays_released_and_one_from_before_the_first_step_can_be_restored() -> None:
    index = INDEX["master_vol"]
    first = shaping(lock=["master_vol"])
    before = first.own_values()
    play(first, [(np.full(COUNT, 0.3), 0.1)])
    first.tweak(index, None)
    second = shaping(lock=["master_vol"])
    second.take_own(first.own_values())
    play(second, [(np.full(COUNT, 0.3), 0.1), (np.full(COUNT, 0.6), 0.1)])
    assert second.params[index] == 0.6
    second.take_own(before)
    play(second, [(np.full(COUNT, 0.9), 0.1)], at=200.0)
    assert second.params[index] == 0.6
    assert second.own == {"master_vol": 0.6}


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
    assert shape.params[INDEX["filter_cutoff"]] - before <= 0.02 / 0.12 + 1e-6


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
