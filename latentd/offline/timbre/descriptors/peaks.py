"""Peaks that stand out from the valleys on both sides, in many spectra at once.

Algorithm: `mirpeaks` of the MIR toolbox (O. Lartillot and P. Toiviainen, 2007) with its contrast threshold, as the
AudioCommons timbral models use it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors.spectra import Array, Array32

_OUTSIDE = -2.0  # what lies beyond both ends of a spectrum: lower than any value, so that a peak may stand there
_ABOVE = 2.0
Index = NDArray[np.intp]


class Peaks(NamedTuple):
    """Peaks of all spectra, ordered by spectrum and then by place: parallel arrays.

    Attributes:
        row: which spectrum.
        column: index in it.
        place: column where a parabola through the peak and its neighbours has its top (at an end: the column).
        height: that parabola's top in the spectrum that heights are asked for.
    """

    row: Index
    column: Index
    place: Array
    height: Array


def find(normal: Array32, contrast: float, heights: Array32 | None = None) -> Peaks:
    """Peaks of spectra (row, column) scaled to at most 1.

    Args:
        contrast: how far a peak must reach, and stand above the valley before and after it.
        heights: spectra to take heights and places from; the same where None.
    """
    row, column = _maxima(normal, contrast)
    keep = _standing_out(normal, contrast, row, column)
    row, column = row[keep], column[keep]
    return Peaks(row, column, *_tops(normal if heights is None else heights, row, column))


def _maxima(x: Array32, lowest: float) -> tuple[Index, Index]:
    """Where x is at least `lowest`, higher than before and not lower than after; ordered by row, then column."""
    enough = x >= lowest
    rises = x[:, 1:] > x[:, :-1]
    enough[:, 1:] &= rises
    enough[:, :-1] &= ~rises
    row, column = np.nonzero(enough)
    return row, column


def _standing_out(x: Array32, contrast: float, row: Index, column: Index) -> NDArray[np.bool_]:
    """Which maxima are peaks. All rows walk through their maxima together, each with its own candidate."""
    keep = np.zeros(len(row), np.bool_)
    if not len(row):
        return keep
    counts = np.bincount(row, minlength=len(x))
    first = np.cumsum(counts) - counts
    # Longest rows first: those that still have maxima are then always the first so many.
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    start = first[order]
    height, valley = x[row, column], _valleys(x, row, column)
    candidate = start.copy()
    top = height[start]
    left, right = np.full(len(order), _OUTSIDE), np.full(len(order), _ABOVE)
    active = np.searchsorted(-counts[order], -np.arange(counts.max()), side="left")
    for step in range(1, int(counts.max())):
        n = active[step]
        now = start[:n] + step
        here = height[now]
        lowest = np.minimum(right[:n], valley[now])
        parted = top[:n] - lowest >= contrast
        good = parted & (top[:n] - left[:n] >= contrast)
        keep[candidate[:n][good]] = True
        left[:n] = np.where(good, lowest, np.minimum(left[:n], lowest))
        move = parted | (here > top[:n])
        right[:n] = np.where(move, _ABOVE, lowest)
        top[:n] = np.where(move, here, top[:n])
        candidate[:n] = np.where(move, now, candidate[:n])
    keep[candidate[top - left >= contrast]] = True
    return keep


def _valleys(x: Array32, row: Index, column: Index) -> Array:
    """The lowest value from each maximum's predecessor to two columns before it (the one beside it never counts)."""
    at = row * x.shape[1] + column
    between = np.stack([at[:-1], at[1:] - 1], axis=1).ravel()
    if len(at) < 2:
        return np.full(len(at), _ABOVE)
    return np.concatenate([[_ABOVE], np.minimum.reduceat(x.ravel(), between)[::2]])


def _tops(x: Array32, row: Index, column: Index) -> tuple[Array, Array]:
    """Place and height of each peak's top, after a parabola through it and its neighbours."""
    inner = (column > 0) & (column < x.shape[1] - 1)
    peak = x[row, column].astype(np.float64)
    before = np.where(inner, x[row, np.maximum(column - 1, 0)], 0.0)
    after = np.where(inner, x[row, np.minimum(column + 1, x.shape[1] - 1)], 0.0)
    curve = 2.0 * peak - after - before
    shift = np.where(inner & (curve > 0.0), (after - before) / (2.0 * np.where(curve > 0.0, curve, 1.0)), 0.0)
    return np.asarray(column + shift, np.float64), peak + 0.25 * (after - before) * shift
