"""Loudness after ITU-R BS.1770-4 and EBU R 128, in LUFS.

The weighting filters are pyloudnorm's, and the results are the same; here all blocks are computed at once, and a clip
and its mono sum share the filtering.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from pyloudnorm import IIRfilter
from scipy import signal

from latentd.offline.timbre.descriptors.spectra import Array

BLOCK_S = 0.4
_OVERLAP = 4  # blocks that cover each moment
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_OFFSET = -0.691
# Left, right, centre, left surround, right surround.
_CHANNEL_GAIN = np.array([1.0, 1.0, 1.0, 1.41, 1.41])


def weighted(samples: Array, rate: float) -> Array:
    """K-weighted samples (channels, n), padded with silence to at least one block of 400 ms."""
    missing = max(int(np.ceil(BLOCK_S * rate)) - samples.shape[1], 0)
    return np.asarray(signal.sosfilt(_weighting(rate), np.pad(samples, ((0, 0), (0, missing)))))


def integrated(samples: Array, rate: float) -> float:
    """LUFS of K-weighted samples (channels, n); -inf if no block of 400 ms reaches -70."""
    power = _powers(samples, rate)
    with np.errstate(divide="ignore"):
        level = _OFFSET + 10.0 * np.log10(power)
        loud = level >= _ABSOLUTE_GATE
        if not loud.any():
            return float("-inf")
        gate = _OFFSET + 10.0 * np.log10(power[loud].mean()) + _RELATIVE_GATE
        return float(_OFFSET + 10.0 * np.log10(power[(level > gate) & (level > _ABSOLUTE_GATE)].mean()))


def momentary(samples: Array, rate: float) -> Array:
    """LUFS (blocks,) of every 400 ms of K-weighted samples (channels, n), from 100 ms to 100 ms; -inf for silence."""
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET + 10.0 * np.log10(_powers(samples, rate)))


def _powers(samples: Array, rate: float) -> Array:
    """The weighted sum of the channels' block powers."""
    return np.asarray(
        np.stack([_block_powers(channel, rate) for channel in samples], axis=1) @ _CHANNEL_GAIN[: len(samples)]
    )


def _block_powers(x: Array, rate: float) -> Array:
    """Mean squares of blocks of 400 ms that start every 100 ms; the last one is truncated at the end of the signal."""
    count = int(np.round((len(x) / rate - BLOCK_S) / (BLOCK_S / _OVERLAP))) + 1
    starts = np.array([int(BLOCK_S * (k / _OVERLAP) * rate) for k in range(count)])
    ends = np.array([int(BLOCK_S * (k / _OVERLAP + 1) * rate) for k in range(count)])
    borders = np.unique(np.minimum(np.concatenate([starts, ends]), len(x)))
    total = np.concatenate([[0.0], np.cumsum(np.add.reduceat(x * x, borders[:-1]))])
    first, last = (np.searchsorted(borders, np.minimum(at, len(x))) for at in (starts, ends))
    return np.asarray((total[last] - total[first]) / (BLOCK_S * rate))


@lru_cache(maxsize=8)
def _weighting(rate: float) -> Array:
    shelf = IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, rate, "high_shelf")
    high_pass = IIRfilter(0.0, 0.5, 38.0, rate, "high_pass")
    return np.array([[*stage.passband_gain * stage.b, *stage.a] for stage in (shelf, high_pass)])
