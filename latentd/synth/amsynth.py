"""The 41 parameters of amSynth in one table, as amSynth 1.13 defines them.

Sources: amSynth's `Parameter.cpp` (names, order, defaults, ranges, steps, laws), `VoiceBoard.cpp` and
`Synthesizer.cpp` (what the synth smooths itself), and measurements with Debian's amsynth 1.13.2.
A value is written in one of three forms:

- `patch`: the synth's own units, as bank files hold them (`filter_cutoff` -0.5..1.5)
- `params`: the same scaled to 0..1, `(patch - minimum) / (maximum - minimum)`
- `cc`: 0..127, which amSynth reads as `minimum + cc / 127 * (maximum - minimum)`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Law(Enum):
    """How amSynth turns a patch value into the audible quantity (`Parameter.cpp: getControlValue`)."""

    LINEAR = "linear"  # offset + base * value
    EXPONENTIAL = "exponential"  # offset + base ** value
    POWER = "power"  # offset + value ** base


class Kind(Enum):
    """How a parameter is learned and moved."""

    CONTINUOUS = "continuous"
    CATEGORY = "category"  # unordered classes: one-hot, never in between
    STEPS = "steps"  # ordered steps: a decoder may interpolate between them


class Motion(Enum):
    """How a change of the parameter sounds, which decides how it has to be made."""

    SMOOTHED = "smoothed"  # amSynth smooths it: it may jump
    TIMBRE = "timbre"  # a jump clicks or zips: ramp it
    PITCH = "pitch"  # a jump sounds like a wrong note: ramp it more slowly
    TIME = "time"  # times, which act later: a short ramp is enough
    SWITCH = "switch"  # changes at once or not at all


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table. `step` is 0.0 where amSynth does not round; `labels` name the classes."""

    name: str
    default: float
    minimum: float
    maximum: float
    step: float
    law: Law
    base: float
    offset: float
    unit: str
    kind: Kind
    motion: Motion
    labels: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of steps or classes; 0 for a continuous parameter."""
        return round((self.maximum - self.minimum) / self.step) + 1 if self.step else 0


_WAVES = ("sine", "square / pulse", "triangle / saw", "white noise", "noise + sample & hold")
_LFO_WAVES = (
    "sine", "square", "triangle", "noise", "noise + sample & hold", "sawtooth up", "sawtooth down",
)  # fmt: skip
_SYNC = ("off", "on")
_KEYBOARD = ("poly", "mono", "legato")
_SLOPES = ("12 dB / octave", "24 dB / octave")
_OSCS = ("both", "osc 1", "osc 2")
_PORTA = ("always", "legato")
_FILTERS = ("low pass", "high pass", "band pass", "notch", "bypass")
_LIN, _EXP, _POW = Law.LINEAR, Law.EXPONENTIAL, Law.POWER
_CONT, _CAT, _STEPS = Kind.CONTINUOUS, Kind.CATEGORY, Kind.STEPS
_SMOOTHED, _TIMBRE, _PITCH, _TIME, _SWITCH = (
    Motion.SMOOTHED, Motion.TIMBRE, Motion.PITCH, Motion.TIME, Motion.SWITCH,
)  # fmt: skip

# fmt: off
PARAMETERS: tuple[Parameter, ...] = (
    #         name                default   min    max     step law   base  offset   unit  kind    motion
    Parameter("amp_attack",        0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("amp_decay",         0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("amp_sustain",       1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("amp_release",       0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("osc1_waveform",     2.0,     0.0,   4.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _WAVES),
    Parameter("filter_attack",     0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("filter_decay",      0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("filter_sustain",    1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("filter_release",    0.0,     0.0,   2.5,    0.0, _POW, 3.0,  0.0005,  "s",  _CONT,  _TIME),
    Parameter("filter_resonance",  0.0,     0.0,   0.97,   0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("filter_env_amount", 0.0,   -16.0,  16.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("filter_cutoff",     1.5,    -0.5,   1.5,    0.0, _EXP, 16.0, 0.0,     "",   _CONT,  _TIMBRE),
    Parameter("osc2_detune",       0.0,    -1.0,   1.0,    0.0, _EXP, 1.25, 0.0,     "",   _CONT,  _PITCH),
    Parameter("osc2_waveform",     2.0,     0.0,   4.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _WAVES),
    Parameter("master_vol",        0.67,    0.0,   1.0,    0.0, _POW, 2.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("lfo_freq",          0.0,     0.0,   7.5,    0.0, _POW, 2.0,  0.0,     "Hz", _CONT,  _TIMBRE),
    Parameter("lfo_waveform",      0.0,     0.0,   6.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _LFO_WAVES),
    Parameter("osc2_range",        0.0,    -3.0,   4.0,    1.0, _EXP, 2.0,  0.0,     "",   _STEPS, _SWITCH),
    Parameter("osc_mix",           0.0,    -1.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("freq_mod_amount",   0.0,     0.0,   1.25992105, 0.0, _POW, 3.0, -1.0, "",   _CONT,  _PITCH),
    Parameter("filter_mod_amount", -1.0,   -1.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("amp_mod_amount",    -1.0,   -1.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("osc_mix_mode",      0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("osc1_pulsewidth",   1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("osc2_pulsewidth",   1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("reverb_roomsize",   0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("reverb_damp",       0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("reverb_wet",        0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("reverb_width",      1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("distortion_crunch", 0.0,     0.0,   0.9,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    Parameter("osc2_sync",         0.0,     0.0,   1.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _SYNC),
    Parameter("portamento_time",   0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "s",  _CONT,  _TIME),
    Parameter("keyboard_mode",     0.0,     0.0,   2.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _KEYBOARD),
    Parameter("osc2_pitch",        0.0,   -12.0,  12.0,    1.0, _LIN, 1.0,  0.0,     "",   _STEPS, _SWITCH),
    Parameter("filter_type",       0.0,     0.0,   4.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _FILTERS),
    Parameter("filter_slope",      1.0,     0.0,   1.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _SLOPES),
    Parameter("freq_mod_osc",      0.0,     0.0,   2.0,    1.0, _LIN, 1.0,  0.0,     "",   _CAT,   _SWITCH, _OSCS),
    Parameter("filter_kbd_track",  1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("filter_vel_sens",   1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _TIMBRE),
    Parameter("amp_vel_sens",      1.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SMOOTHED),
    # amSynth 1.13 does not round this one (0.787 stays 0.787) but uses it as 0 or 1; newer versions round it.
    Parameter("portamento_mode",   0.0,     0.0,   1.0,    0.0, _LIN, 1.0,  0.0,     "",   _CONT,  _SWITCH, _PORTA),
)
# fmt: on

COUNT = len(PARAMETERS)
NAMES = tuple(p.name for p in PARAMETERS)
INDEX = {name: i for i, name in enumerate(NAMES)}
MINIMUM: Array = np.array([p.minimum for p in PARAMETERS])
MAXIMUM: Array = np.array([p.maximum for p in PARAMETERS])
SPAN: Array = MAXIMUM - MINIMUM
STEP: Array = np.array([p.step for p in PARAMETERS])
DEFAULT: Array = np.array([p.default for p in PARAMETERS])
STEPPED = STEP > 0
SWITCH = np.array([p.motion is Motion.SWITCH for p in PARAMETERS])
# One step of a stepped parameter in params (0..1); 0 elsewhere.
PARAMS_STEP: Array = STEP / SPAN
_STEP_OR_1: Array = np.where(STEPPED, PARAMS_STEP, 1.0)  # to divide by

for _constant in (MINIMUM, MAXIMUM, SPAN, STEP, DEFAULT, STEPPED, SWITCH, PARAMS_STEP):
    _constant.flags.writeable = False


def to_params(patch: Array) -> Array:
    """Patch values (..., 41) in the synth's units to 0..1."""
    return (patch - MINIMUM) / SPAN


def to_patch(params: Array | Sequence[float]) -> Array:
    """Params (..., 41) to the patch that the synth holds: clipped to 0..1, steps rounded as amSynth rounds them."""
    params = np.clip(params, 0.0, 1.0)
    steps = np.floor(params / _STEP_OR_1 + 0.5)
    return MINIMUM + np.where(STEPPED, steps * STEP, params * SPAN)  # whole steps, so exact


def round_steps(params: Array) -> Array:
    """Params (..., 41) with stepped parameters at their nearest steps, halves up (`Parameter.cpp: setValue`)."""
    return np.where(STEPPED, np.floor(params / _STEP_OR_1 + 0.5) * PARAMS_STEP, params)


def nearest_cc(params: Array) -> NDArray[np.intp]:
    """The CC values (..., 41) nearest to params 0..1."""
    return np.floor(np.clip(params, 0.0, 1.0) * 127.0 + 0.5).astype(np.intp)
