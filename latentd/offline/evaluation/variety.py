"""Rows about what can be found on the pad: how many different sounds, how near they are to presets, and where.

The functions take pictures (see `timbre.picture`) of any batch of patches, not only of a pad.
"""

from __future__ import annotations

import numpy as np

from latentd.offline.corpus import families
from latentd.offline.corpus.families import Mask
from latentd.offline.evaluation.rows import QualityRow, mean, over
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.picture import Picture, distances
from latentd.synth.amsynth import Array

APART_DB = 6.0


def distinct(pictures: Picture) -> int:
    """How many sounds can be chosen, one after the other, at least 6 dB from all chosen before; silence is none."""
    apart = distances(pictures, pictures)
    chosen: list[int] = []
    for n, row in enumerate(apart):
        if not np.isnan(row[n]) and (row[chosen] >= APART_DB).all():
            chosen.append(n)
    return len(chosen)


def nearest(presets: Picture, pad: Picture) -> Array:
    """Distance in dB (n,) of each preset to the nearest sound of the pad; NaN for a silent preset."""
    apart = distances(presets, pad[~np.isnan(pad[:, 0, 0])])
    return np.asarray(apart.min(axis=1), np.float64)


def rows(pad: Picture, pad_patches: Array, presets: Picture, preset_patches: Array) -> dict[str, QualityRow]:
    """The rows, from pictures (n, 12, 48) and patches (n, 41) in the synth's units."""
    found = nearest(presets, pad)
    audible = ~np.isnan(found)
    slow = families.FAMILIES["slow attack"].contains(preset_patches)
    masks = np.stack(list(families.members(pad_patches).values()), axis=1)
    result = {
        # No interval: a sample with replacement has fewer different sounds.
        "distinct": QualityRow(distinct(pad), None),
        "nearest": over(found[audible], lambda d: float(np.median(d))),
        "families": over(masks, _families),
    }
    if (slow & audible).any():
        result["slow_attack"] = over(found[slow & audible], mean)
    return result


def family_shares(patches: Array) -> dict[str, float]:
    """Family -> share of the patches (n, 41), in the synth's units."""
    return {name: mean(mask) for name, mask in families.members(patches).items()}


def axes(points: Array, descriptors: Array, rises: Array) -> tuple[QualityRow, dict[str, float]]:
    """How well the pad's axes follow the ear: the row, and the correlations behind it.

    Rank correlations of x with brightness, and of y with hardness or with the time of rise, whichever is greater.

    Args:
        points: (n, 2) of the pad.
        descriptors: (n, 7) of their sounds; NaN for silence.
        rises: (n,) seconds.
    """
    values = np.column_stack([points, descriptors, rises])[~np.isnan(descriptors).any(axis=1)]

    def correlations(rows: Array) -> dict[str, float]:
        ranks = _ranks(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.nan_to_num(np.asarray(np.corrcoef(ranks.T)))
        bright, hard = (2 + DESCRIPTORS.index(name) for name in ("brightness", "hardness"))
        return {"x_brightness": found[0, bright], "y_hardness": found[1, hard], "y_rise": abs(found[1, -1])}

    def worse(rows: Array) -> float:
        found = correlations(rows)
        return float(min(found["x_brightness"], max(found["y_hardness"], found["y_rise"])))

    return over(values, worse), {name: float(value) for name, value in correlations(values).items()}


def _families(masks: Mask) -> float:
    return float((masks.mean(axis=0) >= families.PRESENT).sum())


def _ranks(values: Array) -> Array:
    """Ranks (n, columns) of each column; equal values share their mean rank."""
    result = np.empty_like(values)
    for column, ranked in zip(values.T, result.T, strict=True):
        _, group, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranked[:] = (np.cumsum(counts) - (counts - 1) / 2.0)[group.ravel()]
    return result
