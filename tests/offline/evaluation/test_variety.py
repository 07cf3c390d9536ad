"""The rows about what can be found on the pad, on pictures with known distances."""

from __future__ import annotations

import numpy as np
import pytest

from latentd.offline.evaluation import metrics, variety
from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.offline.timbre.picture import Picture
from latentd.synth import amsynth
from latentd.synth.amsynth import Array


def _pictures(*levels: float) -> Picture:
    """Pictures that are as far apart as these levels."""
    return np.repeat(np.array(levels, np.float32), 12 * 48).reshape(-1, 12, 48)


def _patches(count: int, **values: float) -> Array:
    patches = np.tile(amsynth.DEFAULT, (count, 1))
    for name, value in values.items():
        patches[:, amsynth.INDEX[name]] = value
    return patches


def test_distinct_sounds_are_at_least_6_db_from_all_chosen_before() -> None:
    assert variety.distinct(_pictures(0, 0, 5.9, 6.0, 11.9, 12.0)) == 3
    assert variety.distinct(_pictures(0, np.nan, 20)) == 2
    assert variety.distinct(_pictures(np.nan)) == 0


def test_nearest_is_the_distance_to_the_nearest_sound_that_is_not_silent() -> None:
    found = variety.nearest(_pictures(1, 9, np.nan), _pictures(0, np.nan, 12))
    np.testing.assert_allclose(found, [1.0, 3.0, np.nan])


def test_rows_of_presets_and_of_the_slow_ones_among_them() -> None:
    pad, presets = _pictures(0), _pictures(1, 2, 3, 10, 30, np.nan)
    slow = _patches(6)
    slow[[2, 4, 5], amsynth.INDEX["amp_attack"]] = 1.0
    rows = variety.rows(pad, _patches(1), presets, slow)
    assert rows["nearest"].value == 3.0  # the median
    assert rows["slow_attack"].value == pytest.approx((3 + 30) / 2)  # the mean
    assert "slow_attack" not in variety.rows(pad, _patches(1), presets, _patches(6))


def test_a_family_counts_from_one_percent_of_the_pad() -> None:
    patches = _patches(200)
    patches[:2, amsynth.INDEX["osc_mix_mode"]] = 1.0
    patches[:1, amsynth.INDEX["keyboard_mode"]] = 1
    patches[:100, amsynth.INDEX["filter_resonance"]] = 0.9
    rows = variety.rows(_pictures(*[0] * 200), patches, _pictures(0), _patches(1))
    assert rows["families"].value == 2
    shares = variety.family_shares(patches)
    assert (shares["ring modulation"], shares["mono or legato"], shares["resonance"]) == (0.01, 0.005, 0.5)


POINTS = metrics.cell_points(10)


def _descriptors(brightness: Array, hardness: Array) -> Array:
    found = np.random.default_rng(0).uniform(0, 100, (len(POINTS), 7))
    found[:, DESCRIPTORS.index("brightness")] = brightness
    found[:, DESCRIPTORS.index("hardness")] = hardness
    return found


def test_axes_are_the_worse_of_x_with_brightness_and_y_with_hardness() -> None:
    x, y = POINTS.T
    noise = np.random.default_rng(1).uniform(0, 1, len(x))
    row, found = variety.axes(POINTS, _descriptors(x**3, y), noise)
    assert row.value == pytest.approx(1.0)
    assert found["x_brightness"] == pytest.approx(1.0)
    assert variety.axes(POINTS, _descriptors(-x, y), noise)[0].value == pytest.approx(-1.0)
    assert abs(variety.axes(POINTS, _descriptors(y, y), noise)[0].value) < 0.01
    assert variety.axes(POINTS, _descriptors(x, noise), noise)[0].value < 0.3


def test_the_time_of_rise_may_stand_for_hardness_in_either_direction() -> None:
    x, y = POINTS.T
    noise = np.random.default_rng(1).uniform(0, 1, len(x))
    for rises in (y, 1 - y):
        row, found = variety.axes(POINTS, _descriptors(x, noise), rises)
        assert row.value == pytest.approx(1.0)
        assert found["y_rise"] == pytest.approx(1.0)


def test_silence_does_not_count_for_the_axes_and_equal_values_share_a_rank() -> None:
    x, y = POINTS.T
    descriptors = _descriptors(np.where(x > 0.9, np.nan, x), y)
    row, found = variety.axes(POINTS, descriptors, y)
    assert row.value == pytest.approx(1.0)
    assert variety._ranks(np.array([[3.0], [1.0], [3.0], [2.0]])).ravel().tolist() == [3.5, 1.0, 3.5, 2.0]
    constant = variety.axes(POINTS, _descriptors(x * 0, y), y)[0]
    assert constant.value == 0.0
    assert set(found) == {"x_brightness", "y_hardness", "y_rise"}
