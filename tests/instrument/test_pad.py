"""The pad: the latent box and the model's own landmarks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.instrument.pad import Pad

BOX = np.array([[-2.0, -1.0], [3.0, 4.0]])
unit = st.floats(0.0, 1.0)


@given(unit, unit)
def test_from_the_pad_to_latent_and_back_is_the_same_place(x: float, y: float) -> None:
    pad = Pad(BOX)
    assert pad.to_pad(pad.to_z((x, y))) == pytest.approx((x, y), abs=1e-12)


def test_the_corners_of_the_pad_are_the_corners_of_the_box() -> None:
    pad = Pad(BOX)
    assert pad.to_z((0.0, 0.0)) == (-2.0, -1.0)
    assert pad.to_z((1.0, 1.0)) == (3.0, 4.0)


def test_the_nearest_landmark_is_named() -> None:
    pad = Pad(BOX, [("bell", 0.1, 0.1), ("brass", 0.9, 0.9)])
    assert pad.nearest((0.8, 0.7)) == "brass"
    assert Pad(BOX).nearest((0.5, 0.5)) == ""
