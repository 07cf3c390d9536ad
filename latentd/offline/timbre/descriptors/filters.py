"""Steep high-pass and low-pass filters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import signal

from latentd.offline.timbre.descriptors.spectra import Array


def above(x: Array, hz: float, rate: float) -> Array:
    """x through a high-pass filter."""
    return np.asarray(signal.sosfilt(_sections(hz, "high", rate), x))


def below(x: Array, hz: float, rate: float) -> Array:
    """x through a low-pass filter."""
    return np.asarray(signal.sosfilt(_sections(hz, "low", rate), x))


@lru_cache(maxsize=32)
def _sections(hz: float, kind: str, rate: float) -> Array:
    """Three second-order Butterworth filters in series: 36 dB per octave, and -9 dB at the corner."""
    return np.repeat(signal.butter(2, hz, kind, fs=rate, output="sos"), 3, axis=0)
