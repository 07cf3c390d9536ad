"""What moves the point without a hand."""

from __future__ import annotations

from itertools import pairwise

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
    recording = Recording(lambda: None)
    for t, xy in [(10.0, (0.0, 0.0)), (11.0, (1.0, 0.5)), (11.5, (1.0, 0.5)), (12.0, (0.0, 1.0))]:
        recording.add(xy, t)
    assert len(recording.points) == 3, "a point that does not move is not kept"
    playback = Playback(recording, 100.0)
    assert playback.at(100.0) == (0.0, 0.0)
    assert playback.at(100.5) == pytest.approx((0.5, 0.25))
    assert playback.at(102.5) == pytest.approx((0.5, 0.25))


def test_a_recording_of_one_point_plays() -> None:
    recording = Recording(lambda: None)
    recording.add((0.3, 0.4), 1.0)
    assert Playback(recording, 5.0).at(77.0) == (0.3, 0.4)


@given(unit, unit, unit, unit, st.floats(0.01, 100.0), unit, unit)
def test_a_glide_is_straight_begins_at_its_start_and_never_turns_back(
    x0: float, y0: float, x1: float, y1: float, duration_s: float, earlier: float, later: float
) -> None:
    glide = Glide((x0, y0), (x1, y1), 50.0, duration_s)
    assert glide.at(49.0) == (x0, y0)
    assert glide.at(50.0 + 0.5 * duration_s) == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))
    way = []
    for part in sorted((earlier, later)):
        x, y = glide.at(50.0 + part * duration_s)
        assert (x - x0) * (y1 - y0) == pytest.approx((y - y0) * (x1 - x0), abs=1e-9)
        way.append(abs(x - x0) + abs(y - y0))
    assert way[0] <= way[1] + 1e-9


def test_a_recording_within_one_instant_plays_its_last_point() -> None:
    recording = Recording(lambda: None)
    for xy in ((0.1, 0.2), (0.3, 0.4)):
        recording.add(xy, 7.0)
    assert Playback(recording, 1.0).at(2.0) == (0.3, 0.4)


def test_a_full_recording_keeps_its_beginning_and_says_once_that_it_is_full() -> None:
    ended: list[int] = []
    recording = Recording(lambda: ended.append(n))
    for n in range(60_010):
        recording.add((n / 60_010, 0.5), 0.02 * n)
    assert len(recording.points) == len(recording.times) == 60_000
    assert (recording.times[0], recording.points[0]) == (0.0, (0.0, 0.5))
    assert ended == [60_000]


@given(
    st.lists(st.tuples(st.floats(0.01, 9.0), unit, unit), min_size=2, max_size=20),
    st.floats(0.0, 100.0),
    st.integers(0, 3),
)
def test_a_playback_is_where_the_hand_was_and_between_on_a_straight_line_in_every_round(
    moves: list[tuple[float, float, float]], start_s: float, rounds: int
) -> None:
    recording = Recording(lambda: None)
    now = 50.0
    for wait_s, x, y in moves:
        now += wait_s
        recording.add((x, y), now)
    playback, points = Playback(recording, start_s), list(zip(recording.times, recording.points, strict=True))
    first, last = points[0][0], points[-1][0]
    begin = start_s + rounds * (last - first)
    for (t0, a), (t1, b) in pairwise(points):
        quarter = playback.at(begin + t0 - first + 0.25 * (t1 - t0))
        assert quarter == pytest.approx((0.75 * a[0] + 0.25 * b[0], 0.75 * a[1] + 0.25 * b[1]), abs=1e-6)
    assert not playback.done(begin)


@given(unit, unit, st.floats(0.0, 100.0))
def test_a_walk_crosses_the_pad_in_its_periods_and_never_ends(x: float, y: float, t: float) -> None:
    wander = Wander((x, y), 50.0)
    now = 50.0 + t
    for axis, period_s in enumerate(wander.periods_s):
        here, there, again = (wander.at(now + part * period_s)[axis] for part in (0.0, 0.5, 1.0))
        assert there == pytest.approx(1.0 - here, abs=1e-9)
        assert again == pytest.approx(here, abs=1e-9)
    assert wander.at(50.0) == pytest.approx((x, y), abs=1e-7)
    assert not wander.done(now)
