"""How much of a sound is percussive: harmonic-percussive separation by median filters.

Method: D. Fitzgerald (DAFx 2010) with soft masks of power 2 and medians of 31, the defaults of librosa 0.9.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentd.offline.descriptors import envelope, spectra
from latentd.offline.descriptors.spectra import Array, Array32, Complex32

Levels = NDArray[np.int16]

_HALF = 15  # a median spans a bin and as many on both sides
_BLOCK = 32768  # values worked on at once, so that 32 such arrays stay in the processor's cache
_SIZE, _HOP = 1024, 512
# Medians are taken of levels in 16 bits: 1600 steps an octave (0.04 % each), from 2^10, which no spectrum of a signal
# of peak 1 exceeds, down to 2^-30. Order is all that a median needs, and short integers are the fastest to compare.
_STEPS = 1600.0
_TOP = 10.4


def ratio(x: Array, spectrum: Complex32) -> float:
    """The percussive share of the sound's rms, weighted by rms.

    Args:
        x: the signal, of peak 1 or less.
        spectrum: its `spectra.stft`.
    """
    percussive = spectra.overlap_add(spectrum * percussive_mask(spectra.power(spectrum))).astype(np.float64)
    # The two masks add up to 1, so what is not percussive is harmonic.
    harmonic = x[: len(percussive)] - percussive
    low, high = (envelope.rms(part, _SIZE, _HOP) for part in (percussive, harmonic))
    return float(low.sum() / (low + high).sum())


def percussive_mask(power: Array32) -> Array32:
    """The share 0..1 of each value (frame, bin) that belongs to vertical lines; half where there is nothing."""
    level = np.log2(np.maximum(power, 1e-30)) * np.float32(0.5 * _STEPS)
    level += np.float32(32767 - _TOP * _STEPS)
    levels = np.clip(level, -32768, 32767, out=level).astype(np.int16)
    tone = _median_along_first(levels)
    click = _median_along_first(np.ascontiguousarray(levels.T)).T
    apart = np.subtract(tone, click, dtype=np.float32)
    apart *= np.float32(2.0 / _STEPS)
    mask = np.exp2(apart, out=apart)
    mask += 1.0
    return np.reciprocal(mask, out=mask)


def _median_along_first(x: Levels) -> Levels:
    """Medians of 31 neighbours along the first axis; beyond the ends the signal is mirrored, its last value twice."""
    padded = np.pad(x, ((_HALF, _HALF), (0, 0)), mode="symmetric")
    result = np.empty_like(x)
    columns = max(_BLOCK // len(x), 8)
    for left in range(0, x.shape[1], columns):
        block = np.ascontiguousarray(padded[:, left : left + columns])
        result[:, left : left + columns] = _medians(block)
    return result


def _medians(x: Levels) -> Levels:
    """Medians of every 31 rows that follow each other.

    Neighbouring windows share their parts, so each run of 16 is sorted once (2, 4, 8, 16 by merging) and serves two
    windows. Two runs that overlap in one row make up a window: of their 32 values, that row's being there twice, the
    16th or the 17th is the median.
    """
    runs = [x]
    for _ in range(4):
        runs = _merged(runs)
    low, high = [run[:-_HALF] for run in runs], [run[_HALF:] for run in runs]
    lower = np.minimum(low[0], high[15])
    upper = np.maximum(low[0], high[15])
    for k in range(1, 16):
        np.maximum(lower, np.minimum(low[k], high[15 - k]), out=lower)
        np.minimum(upper, np.maximum(low[k], high[15 - k]), out=upper)
    return np.where(x[_HALF:-_HALF] <= lower, upper, lower)


def _merged(runs: list[Levels]) -> list[Levels]:
    """Sorted runs of n rows to sorted runs of 2n, by Batcher's odd-even merge."""
    size = len(runs)
    values = [run[:-size] for run in runs] + [run[size:] for run in runs]
    for a, b in _comparisons(0, 2 * size, 1):
        values[a], values[b] = np.minimum(values[a], values[b]), np.maximum(values[a], values[b])
    return values


def _comparisons(start: int, size: int, step: int) -> list[tuple[int, int]]:
    """The pairs that Batcher's merge compares, in order, for two sorted halves of every `step`-th element."""
    if 2 * step >= size:
        return [(start, start + step)]
    halves = _comparisons(start, size, 2 * step) + _comparisons(start + step, size, 2 * step)
    return halves + [(k, k + step) for k in range(start + step, start + size - step, 2 * step)]
