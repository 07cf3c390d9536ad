"""The rows about playing while the point moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from latentd.offline.evaluation import walks
from latentd.offline.timbre.perform import BLOCKS_PER_S, Performance, Performed
from latentd.synth.amsynth import Array


def test_walks_move_without_jumps_and_reach_all_of_the_pad_alike() -> None:
    paths = walks.paths(200)
    assert all(path.shape == (7500, 2) for path in paths)
    points = np.concatenate(paths)
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    steps = np.concatenate([np.abs(np.diff(path, axis=0)) for path in paths])
    assert 0.0 < steps.max() < 6 * walks.SPEED / BLOCKS_PER_S
    shares = np.histogram(points[:, 0], bins=4, range=(0, 1))[0] / len(points)
    np.testing.assert_allclose(shares, 0.25, atol=0.05)


def test_walks_are_the_same_each_time_and_different_from_each_other() -> None:
    first, again = walks.paths(3), walks.paths(3)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.1


def test_the_melody_is_in_c_major_and_its_notes_do_not_overlap() -> None:
    assert {note.number % 12 for note in walks.MELODY} <= {0, 2, 4, 5, 7, 9, 11}
    assert len(walks.MELODY) == 40
    for one, following in zip(walks.MELODY, walks.MELODY[1:], strict=False):
        assert one.start < one.end <= following.start
    assert walks.MELODY[-1].end <= 7500


def test_the_chord_is_held_all_the_time() -> None:
    assert {(note.start, note.end) for note in walks.CHORD} == {(0, 7500)}


def _melody(cents: Array) -> Performed:
    hz = np.array([440.0 * 2 ** ((note.number - 69) / 12) for note in walks.MELODY])
    return Performed(np.zeros(1), hz * 2 ** (cents / 1200))


def test_a_note_of_the_melody_counts_within_20_cents_and_not_without_a_pitch() -> None:
    cents = np.zeros(40)
    cents[:5] = [19.0, -19.0, 21.0, -21.0, np.nan]
    cents[5] = 1200.0
    assert walks.in_tune(_melody(cents)) == pytest.approx(37 / 40)


def test_held_walks_count_the_time_below_minus_45_lufs() -> None:
    assert walks.silent(Performed(np.array([-44.9, -45.1, -np.inf, -20.0]), np.zeros(4))) == 0.5


def test_rows_are_means_over_the_walks_with_the_right_notes() -> None:
    def perform(patches: Sequence[Array], notes: Performance) -> list[Performed]:
        if notes is walks.MELODY:
            return [_melody(np.full(40, 30.0 * n)) for n in range(len(patches))]
        assert notes is walks.CHORD
        return [Performed(np.full(10, -20.0 - 30.0 * n), np.zeros(4)) for n in range(len(patches))]

    rows = walks.rows([np.zeros((7500, 41))] * 2, perform)
    assert rows["melody"].value == 0.5
    assert rows["held_walks"].value == 0.5
    assert rows["melody"].interval == (0.0, 1.0)
