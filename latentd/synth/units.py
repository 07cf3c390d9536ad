"""The amounts that a musician counts in (cents, seconds, dB), for amSynth's parameters.

Sources: amSynth's `Parameter.cpp: getControlValue` (the laws), `VoiceBoard.cpp: ProcessSamplesMix` (vibrato, tremolo,
velocity) and `Distortion.cpp` (crunch).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from latentd.synth.amsynth import INDEX, MAXIMUM, MINIMUM, PARAMETERS, SPAN, Law, Parameter

Convert = Callable[[float], float]


class Unit(NamedTuple):
    """A unit, and a parameter's patch value for an amount of it, and back; both rise."""

    name: str
    patch_value: Convert
    amount: Convert


def unit(name: str) -> Unit:
    """The musician's unit of a parameter; the synth's own, without a name, where there is no other."""
    return _UNITS.get(name) or _of_law(PARAMETERS[INDEX[name]])


def params_range(name: str, low: float | None, high: float | None) -> tuple[float, float]:
    """The part of a parameter's range (params, 0..1) from `low` to `high` in its unit; None: as far as it goes.

    Raises:
        ValueError: it is empty; the text names the unit and what there is.
    """
    kind, index = unit(name), INDEX[name]
    least, greatest = kind.amount(MINIMUM[index]), kind.amount(MAXIMUM[index])
    low, high = least if low is None else low, greatest if high is None else high
    if low > high:
        raise ValueError(f"{_shown(low)} is above {_shown(high)}; write the lower end first")
    if high < least - _ROUNDING or low > greatest + _ROUNDING:
        raise ValueError(f"{name} goes from {_shown(least)} to {_shown(greatest)} {kind.name}".rstrip())
    ends = (min(max(end, least), greatest) for end in (low, high))
    found = (min(max((kind.patch_value(end) - MINIMUM[index]) / SPAN[index], 0.0), 1.0) for end in ends)
    return float(next(found)), float(next(found))


def amounts(name: str, low: float, high: float) -> tuple[float | None, float | None]:
    """A range in params as amounts of the parameter's unit, as `params_range` takes them; None: as far as it goes."""
    kind, index = unit(name), INDEX[name]
    least, greatest = (_finite(kind.amount(MINIMUM[index] + end * SPAN[index])) for end in (low, high))
    return None if low == 0.0 else least, None if high == 1.0 else greatest


_ROUNDING = 1e-5  # an amount may come as a float of 32 bits
_SILENT_DB = 1000.0


def _finite(amount: float) -> float:
    """Silence is infinitely far below full level, which JSON cannot say, and the status is answered in it."""
    return float(amount) if math.isfinite(amount) else math.copysign(_SILENT_DB, amount)


def _shown(amount: float) -> str:
    return f"{amount:.4g}"


def _of_law(parameter: Parameter) -> Unit:
    """Seconds and hertz as amSynth computes them; what has no unit stays as it is."""
    base, offset = parameter.base, parameter.offset
    if not parameter.unit or parameter.law is not Law.POWER:
        return Unit(parameter.unit, float, float)
    return Unit(
        parameter.unit,
        lambda amount: math.pow(max(amount - offset, 0.0), 1.0 / base),
        lambda value: offset + math.pow(max(value, 0.0), base),
    )


def _logarithmic(name: str, per_unit: float) -> Unit:
    """A unit of which the parameter counts `per_unit`."""
    return Unit(name, lambda amount: amount / per_unit, lambda value: value * per_unit)


def _decibels(power: float) -> Unit:
    """Level of an amplitude that is the value to the power of `power`."""
    return Unit(
        "dB",
        lambda db: math.pow(10.0, db / 20.0 / power),
        lambda value: 20.0 * power * math.log10(value) if value > 0.0 else -math.inf,
    )


def _depth(value: float) -> float:
    """How far (dB) the softest is below the loudest, where a share `value` of the amplitude moves."""
    return -20.0 * math.log10(1.0 - value) if value < 1.0 else math.inf


def _share(db: float) -> float:
    return 1.0 - math.pow(10.0, -db / 20.0)


_UNITS = {
    "osc2_detune": _logarithmic("cents", 1200.0 * math.log2(1.25)),
    "osc2_range": Unit("octaves", float, float),
    "osc2_pitch": Unit("semitones", float, float),
    "filter_cutoff": _logarithmic("octaves", math.log2(16.0)),
    "freq_mod_amount": Unit(
        "cents",  # the pitch moves between 1 - value ** 3 / 2 and 1 + value ** 3 / 2
        lambda cents: math.pow(max(2.0 * (math.pow(2.0, cents / 1200.0) - 1.0), 0.0), 1.0 / 3.0),
        lambda value: 1200.0 * math.log2(1.0 + max(value, 0.0) ** 3 / 2.0),
    ),
    "amp_mod_amount": Unit("dB", lambda db: 2.0 * _share(db) - 1.0, lambda value: _depth((value + 1.0) / 2.0)),
    "amp_sustain": _decibels(1.0),
    "master_vol": _decibels(2.0),
    "amp_vel_sens": Unit("dB", _share, _depth),
    "distortion_crunch": Unit(":1", lambda ratio: 1.0 - 1.0 / ratio, lambda value: 1.0 / (1.0 - value)),
}
