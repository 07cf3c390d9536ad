"""The performer's named points."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from latentd.errors import UserError
from latentd.instrument.landmarks import UserLandmarks


def test_a_misspelled_landmark_among_very_many_is_answered_without_comparing_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def compare(_name: str, candidates: Iterable[str], n: int) -> list[str]:
        compared.extend(candidates)
        return compared[:n]

    monkeypatch.setattr("latentd.instrument.landmarks.difflib.get_close_matches", compare)
    names = [f"{'ab'[i % 2]}{i}" for i in range(1000)]
    with pytest.raises(UserError, match="'b1'"):
        UserLandmarks(dict.fromkeys(names, (0.5, 0.5))).find("bee")
    assert len(compared) <= 16
    assert all(name.startswith("b") for name in compared)


def test_an_unknown_landmark_names_the_nearest_one() -> None:
    with pytest.raises(UserError, match="Did you mean 'intro'"):
        UserLandmarks({"intro": (0.0, 0.0)}).find("intor")
