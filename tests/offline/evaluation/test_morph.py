"""The row about ways between presets, on ways with known roughness."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.model import bundle
from latentd.offline.evaluation import evaluate, morph
from latentd.offline.timbre.measure import Measured
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from tests.offline import synthetic

LINE = np.linspace(0.0, 6.0, 7)


def _ways(*courses: Array) -> Array:
    """Ways with the same course in all seven descriptors."""
    return np.repeat(np.stack(courses)[:, :, None], 7, axis=2)


def test_a_line_between_the_presets_own_values_is_not_rough() -> None:
    found = morph.roughness(_ways(LINE, LINE[::-1]), _ways(LINE, LINE[::-1]))
    np.testing.assert_allclose(found.bend, 0.0, atol=1e-9)
    np.testing.assert_allclose(found.deviation, 0.0, atol=1e-9)


def test_a_line_that_misses_the_presets_deviates_and_does_not_bend() -> None:
    found = morph.roughness(_ways(LINE + 2.0), _ways(LINE))
    np.testing.assert_allclose(found.bend, 0.0, atol=1e-9)
    np.testing.assert_allclose(found.deviation, 2.0)


def test_the_bend_is_the_root_mean_square_second_difference() -> None:
    step = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    bend = morph.roughness(_ways(step), _ways(LINE)).bend
    np.testing.assert_allclose(bend, 36.0 * np.sqrt(2.0 / 5.0))


def test_the_ratios_are_of_means_over_the_pairs() -> None:
    values = np.array([[1.0, 4.0, 3.0, 3.0], [2.0, 2.0, 1.0, 5.0]])
    assert morph.ratios(values) == pytest.approx((0.5, 0.5))


def test_the_row_compares_the_way_over_the_pad_with_the_straight_one() -> None:
    model, presets = bundle.load(), evaluate.distinct(synthetic.presets(21))
    measured: list[Array] = []

    def measure(patches: Array) -> Measured:
        measured.append(patches)
        return synthetic.measure(patches)

    row, parts = morph.row(model, presets, measure)
    (patches,) = measured
    count = 10
    ways = amsynth.to_params(patches).reshape(2, count, morph.STEPS, amsynth.COUNT)
    np.testing.assert_allclose(ways[1, 3, 0], presets[6])  # the straight line begins and ends at the presets
    np.testing.assert_allclose(ways[1, 3, -1], presets[7])
    points = evaluate.encoded_points(model, presets[6:8])
    np.testing.assert_allclose(ways[0, 3, [0, -1]], evaluate.decoded(model, points), atol=1e-6)
    middle = evaluate.decoded(model, points.mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(ways[0, 3, 3], amsynth.round_steps(middle), atol=1e-6)
    assert row.value == pytest.approx((parts["morph_bend"] + parts["morph_deviation"]) / 2)
    assert row.interval is not None
    assert row.interval[0] < row.value < row.interval[1]
