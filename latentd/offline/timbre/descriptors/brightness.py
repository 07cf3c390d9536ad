"""Brightness: share of high-frequency energy, and spectral centroid.

Regression: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

import numpy as np

from latentd.offline.timbre.descriptors import filters, spectra
from latentd.offline.timbre.descriptors.spectra import Array

_SIZE, _HOP = 2048, 512
_HIGH_HZ = 2000.0
_CENTROID_FROM_HZ = 100.0


def value(x: Array, rate: float) -> float:
    """Brightness of a signal without content below 20 Hz."""
    # The mean of the frames' ratios, weighted by their denominators, is the ratio of the sums.
    high, whole = (
        spectra.energies(part, "hamming", _SIZE, _HOP).sum() for part in (filters.above(x, _HIGH_HZ, rate), x)
    )
    parts = spectra.spectrogram(filters.above(x, _CENTROID_FROM_HZ, rate), "hamming", _SIZE, _HOP)
    spectrum = np.sum([part.sum(axis=0, dtype=np.float64) for part in parts], axis=0)
    centroid = np.sum(spectrum * np.arange(len(spectrum))) / spectrum.sum() * rate / _SIZE
    return float(
        4.613128018020465 * np.log10(high / whole) + 17.378889309312974 * np.log10(centroid) + 17.434733750553022
    )
