"""Where the point is at home."""

from __future__ import annotations

import pytest

from latentd.daemon.home import HomePoint
from latentd.instrument.landmarks import UserLandmarks


@pytest.mark.parametrize(
    ("configured", "xy"), [([0.25, 0.75], (0.25, 0.75)), ("intro", (0.1, 0.9)), (None, (0.5, 0.5))]
)
def test_home_is_a_point_a_landmark_or_the_middle(
    configured: str | list[float] | None, xy: tuple[float, float], caplog: pytest.LogCaptureFixture
) -> None:
    home = HomePoint(configured, UserLandmarks({"intro": (0.1, 0.9)}))
    home.step()
    assert home.find() == xy
    assert not caplog.messages


def test_a_landmark_counts_where_it_is_now_and_its_absence_is_logged_once_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    landmarks = UserLandmarks({})
    home = HomePoint("intro", landmarks)
    home.step()
    home.step()
    assert home.find() == (0.5, 0.5)
    assert len(caplog.messages) == 1
    assert "home: no landmark 'intro', so home is the middle" in caplog.messages[0]
    landmarks.begin({"intro": (0.1, 0.9)})
    home.step()
    assert home.find() == (0.1, 0.9)
    assert len(caplog.messages) == 1
    landmarks.begin({"intro": None})
    home.step()
    home.step()
    assert home.find() == (0.5, 0.5)
    assert len(caplog.messages) == 2, "it was deleted"
