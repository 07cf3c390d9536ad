"""Peaks with a minimum contrast to the valleys on both sides, in many spectra at once.

Algorithm: `mirpeaks` of the MIR toolbox (O. Lartillot and P. Toiviainen, 2007) with its contrast threshold, as the
AudioCommons timbral models use it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.timbre.descriptors.spectra import Array, Array32

_OUTSIDE = -2.0  # beyond both ends of a spectrum: lower than any value, so that a peak may be at an end
_ABOVE = 2.0  # higher than any value
Index = NDArray[np.intp]


class Peaks(NamedTuple):
    """Peaks of all spectra as parallel arrays, ordered by spectrum and then by place.

    Attributes:
        row: index of the spectrum.
        column: index in the spectrum.
        place: interpolated column, the vertex of a parabola through the peak and its neighbours; at an end the column.
        height: the height of that vertex.
    """

    row: Index
    column: Index
    place: Array
    height: Array


def find(normal: Array32, contrast: float, heights: Array32 | None = None) -> Peaks:
    """Peaks of spectra (row, column) scaled to at most 1.

    Args:
        contrast: the minimum height of a peak, and of its difference to the valleys before and after it.
        heights: spectra for heights and places; None takes the same ones.
    """
    row, column = _maxima(normal, contrast)
    keep = _with_contrast(normal, contrast, row, column)
    row, column = row[keep], column[keep]
    return Peaks(row, column, *_tops(normal if heights is None else heights, row, column))


def _maxima(x: Array32, lowest: float) -> tuple[Index, Index]:
    """Rows and columns where x is at least `lowest`, higher than before and not lower than after, in order."""
    enough = x >= lowest
    rises = x[:, 1:] > x[:, :-1]
    enough[:, 1:] &= rises
    enough[:, :-1] &= ~rises
    row, column = np.nonzero(enough)
    return row, column


def _with_contrast(x: Array32, contrast: float, row: Index, column: Index) -> NDArray[np.bool_]:
    """Which maxima are peaks. All rows step through their maxima together, each with its own candidate."""
    keep = np.zeros(len(row), np.bool_)
    if not len(row):
        return keep
    counts = np.bincount(row, minlength=len(x))
    first = np.cumsum(counts) - counts
    # Rows with most maxima first: those with maxima left are then always the first ones.
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
    """The lowest value from the previous maximum to two columns before each one (the adjacent column never counts)."""
    at = row * x.shape[1] + column
    between = np.stack([at[:-1], at[1:] - 1], axis=1).ravel()
    if len(at) < 2:
        return np.full(len(at), _ABOVE)
    return np.concatenate([[_ABOVE], np.minimum.reduceat(x.ravel(), between)[::2]])


def _tops(x: Array32, row: Index, column: Index) -> tuple[Array, Array]:
    """Interpolated place and height of each peak: the vertex of a parabola through it and its neighbours."""
    inner = (column > 0) & (column < x.shape[1] - 1)
    peak = x[row, column].astype(np.float64)
    before = np.where(inner, x[row, np.maximum(column - 1, 0)], 0.0)
    after = np.where(inner, x[row, np.minimum(column + 1, x.shape[1] - 1)], 0.0)
    curve = 2.0 * peak - after - before
    shift = np.where(inner & (curve > 0.0), (after - before) / (2.0 * np.where(curve > 0.0, curve, 1.0)), 0.0)
    return np.asarray(column + shift, np.float64), peak + 0.25 * (after - before) * shift
