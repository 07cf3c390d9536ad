"""Brightness: share of high energy, and centroid.

Regression: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

import numpy as np

from latentd.offline.descriptors import spectra
from latentd.offline.descriptors.spectra import Array

_SIZE, _HOP = 2048, 512


def value(x: Array, above_2000: Array, above_100: Array, rate: float) -> float:
    """Brightness of a signal.

    Args:
        x: the signal without what lies below 20 Hz.
        above_2000: the part of x above 2 kHz.
        above_100: the part of x above 100 Hz.
    """
    # The mean of the frames' ratios weighted by what they are divided by is the ratio of the sums.
    high, whole = (spectra.energies(part, "hamming", _SIZE, _HOP).sum() for part in (above_2000, x))
    spectrum = spectra.spectrogram(above_100, "hamming", _SIZE, _HOP).sum(axis=0, dtype=np.float64)
    centroid = np.sum(spectrum * np.arange(len(spectrum))) / spectrum.sum() * rate / _SIZE
    return float(
        4.613128018020465 * np.log10(high / whole) + 17.378889309312974 * np.log10(centroid) + 17.434733750553022
    )
