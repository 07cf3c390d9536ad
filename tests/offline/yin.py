"""A second pitch tracker, to check the first: YIN (A. de Cheveigné and H. Kawahara, JASA 111, 2002), steps 1 to 5."""

from __future__ import annotations

import numpy as np
from scipy import signal

from latentd.synth.amsynth import Array

_RATE = 16000
_WINDOW = 800  # samples; 50 ms
_LONGEST = 400  # samples of a period: 40 Hz
_THRESHOLD = 0.15
_APERIODIC = 0.3  # above it a frame has no pitch
_START_S, _END_S, _STEP_S = 0.3, 1.5, 0.04


def steady_hz(mono: Array, rate: int) -> float:
    """The median pitch from 0.3 to 1.5 s; NaN if fewer than half of the frames have one."""
    x = signal.resample_poly(mono, 1, rate // _RATE)
    starts = np.arange(_START_S, _END_S, _STEP_S) * _RATE
    found = np.array([_frame_hz(x[round(s) : round(s) + _WINDOW + _LONGEST]) for s in starts])
    voiced = found[~np.isnan(found)]
    return float(np.median(voiced)) if len(voiced) >= len(found) / 2 else float("nan")


def _frame_hz(x: Array) -> float:
    head = x[:_WINDOW]
    energy = np.concatenate([[0.0], np.cumsum(x * x)])
    products = signal.correlate(x, head, "valid")[:_LONGEST]
    lags = np.arange(_LONGEST)
    difference = energy[_WINDOW] + energy[lags + _WINDOW] - energy[lags] - 2.0 * products
    total = np.cumsum(difference[1:])
    if not total[-1] > 1e-9:
        return float("nan")
    normalised = np.concatenate([[1.0], difference[1:] * lags[1:] / np.maximum(total, 1e-12)])
    low = np.flatnonzero(normalised < _THRESHOLD)
    lag = int(low[0]) if len(low) else int(normalised.argmin())
    while lag + 1 < _LONGEST and normalised[lag + 1] < normalised[lag]:
        lag += 1
    if normalised[lag] > _APERIODIC or not 0 < lag < _LONGEST - 1:
        return float("nan")
    before, here, after = normalised[lag - 1 : lag + 2]
    curve = before - 2.0 * here + after
    return _RATE / (lag + (0.5 * (before - after) / curve if curve > 0 else 0.0))
