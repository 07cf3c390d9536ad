"""Roughness: how much the partials of 50 ms frames beat against each other.

Model: P. Vassilakis, Sound and Music Computing (2007), with R. Plomp's and W. Levelt's curve; regression: A. Pearce,
T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from latentd.offline.timbre import peaks, spectra
from latentd.offline.timbre.spectra import Array, Array32

_PADDING = 512
_FRAME_S = 0.05
_CONTRAST = 0.01
_FARTHEST = 6.6  # in units of the curve: two partials that far apart beat 1e-10 as much as two near ones


def value(x: Array, rate: float) -> float:
    """Roughness of a signal; 0 where next to nothing beats."""
    magnitude = _spectra(np.pad(x, (_PADDING, 0)), rate)
    low, high = magnitude.min(), magnitude.max()
    found = peaks.find((magnitude - low) / (high - low), _CONTRAST, magnitude)
    strength = magnitude[found.row, found.column]
    hz = found.place * (rate / 2 / (magnitude.shape[1] - 1))
    mean = _beating(found.row, hz, found.height, strength) / len(magnitude)
    return float(13.98779569 * np.log10(mean) + 48.97606571545886) if mean >= 0.01 else 0.0


def _spectra(x: Array, rate: float) -> Array32:
    """Magnitudes (frame, bin) of Hamming-windowed frames of 50 ms that overlap by half."""
    size = int(rate * _FRAME_S)
    bins = 2 ** int(np.log2(size) + 1)
    count = int(len(x) / (size - size / 2))
    starts = (np.arange(count) * (size / 2)).astype(np.intp)
    starts = starts[starts + size <= len(x)]
    # The reference's window: the inner part of a symmetric one that is two longer.
    cut = np.lib.stride_tricks.sliding_window_view(x, size)[starts] * np.hamming(size + 2)[1:-1]
    magnitude = np.sqrt(spectra.power(fft.rfft(cut.astype(np.float32), bins, axis=1)))
    return np.pad(magnitude, ((0, count - len(magnitude)), (0, 0)))


def _beating(row: peaks.Index, hz: Array, height: Array, strength: Array32) -> float:
    """Sum over all frames of the roughness of every two of their partials that lie near enough to beat.

    Partials come ordered by frame and frequency, so the partners of each are those that follow it up to some limit.
    """
    curve = 0.24 / (0.0207 * hz + 18.96)
    frame = row * 1e6
    count = np.searchsorted(frame + hz, frame + hz + _FARTHEST / curve, side="right") - np.arange(len(hz)) - 1
    count = np.minimum(count, np.searchsorted(row, row, side="right") - np.arange(len(hz)) - 1)
    lower = np.repeat(np.arange(len(hz)), count)
    upper = lower + 1 + np.arange(len(lower)) - np.repeat(np.cumsum(count) - count, count)
    distance = np.repeat(curve, count) * (hz[upper] - hz[lower])
    louder = np.where(strength[upper] > strength[lower], upper, lower)
    both = height[lower] + height[upper]
    root = height**0.1
    beats = np.exp(-3.51 * distance) - np.exp(-5.75 * distance)
    return float(np.sum(root[lower] * root[upper] * 0.5 * (2.0 * height[louder] / both) ** 3.11 * beats))
