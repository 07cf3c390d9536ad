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


def test_changes_under_way_count_at_once_and_on_top_of_what_others_wrote() -> None:
    landmarks = UserLandmarks({"a": (0.1, 0.1)})
    first, second = {"b": (0.2, 0.2)}, {"a": None}
    landmarks.begin(first)
    landmarks.begin(second)
    assert landmarks.points == {"b": (0.2, 0.2)}
    landmarks.finish(first, {"a": (0.1, 0.1), "b": (0.2, 0.2), "theirs": (0.9, 0.9)})
    assert landmarks.points == {"b": (0.2, 0.2), "theirs": (0.9, 0.9)}
    landmarks.finish(second, {"b": (0.2, 0.2), "theirs": (0.9, 0.9)})
    assert landmarks.points == {"b": (0.2, 0.2), "theirs": (0.9, 0.9)}


def test_a_change_that_cannot_be_written_counts_here_and_is_written_with_the_next() -> None:
    landmarks = UserLandmarks()
    first = landmarks.to_write({"a": (0.1, 0.1)})
    landmarks.begin(first)
    landmarks.finish(first, None)
    assert landmarks.points == {"a": (0.1, 0.1)}
    second = landmarks.to_write({"b": (0.2, 0.2)})
    assert second == {"a": (0.1, 0.1), "b": (0.2, 0.2)}
    landmarks.begin(second)
    landmarks.finish(second, {"a": (0.1, 0.1), "b": (0.2, 0.2)})
    assert landmarks.points == second
    assert landmarks.to_write({"c": None}) == {"c": None}


@pytest.mark.parametrize(
    ("names", "step"),
    [
        ([], "Save one first"),
        (["nil"], "Did you mean 'nil'?"),
        (["storm", "intro"], "There are 'intro', 'storm'"),
        (list("gfedcba"), "There are 'a', 'b', 'c', 'd', 'e' and 2 more"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_or_some_that_there_are(names: list[str], step: str) -> None:
    with pytest.raises(UserError) as caught:
        UserLandmarks(dict.fromkeys(names, (0.5, 0.5))).find("nix")
    assert (caught.value.message, caught.value.hint) == ("no landmark 'nix'", step)
