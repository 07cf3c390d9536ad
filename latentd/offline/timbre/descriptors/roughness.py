"""Roughness: the beating between the partials of 50 ms frames.

Model: P. Vassilakis, Sound and Music Computing (2007), with R. Plomp's and W. Levelt's curve; regression: A. Pearce,
T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from latentd.offline.timbre.descriptors import peaks, spectra
from latentd.offline.timbre.descriptors.spectra import Array, Array32

_PADDING = 512
_FRAME_S = 0.05
_CONTRAST = 0.01
_FARTHEST = 4.0  # in units of the curve: partials farther apart beat less than a millionth of near ones
_PAIRS = 20000  # processed at a time, so that they stay in the processor's cache


def value(x: Array32, rate: float) -> float:
    """Roughness of a signal; 0 if there is almost no beating."""
    magnitude = _spectra(np.pad(x, (_PADDING, 0)), rate)
    low, high = magnitude.min(), magnitude.max()
    found = peaks.find((magnitude - low) / (high - low), _CONTRAST, magnitude)
    strength = magnitude[found.row, found.column]
    hz = found.place * (rate / 2 / (magnitude.shape[1] - 1))
    mean = _beating(found.row, hz, found.height, strength) / len(magnitude)
    return float(13.98779569 * np.log10(mean) + 48.97606571545886) if mean >= 0.01 else 0.0


def _spectra(x: Array32, rate: float) -> Array32:
    """Magnitudes (frame, bin) of Hamming-windowed frames of 50 ms that overlap by half."""
    size = int(rate * _FRAME_S)
    bins = 2 ** int(np.log2(size) + 1)
    count = int(len(x) / (size - size / 2))
    starts = (np.arange(count) * (size / 2)).astype(np.intp)
    starts = starts[starts + size <= len(x)]
    # The window of the reference: a symmetric one without its first and last sample.
    hamming = np.hamming(size + 2)[1:-1].astype(np.float32)
    parts = [
        np.sqrt(spectra.power(fft.rfft(part * hamming, bins, axis=1)))
        for part in spectra.in_parts(np.lib.stride_tricks.sliding_window_view(x, size)[starts])
    ]
    silent = np.zeros((count - len(starts), bins // 2 + 1), np.float32)
    return np.concatenate([*parts, silent])


def _beating(row: peaks.Index, hz: Array, height: Array, strength: Array32) -> float:
    """Sum over all frames of the roughness of each pair of their partials that are close enough to beat.

    Partials are ordered by frame and frequency, so the partners of each follow it up to some limit. Powers are
    computed as exponentials in single precision, which processors vectorise.
    """
    curve = 0.24 / (0.0207 * hz + 18.96)
    order = np.arange(len(hz))
    # Each frame gets its own range of frequencies, so that one search serves all frames.
    line = row * (2.0 * hz.max(initial=0.0) + 1.0) + hz
    last = np.minimum(
        np.searchsorted(line, line + _FARTHEST / curve, side="right"), np.searchsorted(row, row, side="right")
    )
    count = last - order - 1
    partials = np.stack([hz, height, height**0.1, np.log(2.0 * height), strength], axis=1).astype(np.float32)
    ends = np.searchsorted(np.cumsum(count), np.arange(_PAIRS, count.sum(), _PAIRS))
    total = 0.0
    for part in np.split(order, ends):
        lower = np.repeat(part, count[part])
        first = np.cumsum(count[part]) - count[part]
        upper = lower + 1 + np.arange(len(lower)) - np.repeat(first, count[part])
        total += _sum_of_pairs(partials[lower], partials[upper], curve[lower].astype(np.float32))
    return total


def _sum_of_pairs(lower: Array32, upper: Array32, curve: Array32) -> float:
    """Vassilakis' sum; columns: frequency, height, its 0.1th power, the logarithm of its double, strength."""
    distance = curve * (upper[:, 0] - lower[:, 0])
    # The formula has the weaker partial; the published models use the stronger one, and were fitted with it.
    louder = np.where(upper[:, 4] > lower[:, 4], upper[:, 3], lower[:, 3])
    fluctuation = np.exp(np.float32(3.11) * (louder - np.log(lower[:, 1] + upper[:, 1])))
    beats = np.exp(np.float32(-3.51) * distance) - np.exp(np.float32(-5.75) * distance)
    return 0.5 * float(np.sum(lower[:, 2] * upper[:, 2] * fluctuation * beats, dtype=np.float64))
