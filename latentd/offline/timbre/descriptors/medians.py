"""Running medians of 31 values in many signals at once, by sorting networks that neighbouring windows share.

`percussive` needs two of them for each clip, along time and along frequency: of levels (376, 1025) for a clip of 4 s.
One takes 1.9 ms of processor time here. `scipy.ndimage.median_filter` takes 80 ms, `scipy.signal.medfilt2d` 84 ms, and
the former 8 ms if all signals are joined into a padded one, for its one-dimensional algorithm. These are medians of 5
interleaved runs over 4 rendered presets, in two sessions, on x86-64 with numpy 2.4 and scipy 1.17. Describing a clip
takes 60 ms in all, and would take 72 ms with the best of these. The results are equal, as the tests show.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.int16]

_HALF = 15  # neighbours on each side of a value
_GROUP = 4  # windows that share most of their sorting
_BLOCK = 65536  # values sorted at a time, so that they stay in the processor's cache


def of_31(x: Levels) -> Levels:
    """Medians of 31 neighbours along the first axis; at its ends the signal is mirrored, with the last value twice."""
    length = len(x)
    after = _HALF + -length % _GROUP
    padded = np.pad(x, ((_HALF, after), (0, 0)), mode="symmetric")
    result = np.empty((length + -length % _GROUP, x.shape[1]), x.dtype)
    columns = max(_BLOCK // length, 8)
    for left in range(0, x.shape[1], columns):
        block = slice(left, left + columns)
        quarters = [np.ascontiguousarray(padded[k::_GROUP, block]) for k in range(_GROUP)]
        for k, medians in enumerate(_medians(quarters, len(result) // _GROUP)):
            result[k::_GROUP, block] = medians
    return result[:length]


def _medians(quarters: list[Levels], count: int) -> list[Levels]:
    """Medians of every 31 consecutive rows. Rows and results are divided into quarters, each with every fourth row.

    Four neighbouring windows have 28 rows in common and three of their own, before or after these. Only the four
    middle ones of the sorted common rows can be the median, whatever the three are. Runs of 4, 8 and 16 rows are
    sorted once for all windows that contain them.
    """

    def every_fourth(start: int, rows: int) -> list[Levels]:
        return [quarters[start % _GROUP][start // _GROUP :][:rows]]

    one, two, three, four = (every_fourth(start, count + 6) for start in (3, 4, 5, 6))
    fours = _merged(_merged(one, two), _merged(three, four))
    eights = _merged(_part(fours, 0, count + 5), _part(fours, 1, count + 5))
    sixteens = _merged(_part(eights, 0, count), _part(eights, 2, count))
    twelves = _merged(_part(eights, 4, count), _part(fours, 6, count))
    middle = _merged(sixteens, twelves, (12, 13, 14, 15))
    outer = [every_fourth(start, count) for start in (0, 1, 2, 31, 32, 33)]
    before, after = _merged(outer[1], outer[2]), _merged(outer[3], outer[4])
    threes = (before, outer[0]), (before, outer[3]), (after, outer[2]), (after, outer[5])
    return [_fourth(middle, _merged(pair, third)) for pair, third in threes]


def _fourth(four: list[Levels], three: list[Levels]) -> Levels:
    """The median of seven values, of which four and three are sorted."""
    found = four[3]
    for lower, upper in zip(four[:3], reversed(three), strict=True):
        found = np.minimum(found, np.maximum(lower, upper))
    return found


def _part(runs: list[Levels], start: int, count: int) -> list[Levels]:
    return [run[start : start + count] for run in runs]


def _merged(low: list[Levels], high: list[Levels], wanted: Sequence[int] | None = None) -> list[Levels]:
    """Merge two sorted runs; returns the whole run, or only the places `wanted`.

    The length of the first must be a power of two, and the second must not be longer.
    """
    size, count = len(low), len(low) + len(high)
    outcome = range(count) if wanted is None else wanted
    values = low + high
    for a, b, lower, upper in _merge(size, count, tuple(outcome)):
        one, other = values[a], values[b]
        if lower:
            values[a] = np.minimum(one, other)
        if upper:
            values[b] = np.maximum(one, other)
    return [values[place] for place in outcome]


@lru_cache(maxsize=16)
def _merge(size: int, count: int, wanted: tuple[int, ...]) -> list[tuple[int, int, bool, bool]]:
    """Batcher's merge: pairs of places to compare, and whether the lower and the higher value are used later.

    It is for two runs of `size`. If the second is shorter, its missing values count as infinite and stay in place.
    """
    used, steps = set(wanted), []
    for a, b in reversed(_comparisons(0, 2 * size, 1)):
        if b < count and (a in used or b in used):
            steps.append((a, b, a in used, b in used))
            used |= {a, b}
    return steps[::-1]


def _comparisons(start: int, size: int, step: int) -> list[tuple[int, int]]:
    """The pairs that Batcher's merge compares, in order, for two sorted halves of every `step`-th element."""
    if 2 * step >= size:
        return [(start, start + step)]
    halves = _comparisons(start, size, 2 * step) + _comparisons(start + step, size, 2 * step)
    return halves + [(k, k + step) for k in range(start + step, start + size - step, 2 * step)]
