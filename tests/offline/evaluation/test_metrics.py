"""The measures of the quality table on synthetic clips with known results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.model import bundle
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.metrics import ClipSounds
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

FILTER = amsynth.INDEX["filter_type"]


def _sounds(random: np.random.Generator, count: int) -> ClipSounds:
    descriptors = random.uniform(-20.0, 120.0, (count, 7))
    mel = random.uniform(-80.0, 0.0, (count, 5, 8)).astype(np.float16)
    return ClipSounds(descriptors, random.uniform(-30.0, -10.0, count), mel)


def _with(values: Array, parameter: int) -> Array:
    """Params of one crossing that move one parameter."""
    params = np.zeros((1, len(values), amsynth.COUNT))
    params[0, :, parameter] = values
    return params


def test_errors_are_of_descriptors_clipped_to_0_and_100() -> None:
    real, made = np.array([[-20.0] * 6 + [130.0]]), np.array([[10.0] * 6 + [90.0]])
    assert metrics.timbre_errors(real, made).tolist() == [[10.0] * 7]


def test_a_silent_reconstruction_counts_as_zeros_and_a_silent_preset_as_nothing() -> None:
    sound, silence = np.full((1, 7), 40.0), np.full((1, 7), np.nan)
    assert metrics.timbre_errors(sound, silence).tolist() == [[40.0] * 7]
    assert np.isnan(metrics.timbre_errors(silence, sound)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_look_up_equals_an_exhaustive_search(seed: int) -> None:
    random = np.random.default_rng(seed)
    real, table = _sounds(random, 6), _sounds(random, 40)
    table.descriptors[random.integers(40, size=5)] = np.nan
    nearest, distances = metrics.look_up(real, table)
    for n in range(6):
        timbral = np.abs(metrics.clipped(table.descriptors) - metrics.clipped(real.descriptors[n])).sum(axis=1) / 13.5
        mel = np.abs(table.mel.astype(np.float32) - real.mel[n].astype(np.float32)).mean(axis=(1, 2))
        scores = timbral + 0.25 * mel
        assert scores[nearest[n]] == pytest.approx(np.nanmin(scores), abs=1e-5)
        assert distances[n] == pytest.approx(mel[nearest[n]], abs=1e-5)


def test_a_clip_of_the_table_finds_itself() -> None:
    table = _sounds(np.random.default_rng(1), 30)
    nearest, distances = metrics.look_up(table, table)
    assert nearest.tolist() == list(range(30))
    assert (distances == 0.0).all()


def test_presets_looked_up_over_several_notes_have_the_smallest_sum() -> None:
    random = np.random.default_rng(3)
    real, tables = ([_sounds(random, count) for _ in range(3)] for count in (4, 20))
    tables[1].descriptors[7] = np.nan
    real[2].descriptors[3] = np.nan
    total = np.zeros((4, 20))
    for k, (sounds, table) in enumerate(zip(real, tables, strict=True)):
        for n in range(4):
            if (k, n) != (2, 3):
                timbral = np.abs(metrics.clipped(table.descriptors) - metrics.clipped(sounds.descriptors[n])).sum(
                    axis=1
                )
                mel = np.abs(table.mel.astype(np.float32) - sounds.mel[n].astype(np.float32)).mean(axis=(1, 2))
                total[n] += timbral / 13.5 + 0.25 * mel
    assert metrics.look_up_together(real, tables).tolist() == np.nanargmin(total, axis=1).tolist()
    assert metrics.look_up_together(tables[:1], tables[:1]).tolist()[:7] == list(range(7))


def test_silence_is_never_looked_up() -> None:
    table = _sounds(np.random.default_rng(1), 3)
    table.descriptors[1] = np.nan
    assert np.isnan(metrics.look_up(table, table)[1]).tolist() == [False, True, False]


def test_grid_points_run_along_x_first_from_the_lower_left_and_include_the_edges() -> None:
    assert metrics.grid_points(3).tolist()[:4] == [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 0.5]]
    assert metrics.grid_points(3)[-1].tolist() == [1.0, 1.0]


def test_cell_points_are_the_centres_in_the_same_order() -> None:
    assert metrics.cell_points(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]


def test_flips_count_each_change_of_each_category() -> None:
    classes = np.array([0.0, 0.25, 0.25, 1.0, 0.0])
    assert metrics.flips(_with(classes, FILTER)).tolist() == [3.0]
    assert metrics.flips(_with(np.linspace(0, 1, 5), amsynth.INDEX["filter_cutoff"])).tolist() == [0.0]


def test_a_step_is_the_mean_change_of_the_chosen_params_in_a_fiftieth_of_a_crossing() -> None:
    cutoff, resonance = amsynth.INDEX["filter_cutoff"], amsynth.INDEX["filter_resonance"]
    steps = metrics.steps(_with(np.linspace(0.0, 1.0, 1001), cutoff), (cutoff, resonance))
    np.testing.assert_allclose(steps, np.full((1, 50), 0.01))


def test_crossings_span_the_pad_in_both_directions() -> None:
    lines = metrics.crossings(lambda points: points, lines=3, points=5)
    assert lines.shape == (6, 5, 2)
    assert lines[1].tolist() == [[x / 4, 0.5] for x in range(5)]
    assert lines[5].tolist() == [[1.0, y / 4] for y in range(5)]


def test_changes_are_between_neighbours_along_rows_and_columns() -> None:
    field = np.zeros((3, 3, 7))
    field[1, 1, 0] = 70.0
    change = metrics.changes(field.reshape(-1, 7), 3)
    assert change.worst.tolist() == [[0, 0], [70, 70], [0, 0]] * 2
    assert change.mean.max() == pytest.approx(10.0)


def test_an_even_slope_has_no_variation_and_one_cliff_has_much() -> None:
    slope = np.repeat(np.linspace(0.0, 70.0, 8), 8)[:, None] * np.ones(7)
    cliff = np.repeat((np.arange(8) > 3) * 70.0, 8)[:, None] * np.ones(7)
    along = metrics.changes(slope, 8).mean[8:]
    assert metrics.evenness_cv(along) == pytest.approx(0.0, abs=1e-9)
    assert metrics.evenness_cv(metrics.changes(cliff, 8).mean[8:]) > 2.0


def test_range_kept_compares_the_ranges_from_5_to_95_percent() -> None:
    real = np.linspace(0.0, 100.0, 101)[:, None] * np.ones(7)
    np.testing.assert_allclose(metrics.range_kept(real * 0.5, real), 0.5)


def test_silent_area_counts_silence_and_what_is_too_faint() -> None:
    descriptors = np.zeros((4, 7))
    descriptors[1] = np.nan
    sounds = ClipSounds(descriptors, np.array([-20.0, -np.inf, -45.1, -45.0]), np.zeros((4, 1, 1), np.float16))
    assert metrics.silent(sounds).tolist() == [False, True, True, False]


def test_an_interval_holds_the_mean_and_shrinks_with_more_rows() -> None:
    values = np.random.default_rng(0).normal(size=400)
    narrow = metrics.interval(lambda rows: float(values[rows].mean()), 400)
    wide = metrics.interval(lambda rows: float(values[rows].mean()), 25)
    assert narrow[0] < values.mean() < narrow[1]
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert metrics.interval(lambda rows: float(values[rows].mean()), 400) == narrow


def test_crossings_of_the_shipped_model_are_decoded() -> None:
    model = bundle.load()
    lines = metrics.crossings(
        lambda xy: model.decoder.decode_many(model.box[0] + xy * np.diff(model.box, axis=0)), 3, 51
    )
    assert lines.shape == (6, 51, amsynth.COUNT)
    assert metrics.flips(lines).max() > 0
