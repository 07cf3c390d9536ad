"""From the decoder's wish to what the synth is told: locks, ramps, calm switches, dead band, budget, order. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from latentd.amsynth import COUNT, INDEX, NAMES, PARAMETERS, PARAMS_STEP, STEPPED, Array, Motion
from latentd.documents import Strict
from latentd.outputs import Change

# How loudly a parameter speaks, for the order within a tick. Measured on real patches: the timbre descriptors move most
# with cutoff, filter type, envelope amount, resonance and the waveforms, least with reverb, release and detune.
_AUDIBLE = {
    "filter_cutoff": 8.0, "filter_type": 8.0, "osc1_waveform": 7.0, "osc2_waveform": 6.0, "osc2_range": 6.0,
    "osc2_pitch": 6.0, "filter_env_amount": 5.0, "filter_resonance": 5.0, "master_vol": 5.0, "osc_mix": 4.0,
    "distortion_crunch": 4.0, "amp_sustain": 3.0, "filter_slope": 3.0, "osc2_sync": 3.0, "osc2_detune": 0.5,
    "amp_release": 0.5, "filter_release": 0.5, "reverb_roomsize": 0.3, "reverb_damp": 0.3, "reverb_wet": 0.5,
    "reverb_width": 0.2,
}  # fmt: skip
WEIGHT: Array = np.array([_AUDIBLE.get(name, 1.0) for name in NAMES])

# The longest step of time that a ramp takes at once: after a stall the sound catches up, it does not jump.
_LONGEST_STEP_S = 0.02
# A value may jitter by this part of the output's resolution beyond the rounding border without being sent again.
_DEAD_BAND = 0.1
# The rate of a parameter that needs no ramp: all of its range within a nanosecond.
JUMP = 1e9
# While the point moves, smaller changes than this are not worth a message even where the output could express them:
# 2 cents of cutoff. At rest the output's own resolution counts.
_MOVING_BAND = 2e-4
# Outputs finer than this are told the value itself, coarser ones the value that they can hold.
_FINE = 1e-4


class ShapingSettings(Strict):
    """The `shaping:` section of the configuration."""

    timbre_s: float = Field(default=0.12, ge=0.0, le=10.0, description="ramp over the full range: cutoff, resonance …")
    pitch_s: float = Field(default=0.3, ge=0.0, le=10.0, description="ramp over the full range: detune, vibrato depth")
    time_s: float = Field(default=0.05, ge=0.0, le=10.0, description="ramp over the full range: envelopes, portamento")
    slew: dict[str, float] = Field(default_factory=dict, description="parameter: its own ramp over the full range, s")
    dwell_s: float = Field(default=0.15, ge=0.0, le=10.0, description="a switch keeps its position at least this long")
    hysteresis: float = Field(default=0.2, ge=0.0, lt=0.5, description="part of a step beyond the border, to step on")
    switch_on_note: bool = Field(default=False, description="switches wait for the next note")
    budget_per_s: float | None = Field(
        default=None, ge=10.0, description="most messages a second (null: the output's own, 4000 jack, 900 alsa)"
    )
    lock: list[str] = Field(default_factory=list, description="parameters that input never moves")

    @field_validator("slew")
    @classmethod
    def _slew_known(cls, value: dict[str, float]) -> dict[str, float]:
        for name, seconds in value.items():
            _known(name)
            if not 0.0 <= seconds <= 10.0:
                raise ValueError(f"{name}: a ramp lasts 0 to 10 seconds, not {seconds}")
        return value

    @field_validator("lock")
    @classmethod
    def _lock_known(cls, value: list[str]) -> list[str]:
        for name in value:
            _known(name)
        return value


def _known(name: str) -> None:
    if name not in INDEX:
        raise ValueError(f"{name!r} is no amSynth parameter; `latentd decode 0.5 0.5` lists them")


def rates(settings: ShapingSettings) -> Array:
    """Fastest change of each parameter (41,), params a second; `JUMP` where a jump is fine."""
    seconds = {Motion.TIMBRE: settings.timbre_s, Motion.PITCH: settings.pitch_s, Motion.TIME: settings.time_s}
    full = np.array([settings.slew.get(p.name, seconds.get(p.motion, 0.0)) for p in PARAMETERS])
    with np.errstate(divide="ignore"):
        return np.where(STEPPED | (full == 0.0), JUMP, 1.0 / full)


class Budget:
    """At most `per_s` messages in any second: a bucket whose size and refill together never exceed it."""

    def __init__(self, per_s: float | None) -> None:
        self._burst = math.inf if per_s is None else min(float(COUNT), per_s / 2.0)
        self._refill = math.inf if per_s is None else per_s - self._burst
        self._tokens = self._burst
        self._t: float | None = None

    def available(self, now: float) -> int:
        """Messages that may be sent at `now`."""
        if self._burst == math.inf:
            return COUNT
        if self._t is not None:
            self._tokens = min(self._tokens + max(now - self._t, 0.0) * self._refill, self._burst)
        self._t = now
        return int(self._tokens)

    def spend(self, messages: int) -> None:
        """Account for messages that were sent."""
        self._tokens -= messages

    def next_s(self) -> float:
        """Seconds until one more message is free."""
        return max(1.0 - self._tokens, 0.0) / self._refill


class Shaping:
    """Moves what the synth holds towards what the decoder wants.

    Args:
        settings: ramps, dwell, hysteresis, budget, locks.
        resolution: (41,) smallest difference in params that the output can express.
        reachable: (41,) parameters that the output can set; the others are never sent.
        interval_s: time between two steps of a ramp.
        categories: indices of the category parameters, in the decoder's order.
        budget_per_s: the output's own budget, where the settings name none.
    """

    def __init__(
        self,
        settings: ShapingSettings,
        resolution: Array,
        reachable: NDArray[np.bool_],
        interval_s: float,
        categories: Sequence[int],
        budget_per_s: float | None = None,
    ) -> None:
        self._settings = settings
        self._rates = rates(settings)
        self._coarse = resolution > _FINE
        self._resolution = resolution
        coarse_band = resolution * (0.5 + _DEAD_BAND)
        self._moving_band = np.where(STEPPED, 1e-9, np.where(self._coarse, coarse_band, _MOVING_BAND))
        self._still_band = np.where(STEPPED, 1e-9, np.where(self._coarse, resolution * 0.5, resolution))
        self._reachable = reachable
        self._interval_s = interval_s
        self._steps = np.where(STEPPED, PARAMS_STEP, 1.0)
        self._categories = list(categories)
        self._category_steps = PARAMS_STEP[self._categories]
        per_s = settings.budget_per_s if settings.budget_per_s is not None else budget_per_s
        self._budget = Budget(per_s)
        self._own: Array = np.full(COUNT, np.nan)  # locked and tweaked values
        self._locked = {INDEX[name] for name in settings.lock}
        self._value: Array | None = None  # where the ramps are
        self._sent: Array = np.full(COUNT, np.nan)
        self._flipped: Array = np.full(COUNT, -math.inf)
        self._note = False
        self._t = 0.0
        self._resting = True
        self.withheld = 0
        self._next: float | None = None

    @property
    def held(self) -> list[int] | None:
        """Present class of each category, in the decoder's order; None before the first step."""
        if self._value is None:
            return None
        return [round(float(c)) for c in self._value[self._categories] / self._category_steps]

    @property
    def params(self) -> Array:
        """What the synth has been told so far (41,), params; NaN where nothing was sent yet."""
        return self._sent.copy()

    @property
    def own(self) -> dict[str, float]:
        """The parameters that input does not move, and where the performer put them."""
        return {NAMES[i]: float(self._own[i]) for i in range(COUNT) if not math.isnan(self._own[i])}

    def own_values(self) -> Array:
        """The same as params (41,); NaN where the input moves the parameter."""
        return self._own.copy()

    def take_own(self, values: Array) -> None:
        """Hold the parameters that `values` (41,) names, as `own_values` of another shaping gave them."""
        self._own = values.copy()

    def tweak(self, index: int, value: float | None) -> None:
        """Hold a parameter at `value` (params), or give it back to the input with None."""
        self._own[index] = math.nan if value is None else min(max(value, 0.0), 1.0)
        if value is None:
            self._locked.discard(index)

    def lock(self, index: int) -> None:
        """Hold a parameter where it is; before the first step, where the first step puts it."""
        if self._value is None:
            self._locked.add(index)
        else:
            self._own[index] = self._value[index]

    def note_on(self) -> None:
        """A note begins: with `switch_on_note` the waiting switches may move."""
        self._note = True

    def forget(self) -> None:
        """The synth lost everything: the next step sends every parameter."""
        self._sent[:] = np.nan

    def step(self, target: Array, still: bool, now: float) -> list[Change]:
        """One step towards `target` (41,) params, STEPS parameters unrounded.

        Args:
            target: the decoder's wish, 0..1.
            still: the input stopped: settle at exactly the decoded patch, without hysteresis.
            now: monotonic seconds.

        Returns:
            The changes to send now, audible first. `next_step` says when to call again.
        """
        goal = np.where(np.isnan(self._own), target, self._own)
        if self._value is None:
            value = self._first(goal, now)
            waits = math.inf
        else:
            elapsed = self._interval_s if self._resting else min(now - self._t, _LONGEST_STEP_S)
            value = self._value
            waits = self._switch(goal, value, still, now)
            reach = self._rates * max(elapsed, 0.0)
            moved = value + np.clip(goal - value, -reach, reach)
            np.copyto(value, moved, where=~STEPPED)
        self._t = now
        changes = self._due(value, still, now)
        arrived = bool(np.all((value == goal) | STEPPED))
        self._plan(arrived, waits, still, now)
        return changes

    def next_step(self) -> float | None:
        """When `step` wants to be called again; None once everything is sent."""
        return self._next

    def _first(self, goal: Array, now: float) -> Array:
        """Nothing is known of the synth: everything starts where the decoder wants it."""
        self._value = np.where(STEPPED, np.floor(goal / self._steps + 0.5) * self._steps, goal)
        self._flipped[:] = now
        for index in self._locked:
            self._own[index] = self._value[index]
        return self._value

    def _switch(self, goal: Array, value: Array, still: bool, now: float) -> float:
        """Move the stepped parameters that may move; returns when the next waiting one may (infinite: none waits)."""
        margin = 0.5 if still else 0.5 + self._settings.hysteresis
        away = STEPPED & (np.abs(goal - value) > margin * self._steps + 1e-9)
        if not away.any():
            self._note = False
            return math.inf
        ready = away & (now >= self._flipped + self._settings.dwell_s)
        if self._settings.switch_on_note and not self._note:
            return math.inf
        wanted = np.floor(goal / self._steps + 0.5) * self._steps
        np.copyto(value, wanted, where=ready)
        self._flipped[ready] = now
        waiting = away & ~ready
        self._note = bool(waiting.any())  # the note still counts for what its dwell holds back
        return float(self._flipped[waiting].min()) + self._settings.dwell_s if self._note else math.inf

    def _due(self, value: Array, still: bool, now: float) -> list[Change]:
        """What differs from what the synth was told, most audible first, as much as the budget allows."""
        distance = np.abs(value - self._sent)
        band = self._still_band if still else self._moving_band
        due = np.flatnonzero(~(distance <= band) & self._reachable)
        if due.size == 0:
            self.withheld = 0
            return []
        loudness = WEIGHT[due] * np.nan_to_num(distance[due], nan=1.0)
        order = due[np.argsort(-loudness, kind="stable")]
        free = self._budget.available(now)
        self.withheld = max(order.size - free, 0)
        order = order[:free]
        self._budget.spend(order.size)
        told = np.where(self._coarse & ~STEPPED, np.floor(value / self._resolution + 0.5) * self._resolution, value)
        self._sent[order] = told[order]
        return [Change(i, v) for i, v in zip(order.tolist(), told[order].tolist(), strict=True)]

    def _plan(self, arrived: bool, waits: float, still: bool, now: float) -> None:
        self._resting = arrived and self.withheld == 0 and waits == math.inf
        wakes = [waits] if waits != math.inf else []
        if not arrived:
            wakes.append(now + self._interval_s)
        if self.withheld:
            wakes.append(now + max(self._budget.next_s(), self._interval_s))
        self._next = min(wakes) if wakes else None
