"""The percussive share of a sound, by harmonic-percussive separation with median filters.

Method: D. Fitzgerald (DAFx 2010) with soft masks of power 2 and medians of 31, the defaults of librosa 0.9.
"""

from __future__ import annotations

import numpy as np

from latentd.offline.timbre.descriptors import envelope, medians, spectra
from latentd.offline.timbre.descriptors.medians import Levels
from latentd.offline.timbre.descriptors.spectra import Array, Array32, Complex32

_SIZE, _HOP = 1024, 512
# Medians are taken of levels in 16 bits: 1600 steps per octave (0.04 % each), from 2^10, the maximum of the spectrum of
# a signal of peak 1, down to 2^-30. A median only needs the order, and short integers are compared fastest.
_STEPS = 1600.0
_TOP = 10.4


def ratio(x: Array, spectrum: Complex32, power: Array32) -> float:
    """The percussive share of the sound's rms, weighted by rms.

    Args:
        x: the signal, of peak 1 or less.
        spectrum: its `spectra.stft`.
        power: the powers of `spectrum`.
    """
    percussive = _percussive(spectrum, power).astype(np.float64)
    # The two masks add up to 1, so the rest is harmonic.
    harmonic = x[: len(percussive)] - percussive
    low, high = (envelope.rms(part, _SIZE, _HOP) for part in (percussive, harmonic))
    return float(low.sum() / (low + high).sum())


def _percussive(spectrum: Complex32, power: Array32) -> Array32:
    """The percussive part of the signal."""
    levels = np.concatenate([_levels(part) for part in spectra.in_parts(power)])
    tone = medians.of_31(levels)
    click = medians.of_31(np.ascontiguousarray(levels.T)).T
    masks = map(_mask, spectra.in_parts(tone), spectra.in_parts(click))
    parts = zip(spectra.in_parts(spectrum), masks, strict=True)
    return spectra.overlap_add((part * mask for part, mask in parts), len(spectrum))


def _levels(power: Array32) -> Levels:
    level = np.log2(np.maximum(power, 1e-30)) * np.float32(0.5 * _STEPS)
    level += np.float32(32767 - _TOP * _STEPS)
    return np.clip(level, -32768, 32767, out=level).astype(np.int16)


def _mask(tone: Levels, click: Levels) -> Array32:
    """The share 0..1 of each value that belongs to vertical lines (clicks); 0.5 in silence."""
    octaves = np.subtract(tone, click, dtype=np.float32)
    octaves *= np.float32(2.0 / _STEPS)
    mask = np.exp2(octaves, out=octaves)
    mask += 1.0
    return np.reciprocal(mask, out=mask)
