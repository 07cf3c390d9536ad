"""From the decoded patch to what is sent: locks, limits, ramps, calm switches, dead band, budget, order. Pure."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from latentd.instrument.point import Change
from latentd.instrument.rate_limit import Budget
from latentd.schema.documents import Strict
from latentd.synth import units
from latentd.synth.amsynth import COUNT, INDEX, NAMES, PARAMETERS, PARAMS_STEP, STEPPED, Array, Motion

_change = functools.partial(tuple.__new__, Change)  # costs a third of Change(...)

# How audible a parameter is, for the order within a tick. Measured on real patches: the timbre descriptors change most
# with cutoff, filter type, envelope amount, resonance and the waveforms, least with reverb, release and detune.
_AUDIBLE = {
    "filter_cutoff": 8.0, "filter_type": 8.0, "osc1_waveform": 7.0, "osc2_waveform": 6.0, "osc2_range": 6.0,
    "osc2_pitch": 6.0, "filter_env_amount": 5.0, "filter_resonance": 5.0, "master_vol": 5.0, "osc_mix": 4.0,
    "distortion_crunch": 4.0, "amp_sustain": 3.0, "filter_slope": 3.0, "osc2_sync": 3.0, "osc2_detune": 0.5,
    "amp_release": 0.5, "filter_release": 0.5, "reverb_roomsize": 0.3, "reverb_damp": 0.3, "reverb_wet": 0.5,
    "reverb_width": 0.2,
}  # fmt: skip
_WEIGHT = [_AUDIBLE.get(name, 1.0) for name in NAMES]

# Where the energy above 10 kHz bursts when they jump; of the others with a ramp hardly any can be heard (measured by
# rendering jumps of the point with one parameter at a time without its ramp, `tests/bench/jumps.py`).
_FILTER = ("filter_cutoff", "filter_resonance", "filter_env_amount")
# The longest time that one step of a ramp covers: after a stall the sound catches up without a jump.
_LONGEST_STEP_S = 0.02
# A value may jitter by this part of the output's resolution beyond the rounding border without being sent again.
_DEAD_BAND = 0.1
# The rate of a parameter that needs no ramp: its whole range within a nanosecond.
JUMP = 1e9
# While the point moves, smaller changes than this are not worth a message even where the output could express them:
# 2 cents of cutoff. At rest the output's own resolution counts.
_MOVING_BAND = 2e-4
# Outputs finer than this get the value itself, coarser ones the nearest value that they can hold.
_FINE = 1e-4


def _known(name: str) -> str:
    if name not in INDEX:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]}?" if near else "`latentd decode 0.5 0.5` lists the parameters"
        raise ValueError(f"no parameter of amSynth; {advice}")
    return name


ParameterName = Annotated[str, AfterValidator(_known)]
Ramp = Annotated[float, Field(ge=0.0, le=10.0)]
Range = tuple[float, float]
WHOLE: Range = (0.0, 1.0)


class ShapingSettings(Strict):
    """The `shaping:` section of the configuration."""

    filter_s: float = Field(default=0.09, ge=0.0, le=10.0, description="ramp over the full range: cutoff, resonance …")
    timbre_s: float = Field(
        default=0.02, ge=0.0, le=10.0, description="ramp over the full range: pulse width, reverb …"
    )
    pitch_s: float = Field(default=0.1, ge=0.0, le=10.0, description="ramp over the full range: detune, vibrato depth")
    time_s: float = Field(default=0.05, ge=0.0, le=10.0, description="ramp over the full range: envelopes, portamento")
    slew: dict[ParameterName, Ramp] = Field(
        default_factory=dict, description="parameter: its own ramp over the full range, s"
    )
    dwell_s: float = Field(default=0.15, ge=0.0, le=10.0, description="a switch keeps its position at least this long")
    hysteresis: float = Field(default=0.2, ge=0.0, lt=0.5, description="part of a step beyond the border, to step on")
    switch_on_note: bool = Field(default=False, description="switches wait for the next note")
    budget_per_s: float | None = Field(
        default=None, ge=10.0, description="most messages a second (null: the output's own, 4000 jack, 900 alsa)"
    )
    lock: list[ParameterName] = Field(default_factory=list, description="parameters that input never moves")


def _possible(limits: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    for name, ends in limits.items():
        try:
            units.params_range(name, *ends)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return limits


Ends = Annotated[list[float | None], Field(min_length=2, max_length=2)]
# The `limits:` section of the configuration: parameter -> [low, high] in its musical unit, null: no limit at that end.
LimitSettings = Annotated[dict[ParameterName, Ends], AfterValidator(_possible)]


def limits_of(settings: LimitSettings) -> dict[int, Range]:
    """The limits in params, for `Shaping.take_limits`."""
    return {INDEX[name]: units.params_range(name, *ends) for name, ends in settings.items()}


def rates(settings: ShapingSettings) -> Array:
    """Fastest change of each parameter (41,), params a second; `JUMP` where a jump is fine."""
    seconds = {Motion.TIMBRE: settings.timbre_s, Motion.PITCH: settings.pitch_s, Motion.TIME: settings.time_s}
    ramps = {p.name: seconds.get(p.motion, 0.0) for p in PARAMETERS} | dict.fromkeys(_FILTER, settings.filter_s)
    full = np.array([settings.slew.get(name, ramp) for name, ramp in ramps.items()])
    with np.errstate(divide="ignore"):
        return np.where(STEPPED | (full == 0.0), JUMP, 1.0 / full)


class Shaping:
    """Moves what the synth holds towards the decoded patch.

    It works on plain lists: for 41 numbers that is faster than numpy, above all after a rest, when the first point of
    a gesture finds the processor's caches cold.

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
        self._interval_s = interval_s
        coarse = resolution > _FINE
        coarse_band = resolution * (0.5 + _DEAD_BAND)
        moving = np.where(STEPPED, 1e-9, np.where(coarse, coarse_band, _MOVING_BAND))
        still = np.where(STEPPED, 1e-9, np.where(coarse, resolution * 0.5, resolution))
        self._moving_band: list[float] = moving.tolist()
        self._still_band: list[float] = still.tolist()
        # What is sent is a multiple of this; 0.0: the value as it is.
        self._grain: list[float] = np.where(coarse & ~STEPPED, resolution, 0.0).tolist()
        self._reachable: list[int] = np.flatnonzero(reachable).tolist()
        self._ramps = [(i, rate) for i, rate in enumerate(rates(settings).tolist()) if not STEPPED[i]]
        self._switches = [(i, step) for i, step in enumerate(PARAMS_STEP.tolist()) if step]
        self._steps = dict(self._switches)
        self.use_categories(categories)
        per_s = settings.budget_per_s if settings.budget_per_s is not None else budget_per_s
        self._budget = Budget(per_s)
        # Locked and tweaked values; None: wherever the first step puts it.
        self._own: dict[int, float | None] = dict.fromkeys(INDEX[name] for name in settings.lock)
        self._limits: dict[int, Range] = {}
        self._within: list[tuple[int, float, float]] = []  # the limits as this output can keep them
        self._value: list[float] | None = None  # where the ramps are
        self._sent = [math.nan] * COUNT
        self._flipped = [-math.inf] * COUNT
        self._note = False
        self._t = 0.0
        self._resting = True
        self.withheld = 0
        self._next: float | None = None

    def use_categories(self, categories: Sequence[int]) -> None:
        """`held` lists these from now on: another model may have other categories."""
        self._categories = [(i, float(PARAMS_STEP[i])) for i in categories]

    @property
    def held(self) -> list[int] | None:
        """Present class of each category, in the decoder's order; None before the first step."""
        value = self._value
        return None if value is None else [round(value[i] / step) for i, step in self._categories]

    @property
    def params(self) -> Array:
        """What has been sent so far (41,), params; NaN where nothing was sent yet."""
        return np.array(self._sent)

    @property
    def value(self) -> Array | None:
        """Where every parameter is by now (41,), params, sent or not; None before the first step."""
        return None if self._value is None else np.array(self._value)

    @property
    def own(self) -> dict[str, float]:
        """The parameters that input does not move, and where the performer put them."""
        held = {i: own for i, own in sorted(self._own.items()) if own is not None}
        for i, low, high in self._within:
            if i in held:
                held[i] = min(max(held[i], low), high)
        return {NAMES[i]: own for i, own in held.items()}

    def own_values(self) -> dict[int, float | None]:
        """The same by index, params; None where the first step will lock it."""
        return dict(self._own)

    def take_own(self, values: dict[int, float | None]) -> None:
        """Hold the parameters that `values` names and no others, as `own_values` gave them."""
        self._own = dict(values)
        if self._value is not None:
            self._lock_at(self._value)

    def tweak(self, index: int, value: float | None) -> None:
        """Hold a parameter at `value` (params), or give it back to the input with None."""
        if value is None:
            self._own.pop(index, None)
        else:
            self._own[index] = min(max(value, 0.0), 1.0)

    def lock(self, index: int) -> None:
        """Hold a parameter where it is; before the first step, wherever that puts it."""
        self._own[index] = None if self._value is None else self._value[index]

    @property
    def limits(self) -> dict[int, Range]:
        """The parameters that stay within a part of their range: index -> least and greatest value, params."""
        return dict(self._limits)

    def take_limits(self, limits: Mapping[int, Range]) -> None:
        """Keep these parameters within their limits from the next step on, and no others, whatever moves them.

        Where the output's values or a parameter's steps are coarser, the nearest ones inside count.
        """
        self._limits = {i: ends for i, ends in limits.items() if ends != WHOLE}
        self._within = [(i, *self._inside(i, low, high)) for i, (low, high) in sorted(self._limits.items())]

    def _inside(self, index: int, low: float, high: float) -> Range:
        """The limits as multiples of what the output can express; one of them if there is none in between."""
        grain = self._grain[index] or self._steps.get(index, 0.0)
        if not grain:
            return low, high
        least, greatest = math.ceil(low / grain - 1e-6) * grain, math.floor(high / grain + 1e-6) * grain
        if least > greatest:
            least = greatest = math.floor((low + high) / 2.0 / grain + 0.5) * grain
        return least, greatest

    def note_on(self) -> None:
        """A note begins: with `switch_on_note` the waiting switches may move."""
        self._note = True

    def step(self, target: Sequence[float], still: bool, now: float) -> list[Change]:
        """One step towards `target` (41,) params, STEPS parameters unrounded.

        Args:
            target: the decoded patch, 0..1.
            still: the input has stopped: settle at exactly the decoded patch, without hysteresis.
            now: monotonic seconds.

        Returns:
            The changes to send now, the most audible first. `next_step` says when to call again.
        """
        goal = list(target)
        for index, own in self._own.items():
            if own is not None:
                goal[index] = own
        for index, low, high in self._within:
            goal[index] = low if goal[index] < low else high if goal[index] > high else goal[index]
        waits, arrived = math.inf, True
        if self._value is None:
            self._value = self._first(goal, now)
        else:
            elapsed = self._interval_s if self._resting else min(now - self._t, _LONGEST_STEP_S)
            waits = self._switch(goal, self._value, still, now)
            arrived = self._ramp(goal, self._value, max(elapsed, 0.0))
        self._t = now
        changes = self._due(self._value, still, now)
        self._plan(arrived, waits, now)
        return changes

    def next_step(self) -> float | None:
        """When to call `step` again; None once everything is sent."""
        return self._next

    def _first(self, goal: list[float], now: float) -> list[float]:
        """Nothing is known of the synth: everything starts at the decoded patch."""
        value = goal.copy()
        for i, step in self._switches:
            value[i] = math.floor(goal[i] / step + 0.5) * step
        self._flipped = [now] * COUNT
        self._lock_at(value)
        return value

    def _lock_at(self, value: list[float]) -> None:
        """What was locked before the first step stays at these values."""
        for index, own in self._own.items():
            if own is None:
                self._own[index] = value[index]

    def _switch(self, goal: list[float], value: list[float], still: bool, now: float) -> float:
        """Move the stepped parameters that may move; returns when the next waiting one may (infinite: none waits)."""
        settings, flipped = self._settings, self._flipped
        if settings.switch_on_note and not self._note:
            return math.inf
        margin = 0.5 if still else 0.5 + settings.hysteresis
        waits = math.inf
        for i, step in self._switches:
            if abs(goal[i] - value[i]) <= margin * step + 1e-9:
                continue
            if now >= flipped[i] + settings.dwell_s:
                value[i] = math.floor(goal[i] / step + 0.5) * step
                flipped[i] = now
            else:
                waits = min(waits, flipped[i] + settings.dwell_s)
        self._note = waits < math.inf  # the note still counts for what its dwell holds back
        return waits

    def _ramp(self, goal: list[float], value: list[float], elapsed: float) -> bool:
        """Move the other parameters, each as far as its rate allows; True once all have arrived."""
        arrived = True
        for i, rate in self._ramps:
            distance = goal[i] - value[i]
            if not distance:
                continue
            reach = rate * elapsed
            if -reach <= distance <= reach:
                value[i] = goal[i]
            else:
                value[i] += reach if distance > 0.0 else -reach
                arrived = False
        return arrived

    def _due(self, value: list[float], still: bool, now: float) -> list[Change]:
        """What differs from what was sent, the most audible first, as much as the budget allows."""
        sent, band = self._sent, self._still_band if still else self._moving_band
        due: list[tuple[float, int]] = []
        for i in self._reachable:
            distance = abs(value[i] - sent[i])
            if distance <= band[i]:
                continue
            # NaN: never sent.
            due.append((-_WEIGHT[i] * (distance if distance == distance else 1.0), i))
        if not due:
            self.withheld = 0
            return []
        free = self._budget.available(now)
        self.withheld = max(len(due) - free, 0)
        due.sort()
        changes = []
        for _, i in due[:free]:
            grain = self._grain[i]
            sent[i] = nearest = math.floor(value[i] / grain + 0.5) * grain if grain else value[i]
            changes.append(_change((i, nearest)))
        self._budget.spend(len(changes))
        return changes

    def _plan(self, arrived: bool, waits: float, now: float) -> None:
        self._resting = arrived and self.withheld == 0 and waits == math.inf
        wakes = [waits] if waits != math.inf else []
        if not arrived:
            wakes.append(now + self._interval_s)
        if self.withheld:
            wakes.append(now + max(self._budget.next_s(), self._interval_s))
        self._next = min(wakes) if wakes else None
