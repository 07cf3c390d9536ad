"""Sounds are found on the pad: the nearest point, never a silent one."""

from __future__ import annotations

import numpy as np

from latentd.model.pad_sounds import PICTURE, Sounds, small, to_levels
from latentd.synth.amsynth import Array

SIZE = 5
COUNT = SIZE**2


def _pad(seed: int = 1) -> tuple[Sounds, Array, Array]:
    random = np.random.default_rng(seed)
    descriptors = random.uniform(0, 100, (COUNT, 7))
    pictures = random.uniform(-60, 20, (COUNT, *PICTURE))
    return Sounds(descriptors, np.full(COUNT, -20.0), to_levels(pictures).reshape(COUNT, -1)), descriptors, pictures


def _point(row: int) -> tuple[float, float]:
    return row % SIZE / (SIZE - 1), row // SIZE / (SIZE - 1)


def test_every_point_of_the_pad_is_found_by_its_own_sound() -> None:
    sounds, descriptors, pictures = _pad()
    np.testing.assert_allclose(sounds.nearest(descriptors, pictures), [_point(row) for row in range(COUNT)])


def test_a_silent_point_is_never_chosen() -> None:
    sounds, descriptors, pictures = _pad()
    sounds.descriptors[7] = np.nan
    sounds.lufs[8] = -np.inf
    found = sounds.nearest(descriptors, pictures)
    assert np.isfinite(found).all()
    for row in (7, 8):
        assert not (found == _point(row)).all(axis=1).any()


def test_descriptors_out_of_range_are_clipped() -> None:
    sounds, descriptors, pictures = _pad()
    beyond = descriptors.copy()
    beyond[3] = [140.0, -30.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    sounds.descriptors[3] = [100.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(sounds.nearest(beyond[3:4], pictures[3:4])[0], _point(3))


def test_between_points_of_equal_timbre_the_spectrogram_decides() -> None:
    sounds, descriptors, pictures = _pad()
    sounds.descriptors[:] = descriptors[0]
    found = sounds.nearest(descriptors[:1], pictures[11:12])
    np.testing.assert_allclose(found[0], _point(11))


def test_small_pictures_are_means() -> None:
    picture = np.zeros((1, 94, 64), np.float16)
    picture[0, :, :2] = -40.0
    reduced = small(picture)
    assert reduced.shape == (1, *PICTURE)
    np.testing.assert_allclose(reduced[0, :, 0], -40.0)
    np.testing.assert_allclose(reduced[0, :, 1:], 0.0)
