"""The log-mel distance of two clips in dB: the mean difference of their log-mel spectrograms.

Protocol: both clips at the same rate, mono, at -24 LUFS; power in 64 mel bands, averaged over four frames (2048
samples, Hann, every 512; 43 ms at 48 kHz); in dB, with values more than 60 dB below a clip's maximum raised to that
floor. The distance is the mean absolute difference over bands and times. For two random presets of amSynth's banks it
is 14.4 dB.
"""

from __future__ import annotations

import numpy as np

from latentd.errors import LatentdError
from latentd.offline.timbre.descriptors import spectra
from latentd.offline.timbre.descriptors.spectra import Array32

BANDS = 64
_FRAMES = 4
_RANGE_DB = 60.0


def spectrogram(power: Array32, rate: float) -> Array32:
    """Levels in dB (time, band) of the powers of an `stft` of a signal at -24 LUFS."""
    count = len(power) // _FRAMES
    mean = power[: count * _FRAMES].reshape(count, _FRAMES, -1).mean(axis=1)
    level = 10.0 * np.log10(np.maximum((spectra.mel_filters(rate, BANDS) @ mean.T).T, 1e-12))
    return np.asarray(np.maximum(level, level.max() - _RANGE_DB), np.float32)


def distance(a: Array32, b: Array32) -> float:
    """dB between the spectrograms of two clips of the same length.

    Raises:
        LatentdError: they have different lengths.
    """
    if a.shape != b.shape:
        raise LatentdError(f"Clips of {len(a)} and {len(b)} time steps cannot be compared", "Render equal lengths")
    return float(np.mean(np.abs(a.astype(np.float32) - b)))
