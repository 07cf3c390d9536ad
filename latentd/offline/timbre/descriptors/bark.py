"""Descriptors from a sound's specific loudness: sharpness, boominess, and the levels of Bark regions.

Sharpness: E. Zwicker and H. Fastl, Psychoacoustics (1991). Booming index: S. Hatano and T. Hashimoto, Inter-Noise
(2000), and S. H. Shin, J. G. Ih, T. Hashimoto and S. Hatano, Applied Acoustics 70 (2009). Regressions: A. Pearce,
T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors import bands, zwicker
from latentd.offline.timbre.descriptors.spectra import Array

_WINDOW = 4096
_REGION_SPREAD = 0.01  # of the bell that weights a region, per 0.1 Bark
_BOOMING_BELOW_HZ = 280.0


class Loudness(NamedTuple):
    """Specific loudness of windows of 4096 samples: sone per Bark (window, 240), audible or not, and rms (window,)."""

    sone: Array
    audible: NDArray[np.bool_]
    rms: Array

    def mean(self, low: int, high: int) -> float:
        """Mean loudness of the region from `low` to `high`, in tenths of a Bark."""
        return float(np.mean(self.summed(_region(low, high))))

    def weighted(self, low: int, high: int) -> float:
        """The same, weighted by the rms of the windows."""
        return float(np.average(self.summed(_region(low, high)), weights=self.rms))

    def summed(self, weight: Array) -> Array:
        """The loudness of each window (window,), with its 240 parts weighted."""
        return np.asarray(np.einsum("ij,j->i", self.sone, weight))


def loudness(x: Array, rate: float) -> Loudness:
    """Specific loudness of a signal, padded with silence to whole windows (by a whole one if none is needed)."""
    windows = np.pad(x, (0, _WINDOW - len(x) % _WINDOW)).reshape(-1, _WINDOW)
    sone, audible = zwicker.specific_loudness(bands.levels(windows, rate))
    return Loudness(sone, audible, np.sqrt(np.mean(windows**2, axis=1)))


def _region(low: int, high: int) -> Array:
    """A bell curve over a region, 0 at its edge and 1 at its top, as weights (240,)."""
    at = np.arange(low, high)
    bell = np.exp(-((at - (low + high) / 2) ** 2) / 2 * _REGION_SPREAD**2)
    weights = np.zeros(zwicker.POINTS)
    weights[low:high] = (bell - bell.min()) / (bell.max() - bell.min())
    return weights


def sharpness(sound: Loudness) -> float:
    """Sharpness of a signal, with its windows weighted by power."""
    z = zwicker.BARK
    rise = np.where(z > 14.05, 0.00012 * z**4 - 0.0056 * z**3 + 0.1 * z**2 - 0.81 * z + 3.5, 1.0)
    total = sound.sone.sum(axis=1)
    acum = 0.11 * sound.summed(rise * z) / np.where(total > 0.0, total, 1.0)
    mean = np.average(np.where(sound.audible, acum, 0.0), weights=sound.rms**2)
    return float(102.50508921364404 * np.log10(mean) + 34.432655185001735)


def boominess(sound: Loudness) -> float:
    """Boominess of a signal; infinite if nothing is audible below 7 Bark."""
    hz = 600.0 * np.sinh(zwicker.BARK / 6.0)
    third = np.log10(hz / 25.0) / np.log10(31.5 / 25.0) + 1.0
    weight = 2.13 * np.exp(-0.151 * third)
    weight[:4] = 0.8, 1.05, 1.10, 1.18
    low = sound.sone[:, : int(np.argmax(hz >= _BOOMING_BELOW_HZ))].sum(axis=1)
    total = sound.sone.sum(axis=1)
    level = 10.0 * np.log10(np.sum(10.0 ** (sound.sone * weight / 10.0), axis=1))
    index = np.where(sound.audible, level * low / np.where(total > 0.0, total, 1.0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        booming, lows = np.log10(np.average(index, weights=sound.rms**2)), np.log10(sound.mean(0, 70))
        return float(43.67402696195865 * booming - 10.90054738389845 * lows + 26.836530575185435)
