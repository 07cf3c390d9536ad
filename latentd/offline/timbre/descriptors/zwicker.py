"""Specific loudness after Zwicker: from third-octave levels to sone per Bark, for all windows at once.

Method and tables: ISO 532 B / DIN 45631, as the BASIC program of E. Zwicker, H. Fastl, U. Widmann, K. Kurakata,
S. Kuwano and S. Namba, J. Acoust. Soc. Jpn. (E) 12, 1 (1991) has them, for a free field.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors.spectra import Array

POINTS = 240  # 0.1 to 24 Bark in steps of 0.1
BARK: Array = np.arange(1, POINTS + 1) / 10.0

# fmt: off
# The eleven lowest third octaves are weighted by equal-loudness contours: upper level of each range, and its weights.
_RANGE_DB = np.array([45.0, 55, 65, 71, 80, 90, 100, 120])
_WEIGHT_DB = np.array([
    [-32.0, -24, -16, -10, -5, 0, -7, -3, 0, -2, 0],
    [-29.0, -22, -15, -10, -4, 0, -7, -2, 0, -2, 0],
    [-27.0, -19, -14,  -9, -4, 0, -6, -2, 0, -2, 0],
    [-25.0, -17, -12,  -9, -3, 0, -5, -2, 0, -2, 0],
    [-23.0, -16, -11,  -7, -3, 0, -4, -1, 0, -1, 0],
    [-20.0, -14, -10,  -6, -3, 0, -4, -1, 0, -1, 0],
    [-18.0, -12,  -9,  -6, -2, 0, -3, -1, 0, -1, 0],
    [-15.0, -10,  -8,  -4, -2, 0, -3, -1, 0, -1, 0],
])
# Per critical band: threshold in quiet, transmission of the ear, third octave to critical band; upper edge in Bark.
_QUIET_DB = np.array([30.0, 18, 12, 8, 7, 6, 5, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
_EAR_DB = np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.5, -1.6, -3.2, -5.4, -5.6, -4, -1.5, 2, 5, 12])
_BANDWIDTH_DB = np.array([
    -0.25, -0.6, -0.8, -0.8, -0.5, 0, 0.5, 1.1, 1.5, 1.7, 1.8, 1.8, 1.7, 1.6, 1.4, 1.2, 0.8, 0.5, 0, -0.5,
])
_EDGE = np.array([
    0.9, 1.8, 2.8, 3.5, 4.4, 5.4, 6.6, 7.9, 9.2, 10.6, 12.3, 13.8, 15.2, 16.7, 18.1, 19.3, 20.6, 21.8, 22.7, 23.6, 24.0,
])
# The upper slopes of masking in sone per Bark, per Bark: a row per range of specific loudness, a column per band.
_RANGE_SONE = np.array([
    21.5, 18, 15.1, 11.5, 9, 6.1, 4.4, 3.1, 2.13, 1.36, 0.82, 0.42, 0.30, 0.22, 0.15, 0.10, 0.035, 0,
])
_SLOPE = np.array([
    [13.0,  8.2,  6.3,  5.5,  5.5,  5.5,  5.5,  5.5],
    [9.0,   7.5,  6.0,  5.1,  4.5,  4.5,  4.5,  4.5],
    [7.8,   6.7,  5.6,  4.9,  4.4,  3.9,  3.9,  3.9],
    [6.2,   5.4,  4.6,  4.0,  3.5,  3.2,  3.2,  3.2],
    [4.5,   3.8,  3.6,  3.2,  2.9,  2.7,  2.7,  2.7],
    [3.7,   3.0,  2.8,  2.35, 2.2,  2.2,  2.2,  2.2],
    [2.9,   2.3,  2.1,  1.9,  1.8,  1.7,  1.7,  1.7],
    [2.4,   1.7,  1.5,  1.35, 1.3,  1.3,  1.3,  1.3],
    [1.95,  1.45, 1.3,  1.15, 1.1,  1.1,  1.1,  1.1],
    [1.5,   1.2,  0.94, 0.86, 0.82, 0.82, 0.82, 0.82],
    [0.72,  0.67, 0.64, 0.63, 0.62, 0.62, 0.62, 0.62],
    [0.59,  0.53, 0.51, 0.50, 0.42, 0.42, 0.42, 0.42],
    [0.40,  0.33, 0.26, 0.24, 0.24, 0.22, 0.22, 0.22],
    [0.27,  0.21, 0.20, 0.18, 0.17, 0.17, 0.17, 0.17],
    [0.16,  0.15, 0.14, 0.12, 0.11, 0.11, 0.11, 0.11],
    [0.12,  0.11, 0.10, 0.08, 0.08, 0.08, 0.08, 0.08],
    [0.09,  0.08, 0.07, 0.06, 0.06, 0.06, 0.06, 0.05],
    [0.06,  0.05, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02],
])
# fmt: on
_LAST_RANGE = len(_RANGE_SONE) - 1


def specific_loudness(levels_db: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Sone per Bark (window, 240) of third-octave levels (window, 28), and whether each window is audible."""
    return _with_masking(_main_loudness(levels_db))


def _main_loudness(levels_db: Array) -> Array:
    """Loudness (window, 21) of each critical band by itself; the last is the empty band at the end of the scale."""
    excitation = np.concatenate([_low_bands(levels_db[:, :11]), levels_db[:, 11:]], axis=1)
    level = excitation - _EAR_DB - _BANDWIDTH_DB
    threshold = 0.0635 * 10.0 ** (0.025 * _QUIET_DB)
    sone = threshold * ((0.75 + 0.25 * 10.0 ** (0.1 * (level - _QUIET_DB))) ** 0.25 - 1.0)
    main = np.where(excitation > _QUIET_DB, np.maximum(sone, 0.0), 0.0)
    main[:, 0] *= np.minimum(0.4 + 0.32 * main[:, 0] ** 0.2, 1.0)
    return np.pad(main, ((0, 0), (0, 1)))


def _low_bands(levels_db: Array) -> Array:
    """Levels (window, 3) of the three lowest critical bands, from their eleven third octaves; 0 without energy."""
    within = levels_db[:, None, :] <= _RANGE_DB[:, None] - _WEIGHT_DB
    within[:, -1] = True
    weight = np.take_along_axis(_WEIGHT_DB, np.argmax(within, axis=1), axis=0)
    intensity = np.add.reduceat(10.0 ** ((levels_db + weight) / 10.0), [0, 6, 9], axis=1)
    with np.errstate(divide="ignore"):
        return np.where(intensity > 0.0, 10.0 * np.log10(intensity), 0.0)


def _with_masking(main: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Add the upper slopes of masking: from band to band the loudness rises immediately and falls along a slope.

    Each step of the loop adds one piece (a plateau or a part of a slope) to all windows, each at its own place on the
    Bark scale. Positions are rounded to multiples of 0.1 exactly as in the standard's program.
    """
    count = len(main)
    rows = np.arange(count)
    band = np.zeros(count, np.intp)
    slope_range = np.full(count, _LAST_RANGE)
    position, loudness, total = np.zeros(count), np.zeros(count), np.zeros(count)
    pieces: list[tuple[Array, Array, Array]] = []
    active = np.ones(count, np.bool_)
    while active.any():
        wanted, edge = main[rows, band], _EDGE[band]
        rising = loudness < wanted
        slope_range[rising] = np.searchsorted(-_RANGE_SONE, -wanted[rising], side="left")
        flat = loudness <= wanted
        slope = np.where(flat, 0.0, _SLOPE[slope_range, np.clip(band - 1, 0, 7)])
        start = np.where(flat, wanted, loudness)
        lower = np.maximum(_RANGE_SONE[slope_range], wanted)
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.maximum(np.rint((loudness - lower) / slope * 10.0), 1.0) * 0.1
        beyond = flat | (position + width > edge)
        end = np.where(beyond, edge, position + width)
        after = np.where(beyond, start - (end - position) * slope, lower)
        length = np.where(active, np.rint(end * 10.0) - np.rint(position * 10.0), 0.0)
        pieces.append((length, start, slope))
        total += np.where(active, (end - position) * (start + after) / 2, 0.0)
        slope_range = np.minimum(slope_range + (after == _RANGE_SONE[slope_range]), _LAST_RANGE)
        position, loudness = np.rint(end * 10.0) * 0.1, after
        band += active & (position >= edge)
        active &= band < len(_EDGE)
        band = np.minimum(band, len(_EDGE) - 1)
    return _drawn(pieces, count), np.floor(total * 1000.0 + 0.5) > 0.0


def _drawn(pieces: list[tuple[Array, Array, Array]], count: int) -> Array:
    """The pattern (window, 240) of consecutive pieces: the point where two meet belongs to the later one."""
    length, start, slope = (np.array(part).T for part in zip(*pieces, strict=True))
    first = np.cumsum(length, axis=1) - length
    repeats = length.astype(np.intp).ravel()
    inside = np.tile(np.arange(POINTS), count) - np.repeat(first.ravel(), repeats)
    values = np.repeat(start.ravel(), repeats) - inside * 0.1 * np.repeat(slope.ravel(), repeats)
    pattern = values.reshape(count, POINTS)
    # Point p of the pattern is at (p + 1) / 10 Bark: one step after its place in the pieces.
    last = np.array([np.flatnonzero(row)[-1] for row in length])
    rows = np.arange(count)
    end = start[rows, last] - length[rows, last] * 0.1 * slope[rows, last]
    return np.concatenate([pattern[:, 1:], end[:, None]], axis=1)
