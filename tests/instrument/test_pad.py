"""The pad: the latent box, landmarks, and what moves the point without a hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.errors import UserError
from latentd.instrument.pad import Glide, Landmarks, Pad, Playback, Take, Wander

BOX = np.array([[-2.0, -1.0], [3.0, 4.0]])
unit = st.floats(0.0, 1.0)


@given(unit, unit)
def test_pad_and_latent_are_two_names_of_one_place(x: float, y: float) -> None:
    pad = Pad(BOX)
    assert pad.to_pad(pad.to_z((x, y))) == pytest.approx((x, y), abs=1e-12)


def test_a_misspelled_landmark_among_very_many_is_answered_without_comparing_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def compare(_name: str, candidates: Iterable[str], n: int) -> list[str]:
        compared.extend(candidates)
        return compared[:n]

    monkeypatch.setattr("latentd.instrument.pad.difflib.get_close_matches", compare)
    names = [f"{'ab'[i % 2]}{i}" for i in range(1000)]
    with pytest.raises(UserError, match="'b1'"):
        Landmarks(dict.fromkeys(names, (0.5, 0.5))).find("bee")
    assert len(compared) <= 16
    assert all(name.startswith("b") for name in compared)


def test_the_corners_of_the_pad_are_the_corners_of_the_box() -> None:
    pad = Pad(BOX)
    assert pad.to_z((0.0, 0.0)) == (-2.0, -1.0)
    assert pad.to_z((1.0, 1.0)) == (3.0, 4.0)


def test_the_nearest_landmark_is_named() -> None:
    pad = Pad(BOX, [("bell", 0.1, 0.1), ("brass", 0.9, 0.9)])
    assert pad.nearest((0.8, 0.7)) == "brass"
    assert Pad(BOX).nearest((0.5, 0.5)) == ""


def test_an_unknown_landmark_names_the_nearest_one() -> None:
    with pytest.raises(UserError, match="Did you mean 'intro'"):
        Landmarks({"intro": (0.0, 0.0)}).find("intor")


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


def test_a_take_plays_back_with_its_own_timing_and_loops() -> None:
    take = Take()
    for t, xy in [(10.0, (0.0, 0.0)), (11.0, (1.0, 0.5)), (11.5, (1.0, 0.5)), (12.0, (0.0, 1.0))]:
        take.add(xy, t)
    assert len(take.points) == 3, "a point that does not move is not kept"
    playback = Playback(take, 100.0)
    assert playback.at(100.0) == (0.0, 0.0)
    assert playback.at(100.5) == pytest.approx((0.5, 0.25))
    assert playback.at(102.5) == pytest.approx((0.5, 0.25))


def test_a_take_of_one_point_plays() -> None:
    take = Take()
    take.add((0.3, 0.4), 1.0)
    assert Playback(take, 5.0).at(77.0) == (0.3, 0.4)
