"""A shaping and what it is played with: targets, gestures, what the output holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.instrument.shaping import Shaping, ShapingSettings
from latentd.synth.amsynth import COUNT, INDEX, PARAMETERS, Array, Kind, round_steps

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


JUMPS, GLIDES, PITCH, FILTER = (INDEX[n] for n in ("master_vol", "filter_cutoff", "osc2_pitch", "filter_type"))


def at(base: float = 0.5, **values: float) -> list[float]:
    """A target: `base` everywhere, other values for the parameters that are named."""
    target = [base] * COUNT
    for name, value in values.items():
        target[INDEX[name]] = value
    return target


def values_of(changes: Sequence[Change]) -> dict[int, float]:
    return {change.parameter: change.value for change in changes}


def settle(shape: Shaping, target: list[float], now: float) -> None:
    """Let it come to rest at this target."""
    shape.step(target, True, now)
    while (due := shape.next_step()) is not None:
        shape.step(target, True, due)
