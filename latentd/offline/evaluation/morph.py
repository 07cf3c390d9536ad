"""The row about ways between presets: is the way over the pad smoother than the straight line through the parameters?

The two measures are those of G. Le Vaillant and T. Dutoit, "Synthesizer Preset Interpolation Using Transformer
Auto-Encoders", 2023, and its public code, on the seven timbral descriptors, each scaled by its standard deviation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latentd.model.bundle import Model
from latentd.offline.evaluation import evaluate, metrics
from latentd.offline.evaluation.rows import QualityRow, over
from latentd.offline.timbre.measure import Measure
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

PAIRS = 40
STEPS = 7
_SHARES = np.linspace(0.0, 1.0, STEPS)[:, None]


class Roughness(NamedTuple):
    """Of n ways: root mean square second difference (n, 7), and deviation (n, 7) from the line between two ends."""

    bend: Array
    deviation: Array


def row(model: Model, params: Array, measure: Measure, count: int = PAIRS) -> tuple[QualityRow, dict[str, float]]:
    """The row, with its interval over the pairs, and its two parts.

    Args:
        params: (n, 41) of presets in a random order; neighbours are pairs.
    """
    count = min(count, len(params) // 2)
    first, second = params[: 2 * count : 2], params[1 : 2 * count : 2]
    points = evaluate.encoded_points(model, np.concatenate([first, second]))
    over_pad = [evaluate.decoded(model, way) for way in _ways(points[:count], points[count:])]
    ways = np.stack([over_pad, _ways(first, second)])
    measured = evaluate.clip_sounds(measure(amsynth.to_patch(ways.reshape(-1, amsynth.COUNT)))).descriptors
    # Silence counts as zeros, as in the timbre errors.
    descriptors = np.nan_to_num(metrics.clipped(measured)).reshape(2, count, STEPS, 7)
    scale = descriptors.std(axis=(0, 1, 2))
    scaled = descriptors / np.where(scale > 0, scale, 1.0)
    pad, straight = (roughness(side, scaled[1]) for side in scaled)
    values = np.stack([pad.bend, straight.bend, pad.deviation, straight.deviation], axis=1).mean(axis=2)
    bend, deviation = ratios(values)
    return over(values, lambda v: float(np.mean(ratios(v)))), {"morph_bend": bend, "morph_deviation": deviation}


def roughness(ways: Array, straight: Array) -> Roughness:
    """Of ways (n, steps, 7). The ends are those of `straight` (n, steps, 7): the presets themselves."""
    bend = np.diff(ways, n=2, axis=1) * (ways.shape[1] - 1) ** 2
    shares = np.linspace(0.0, 1.0, ways.shape[1])[:, None]
    deviation = ways - (straight[:, :1] * (1.0 - shares) + straight[:, -1:] * shares)
    return Roughness(np.sqrt(np.square(bend).mean(axis=1)), np.sqrt(np.square(deviation).mean(axis=1)))


def ratios(values: Array) -> tuple[float, float]:
    """Of bends and of deviations, pad to straight line, from (pairs, 4): bend of both, deviation of both."""
    bend, straight_bend, deviation, straight_deviation = values.mean(axis=0)
    return float(bend / straight_bend), float(deviation / straight_deviation)


def _ways(start: Array, end: Array) -> Array:
    """Straight lines (n, steps, …) between rows of start and end."""
    return np.asarray(start[:, None] * (1.0 - _SHARES) + end[:, None] * _SHARES)
