"""Warmth: energy below 260 Hz, loudness of lows and highs, centroid, and linearity of the spectrum's decay.

Regression: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import fft

from latentd.offline.timbre.descriptors import peaks, spectra
from latentd.offline.timbre.descriptors.spectra import Array

_SIZE = 8192
_CONTRAST = 0.2
_LOW_HZ = 260.0
_WARM_PARTIALS = 3.5  # the warm region ends at this multiple of the fundamental
_WARM_LIMIT_HZ = 12000.0


class _Note(NamedTuple):
    rms: float
    low_share: float
    centroid: float
    straightness: float


def value(x: Array, starts: list[int], rate: float, low_loudness: float, high_loudness: float) -> float:
    """Warmth of a signal.

    Args:
        starts: samples of its onsets.
        low_loudness: mean loudness between 1 and 4 Bark.
        high_loudness: rms-weighted loudness between 8 and 24 Bark.
    """
    ends = [starts[k + 1] if start != starts[-1] else len(x) for k, start in enumerate(starts)]
    notes = [note for start, end in zip(starts, ends, strict=True) if (note := _note(x[start:end], rate))]
    rms, low_share, centroid, straightness = np.array(notes).T
    return float(
        -4.464258317026696 * np.log10(np.mean(centroid))
        - 0.08819320850778556 * high_loudness
        + 0.29156539973575546 * low_loudness
        + 17.274733561081554 * np.mean(straightness)
        + 8.403340066029507 * np.average(low_share, weights=rms)
        + 45.21212125085579
    )


def _note(x: Array, rate: float) -> _Note | None:
    """The features of the sound from one onset to the next; None for silence."""
    if not np.any(x):
        return None
    spectrum = _spectrum(x)
    hz = np.arange(len(spectrum)) * rate / _SIZE
    found = peaks.find(spectrum[None].astype(np.float32), _CONTRAST)
    lowest = int(found.column.min())
    fundamental = float(found.place.min()) * rate / _SIZE
    limit = fundamental * _WARM_PARTIALS
    high = slice(int(np.searchsorted(hz, limit if limit <= _WARM_LIMIT_HZ else _WARM_LIMIT_HZ, side="right")), None)
    low = slice(lowest, int(np.searchsorted(hz, _LOW_HZ, side="right")))
    return _Note(
        rms=float(np.sqrt(np.mean(x * x))),
        low_share=float(spectrum[low].sum() / spectrum.sum()) if fundamental < _LOW_HZ else 0.0,
        centroid=float(np.sum(hz * spectrum) / spectrum.sum()),
        straightness=_straightness(np.log10(hz[high]), np.log10(spectrum[high])),
    )


def _spectrum(x: Array) -> Array:
    """Power summed over frames of at most 8192 samples, scaled to peak 1. Double precision: its tail is used in dB."""
    size = min(len(x), _SIZE)
    total = np.zeros(_SIZE // 2 + 1)
    for cut in spectra.in_parts(spectra.frames(x, size, size - size // 8)):
        spectrum = fft.rfft((cut - cut.mean(axis=1, keepdims=True)) * spectra.window(("tukey", 0.25), size), _SIZE)
        total += np.sum(spectrum.real**2 + spectrum.imag**2, axis=0)
    total[1:-1] *= 2.0
    return np.asarray(total / total.max())


def _straightness(x: Array, y: Array) -> float:
    """R² of a linear regression."""
    centred = y - y.mean()
    slope = np.sum((x - x.mean()) * centred) / np.sum((x - x.mean()) ** 2)
    return float(1.0 - np.sum((centred - slope * (x - x.mean())) ** 2) / np.sum(centred**2))
