"""What a hand or the configuration holds: locks, values set by hand, limits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.synth.amsynth import COUNT, INDEX, PARAMETERS, PARAMS_STEP, Array
from tests.support.shaping import (
    COARSE,
    FINE,
    JUMPS,
    at,
    gestures,
    play,
    settle,
    shaping,
)


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


def test_p4_a_tweak_is_held_within_the_range_until_given_back() -> None:
    shape = shaping()
    settle(shape, at(), 10.0)
    for value, held_at in ((0.25, 0.25), (7.0, 1.0), (-7.0, 0.0)):
        shape.tweak(JUMPS, value)
        assert shape.own == {"master_vol": held_at}
        settle(shape, at(), 20.0)
        assert shape.params[JUMPS] == held_at
    shape.tweak(JUMPS, None)
    settle(shape, at(), 30.0)
    assert (shape.params[JUMPS], shape.own) == (0.5, {})


def test_what_was_taken_back_holds_where_it_was_not_where_the_parameter_is() -> None:
    shape = shaping()
    shape.take_own({JUMPS: 0.125})  # before the first step
    settle(shape, at(), 10.0)
    before = shape.own_values()
    shape.tweak(JUMPS, 0.75)
    settle(shape, at(), 20.0)
    shape.take_own(before)
    assert shape.own == {"master_vol": 0.125}
    settle(shape, at(), 30.0)
    assert shape.params[JUMPS] == 0.125


def test_a_lock_before_the_first_step_holds_where_the_first_step_puts_it() -> None:
    shape = shaping()
    shape.lock(JUMPS)
    assert (shape.own, shape.held, shape.value) == ({}, None, None)
    settle(shape, at(0.25), 10.0)
    assert shape.own == {"master_vol": 0.25}
    settle(shape, at(0.75), 20.0)
    assert shape.params[JUMPS] == 0.25
    assert shape.value is not None
    assert shape.value[JUMPS] == 0.25


ranges = st.dictionaries(
    st.integers(0, COUNT - 1),
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(lambda ends: (min(ends), max(ends))),
)


@settings(deadline=None)
@given(
    gestures, ranges, st.sampled_from([FINE, COARSE]), st.dictionaries(st.integers(0, COUNT - 1), st.floats(0.0, 1.0))
)
def test_nothing_leaves_its_limits_neither_by_input_nor_by_hand(
    gesture: list[tuple[Array, float]],
    limits: dict[int, tuple[float, float]],
    resolution: Array,
    tweaks: dict[int, float],
) -> None:
    shape = shaping(resolution)
    shape.take_limits(limits)
    for index, value in tweaks.items():
        shape.tweak(index, value)
    for _, (index, value) in play(shape, gesture):
        low, high = limits.get(index, (0.0, 1.0))
        step = float(max(resolution[index], PARAMS_STEP[index]))
        if math.floor(high / step) < math.ceil(low / step):  # no value of the output in between: the nearest
            low, high = low - step, high + step
        assert low - 1e-6 <= value <= high + 1e-6, PARAMETERS[index].name
    for name, own in shape.own.items():
        low, high = shape.limits.get(INDEX[name], (0.0, 1.0))
        step = float(max(resolution[INDEX[name]], PARAMS_STEP[INDEX[name]]))
        assert low - step <= own <= high + step


def test_a_limit_moves_what_is_beyond_it_by_the_ramp_and_its_end_gives_the_value_back() -> None:
    shape, index = shaping(filter_s=1.0), INDEX["filter_cutoff"]
    target = np.full(COUNT, 0.9)
    play(shape, [(target, 0.0)])
    shape.take_limits({index: (0.0, 0.5)})
    values = [change.value for _, change in play(shape, [(target, 0.0)], at=200.0) if change.parameter == index]
    assert values[-1] == pytest.approx(0.5, abs=1e-5)
    assert len(values) > 50  # 0.4 of a second, in steps
    assert all(later <= earlier for earlier, later in pairwise(values))
    shape.tweak(index, 0.8)
    assert shape.own["filter_cutoff"] == 0.5
    shape.take_limits({index: (0.0, 1.0)})
    assert not shape.limits
    play(shape, [(target, 0.0)], at=300.0)
    assert shape.params[index] == pytest.approx(0.8, abs=1e-5)
    assert shape.own["filter_cutoff"] == 0.8
