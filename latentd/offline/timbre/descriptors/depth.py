"""Depth: centroid of the low frequencies, share of low-frequency energy, duration and pitch.

Regression: A. Pearce, T. Brookes and R. Mason, AudioCommons deliverable D5.8 (2019), timbral models 0.4.
"""

from __future__ import annotations

import numpy as np

from latentd.offline.timbre.descriptors import envelope, filters, onsets, peaks, spectra
from latentd.offline.timbre.descriptors.spectra import Array

_SIZE, _HOP = 4096, 1024
_QUIET = 10 ** (-60 / 20)  # frames of a signal of peak 1 with less power are ignored
_CENTROID_LIMIT_HZ = 2000.0
_LOW_HZ = 500.0
_STEP = 256  # samples of a step of the rms envelope
_DECAYED = 10 ** (-40 / 20)  # of the greatest rms: the end of a note
_NEAREST_START = 512
_CONTRAST = 0.01
_FEW = 4  # frames; numpy would use threads for the product of more


def value(x: Array, rate: float) -> float:
    """Depth of a signal of peak 1, without content below 20 Hz."""
    energy, spectrum = _sums(x)
    centroid = min(_mean(_centroids(filters.below(x, _CENTROID_LIMIT_HZ, rate), rate), energy), _CENTROID_LIMIT_HZ)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = spectra.energies(filters.below(x, _LOW_HZ, rate), "hamming", _SIZE, _HOP)
        share = _mean(low / energy, energy)
    duration = np.log10(np.mean(_durations(x, rate)))
    return float(
        -0.0043703565847874465 * centroid
        + 32.83743202462131 * share
        + 4.750862716905235 * duration
        - 14.217438690256062 * _log_pitch(spectrum, rate)
        + 3.8782339862813924 * share * duration
        - 0.8544826091735516 * share**10 / (share**10 + 0.2) * duration
        + 66.69534393444391
    )


def _sums(x: Array) -> tuple[Array, Array]:
    """The energy of each frame, and of each bin."""
    energies, total = list[Array](), np.zeros(_SIZE // 2 + 1)
    for part in spectra.spectrogram(x, "hamming", _SIZE, _HOP):
        energies.append(part.sum(axis=1, dtype=np.float64))
        total += part.sum(axis=0, dtype=np.float64)
    return np.concatenate(energies), total


def _mean(values: Array, energy: Array) -> float:
    """Mean weighted by energy, of loud frames."""
    scale = float(np.sum(spectra.window("hamming", _SIZE)) ** 2)
    return float(np.sum(np.where(energy / scale > _QUIET, values * energy, 0.0)) / energy.sum())


def _centroids(x: Array, rate: float) -> Array:
    bins = np.arange(_SIZE // 2 + 1, dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            few @ bins / few.sum(axis=1)
            for part in spectra.spectrogram(x, "hamming", _SIZE, _HOP)
            for few in np.split(part, range(_FEW, len(part), _FEW))
        ]
    return np.concatenate(parts) * (rate / _SIZE)


def _durations(x: Array, rate: float) -> list[float]:
    """Seconds from the peak after each onset until it has decayed, or to the next onset."""
    held = envelope.sample_and_hold(x, rate, 0.2)
    strength = onsets.strength(spectra.single(x), rate)
    starts = [onset // _STEP for onset in onsets.find(strength, held, rate, _NEAREST_START)]
    level = envelope.rms(x, _STEP, _STEP)
    level /= level.max()
    durations = []
    for k, start in enumerate(starts):
        segment = level[start : None if start == starts[-1] else starts[k + 1]]
        after = segment[np.argmax(segment) :] < _DECAYED
        durations.append((int(np.argmax(after)) if after.any() else len(after)) * _STEP / rate)
    return durations


def _log_pitch(spectrum: Array, rate: float) -> float:
    """log10 of the lowest peak in Hz; 0 if the highest peak is at 0 Hz."""
    span = spectrum.max() - spectrum.min()
    found = peaks.find(((spectrum - spectrum.min()) / span)[None], _CONTRAST)
    if found.place[np.argmax(spectrum[found.column])] <= 0.0:
        return 0.0
    return float(np.log10(found.place.min() * rate / _SIZE))
