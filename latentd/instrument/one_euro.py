"""The one-euro filter (Casiez, Roussel and Vogel 2012) of one coordinate. Pure; time is an argument."""

from __future__ import annotations

import math

from latentd.instrument.gesture_settings import Filter

# Once the input has stopped, the filter closes in at this cutoff, so that it rests after about 0.1 s.
_STILL_CUTOFF_HZ = 12.0
# Below this distance the filter snaps to the input: a quarter of the finest pad in use (14 bits is 6e-5).
_SNAP = 1.5e-5
# Two samples closer than this tell nothing about speed, and dividing by less could overflow.
_INSTANT_S = 1e-6


class Axis:
    """One-euro filter of one coordinate. A fresh one and a reset one behave alike; time 0.0 is a time."""

    __slots__ = ("_primed", "_settings", "_speed", "_t", "value")

    def __init__(self, settings: Filter) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample passes unchanged."""
        self._primed = False
        self._speed = self._t = self.value = 0.0

    def step(self, raw: float, t: float, fast: bool = False) -> float:
        """Feed one sample taken at `t` (monotonic s); `fast` closes in on an input that has stopped."""
        if not self._primed:
            self._primed, self._t, self.value = True, t, raw
            return raw
        dt = t - self._t
        if dt < _INSTANT_S:  # two samples of one instant: the newer replaces, speed unknown
            return self.value
        settings = self._settings
        speed = (raw - self.value) / dt  # from the filtered value, as published: less lag than from the last sample
        self._speed += _alpha(settings.derivative_cutoff_hz, dt) * (speed - self._speed)
        cutoff = settings.min_cutoff_hz + settings.beta * abs(self._speed)
        if fast:
            cutoff = max(cutoff, _STILL_CUTOFF_HZ)
        self.value += _alpha(cutoff, dt) * (raw - self.value)
        if abs(raw - self.value) < _SNAP:
            self.value = raw
        self._t = t
        return self.value


def _alpha(cutoff_hz: float, dt: float) -> float:
    """Smoothing factor of a first-order low pass sampled `dt` seconds apart."""
    r = 2.0 * math.pi * cutoff_hz * dt
    return r / (r + 1.0)
