"""What moves the point without a hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.instrument.motion import Glide, Playback, Recording, Wander

unit = st.floats(0.0, 1.0)


@given(unit, unit, st.floats(0.01, 100.0))
def test_a_glide_starts_and_ends_exactly(x: float, y: float, duration_s: float) -> None:
    glide = Glide((0.2, 0.8), (x, y), 50.0, duration_s)
    assert glide.at(50.0) == (0.2, 0.8)
    assert glide.at(50.0 + 2.0 * duration_s) == (x, y)


def test_a_glide_without_a_duration_jumps() -> None:
    glide = Glide((0.0, 0.0), (1.0, 1.0), 5.0, 0.0)
    assert glide.done(5.0)
    assert glide.at(5.0) == (1.0, 1.0)


@given(unit, unit, st.floats(0.0, 1e6))
def test_wandering_begins_where_the_point_is_and_stays_on_the_pad(x: float, y: float, t: float) -> None:
    wander = Wander((x, y), 0.0)
    begin = wander.at(0.0)
    assert abs(begin[0] - x) <= 0.05 + 1e-9
    assert abs(begin[1] - y) <= 0.05 + 1e-9
    assert all(0.0 <= c <= 1.0 for c in wander.at(t))


def test_a_recording_plays_back_with_its_own_timing_and_loops() -> None:
    recording = Recording()
    for t, xy in [(10.0, (0.0, 0.0)), (11.0, (1.0, 0.5)), (11.5, (1.0, 0.5)), (12.0, (0.0, 1.0))]:
        recording.add(xy, t)
    assert len(recording.points) == 3, "a point that does not move is not kept"
    playback = Playback(recording, 100.0)
    assert playback.at(100.0) == (0.0, 0.0)
    assert playback.at(100.5) == pytest.approx((0.5, 0.25))
    assert playback.at(102.5) == pytest.approx((0.5, 0.25))


def test_a_recording_of_one_point_plays() -> None:
    recording = Recording()
    recording.add((0.3, 0.4), 1.0)
    assert Playback(recording, 5.0).at(77.0) == (0.3, 0.4)
