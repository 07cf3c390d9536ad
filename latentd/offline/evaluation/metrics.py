"""Quality measures of a two-dimensional instrument, each with its exact protocol. numpy only. Pure.

Descriptors are rows of seven (hardness, depth, brightness, roughness, warmth, sharpness, boominess), clipped to 0..100
as in the paper; silence is NaN. A *grid* is `size` x `size` pad points, row by row from the bottom, both edges
included. A *crossing* is a straight line across the whole pad, along an axis; the pad shows the populated part of the
latent space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.model.decoder import Indices
from latentd.synth import amsynth
from latentd.synth.amsynth import Array, Kind

GRID = 50
STEPS = 50  # of a crossing
FAINT_LUFS = -45.0
UNIT = 13.5  # of a descriptor in a look-up: about the mean difference of random pairs
MEL_WEIGHT = 0.25  # units per dB of log-mel distance
RESAMPLES = 1000
DEAD = 0.1  # mean of the seven |differences| of an inaudible change

CATEGORIES = tuple(i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.CATEGORY)
PITCHES = tuple(i for i, p in enumerate(amsynth.PARAMETERS) if p.kind is Kind.STEPS)

Mel = NDArray[np.float16]


class ClipSounds(NamedTuple):
    """The sound of n clips: `descriptors` (n, 7), `lufs` (n,), `mel` (n, time, bands) in dB."""

    descriptors: Array
    lufs: Array
    mel: Mel


class NeighbourChanges(NamedTuple):
    """Timbral changes between neighbours of a grid, (2 x size lines, size - 1 pairs); NaN next to silence."""

    mean: Array  # mean of the seven |differences|
    worst: Array  # the greatest of them


def clipped(descriptors: Array) -> Array:
    """Descriptors clipped to 0..100, as in the paper; NaN stays."""
    return np.clip(descriptors, 0.0, 100.0)


def grid_points(size: int = GRID) -> Array:
    """Pad points (size * size, 2) of a grid, x fastest, y growing row by row."""
    ticks = np.linspace(0.0, 1.0, size)
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def cell_points(size: int) -> Array:
    """Pad points (size * size, 2), the centres of cells, in the same order."""
    ticks = (np.arange(size) + 0.5) / size
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def timbre_errors(real: Array, made: Array) -> Array:
    """|real - made| (n, 7) of clipped descriptors. Silence counts as zeros in `made`, and gives NaN in `real`."""
    errors: Array = np.abs(clipped(real) - np.nan_to_num(clipped(made), nan=0.0))
    return errors


def look_up(real: ClipSounds, table: ClipSounds) -> tuple[Indices, Array]:
    """For each of n real clips the index of the table's nearest clip, and their log-mel distance in dB.

    Nearest: the smallest sum over the seven of |difference| / 13.5, plus 0.25 x the log-mel distance in dB. Silent
    clips of the table are never chosen. The result is exact, although most spectrograms are never compared: the
    distance between two spectrograms' means over time is a lower bound of their distance, so clips are tried in the
    order of that bound until it exceeds the best distance.
    """
    known = np.flatnonzero(~np.isnan(table.descriptors).any(axis=1))
    theirs, mels = clipped(table.descriptors[known]), table.mel[known]
    profiles = mels.astype(np.float32).mean(axis=1)
    nearest, distances = np.zeros(len(real.lufs), dtype=np.intp), np.full(len(real.lufs), np.nan)
    for n, descriptors in enumerate(clipped(real.descriptors)):
        if np.isnan(descriptors).any():
            continue
        timbral = np.abs(theirs - descriptors).sum(axis=1) / UNIT
        mel = real.mel[n].astype(np.float32)
        bound = timbral + MEL_WEIGHT * np.abs(profiles - mel.mean(axis=0)).mean(axis=1)
        best = np.inf
        for i in np.argsort(bound):
            if bound[i] - 1e-4 > best:
                break
            distance = float(np.abs(mels[i] - mel).mean())
            if timbral[i] + MEL_WEIGHT * distance < best:
                best, nearest[n], distances[n] = timbral[i] + MEL_WEIGHT * distance, known[i], distance
    return nearest, distances


def look_up_together(real: Sequence[ClipSounds], tables: Sequence[ClipSounds]) -> Indices:
    """For each of n presets the index of the table's entry that is nearest over several notes: the sum as in `look_up`.

    Args:
        real, tables: the sounds of each note; silent ones of a preset do not count, nor an entry with a silent one.
    """
    total = np.zeros((len(real[0].lufs), len(tables[0].lufs)))
    for sounds, table in zip(real, tables, strict=True):
        theirs, mels = clipped(table.descriptors), table.mel.astype(np.float32)
        for n, descriptors in enumerate(clipped(sounds.descriptors)):
            if not np.isnan(descriptors).any():
                mel = np.abs(mels - sounds.mel[n].astype(np.float32)).mean(axis=(1, 2))
                total[n] += np.abs(theirs - descriptors).sum(axis=1) / UNIT + MEL_WEIGHT * mel
    return np.asarray(np.where(np.isnan(total), np.inf, total).argmin(axis=1))


def mel_distances(a: Mel, b: Mel) -> Array:
    """Log-mel distance in dB of each pair of spectrograms (n, time, bands)."""
    return np.array([np.abs(x.astype(np.float32) - y).mean() for x, y in zip(a, b, strict=True)], dtype=np.float64)


def crossings(decode_many: Callable[[Array], Array], lines: int = 101, points: int = 20 * STEPS + 1) -> Array:
    """Params (2 * lines, points, 41) along evenly spaced crossings, first left to right, then bottom to top.

    `decode_many` takes pad points (n, 2).
    """
    along, across = np.meshgrid(np.linspace(0.0, 1.0, points), np.linspace(0.0, 1.0, lines))
    crossed = np.concatenate([np.stack([along, across], axis=-1), np.stack([across, along], axis=-1)])
    return np.stack([decode_many(line) for line in crossed])


def flips(params: Array, which: tuple[int, ...] = CATEGORIES) -> Array:
    """Number of changes (lines,) of the category parameters along each crossing, summed over all eight.

    Every point is decoded by itself, without the decoder's hysteresis.
    """
    chosen = list(which)
    classes = np.floor(params[..., chosen] / amsynth.PARAMS_STEP[chosen] + 0.5)
    return np.asarray((np.diff(classes, axis=1) != 0).sum(axis=(1, 2)), np.float64)


def steps(params: Array, which: tuple[int, ...]) -> Array:
    """Mean |change| (lines, 50) of the params `which` in each 1/50 of a crossing."""
    every = (params.shape[1] - 1) // STEPS
    return np.asarray(np.abs(np.diff(params[:, ::every, list(which)], axis=1)).mean(axis=2))


def changes(descriptors: Array, size: int) -> NeighbourChanges:
    """Timbral changes between neighbours in each row and each column of a grid of clips (size * size, 7)."""
    field = clipped(descriptors).reshape(size, size, 7)
    both = np.concatenate([np.abs(np.diff(field, axis=1)), np.abs(np.diff(field, axis=0)).swapaxes(0, 1)])
    return NeighbourChanges(both.mean(axis=2), both.max(axis=2))


def p95_jump(worst: Array) -> float:
    """95th percentile of the greatest descriptor change between neighbours of a grid."""
    return float(np.nanpercentile(worst, 95.0))


def evenness_cv(mean: Array) -> float:
    """Coefficient of variation (standard deviation / mean) of the timbral change per grid step."""
    return float(np.nanstd(mean) / np.nanmean(mean))


def dead_steps(mean: Array) -> float:
    """Share of the grid's steps with an inaudible timbral change, below DEAD."""
    return float((mean[~np.isnan(mean)] < DEAD).mean())


def range_kept(made: Array, real: Array) -> Array:
    """For each descriptor (7,) its 5..95 % range over the clips `made`, as a share of that over the clips `real`."""
    spans = [np.subtract(*np.nanpercentile(clipped(d), (95.0, 5.0), axis=0)) for d in (made, real)]
    return np.asarray(spans[0] / spans[1])


def silent(sounds: ClipSounds) -> NDArray[np.bool_]:
    """(n,) True where a clip is silent or below -45 LUFS."""
    return np.asarray(np.isnan(sounds.descriptors).any(axis=1) | ~(sounds.lufs >= FAINT_LUFS))


def interval(statistic: Callable[[Indices], float], count: int, seed: int = 0) -> tuple[float, float]:
    """Bootstrap 90 % interval of `statistic(rows)`, over 1,000 samples of `count` rows drawn with replacement."""
    random = np.random.default_rng(seed)
    values = [statistic(random.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.percentile(values, (5.0, 95.0))
    return float(low), float(high)
