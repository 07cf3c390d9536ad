"""What undo takes back, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from latentd.daemon.history import GESTURE_S, MAX_CHANGES, History
from latentd.errors import LatentdError, UserError


def change(n: int) -> Callable[[list[int]], None]:
    return lambda undone: undone.append(n)


def test_the_newest_change_is_taken_back_first_and_each_once() -> None:
    history: History[list[int]] = History()
    for n in range(3):
        history.add(change(n))
    undone: list[int] = []
    for _ in range(3):
        history.undo(undone)
    assert undone == [2, 1, 0]
    with pytest.raises(UserError, match="nothing to undo"):
        history.undo(undone)


def test_the_oldest_of_too_many_is_forgotten() -> None:
    history: History[list[int]] = History()
    undone: list[int] = []
    for n in range(MAX_CHANGES + 5):
        history.add(change(n))
    with pytest.raises(UserError):
        for _ in range(MAX_CHANGES + 5):
            history.undo(undone)
    assert undone == list(range(MAX_CHANGES + 4, 4, -1))


def test_a_change_that_did_not_happen_leaves_the_history_and_others_stay() -> None:
    history: History[list[int]] = History()
    first, second = change(1), change(2)
    history.add(first)
    history.add(second)
    history.discard(first)
    history.discard(first)
    undone: list[int] = []
    history.undo(undone)
    assert undone == [2]
    assert not len(history)


def test_what_cannot_be_taken_back_now_is_kept_and_what_never_can_is_not() -> None:
    def full(_: object) -> None:
        raise LatentdError("the disk does not keep up")

    def never(_: object) -> None:
        raise UserError("there was no point before")

    history: History[None] = History()
    history.add(full)
    history.add(never)
    with pytest.raises(UserError):
        history.undo(None)
    for _ in range(2):
        with pytest.raises(LatentdError, match="disk"):
            history.undo(None)


def test_a_gesture_is_one_change_and_a_pause_or_another_change_begins_the_next() -> None:
    history: History[list[int]] = History()
    undone: list[int] = []
    for n in range(10):
        history.add(change(n), "fader", n * GESTURE_S * 0.9)
    history.add(change(10), "fader", 20.0)
    history.add(change(11))
    history.add(change(12), "fader", 20.1)
    assert len(history) == 4
    for _ in range(4):
        history.undo(undone)
    assert undone == [12, 11, 10, 0]


def test_faders_moved_together_are_one_change_each_and_an_undo_ends_the_gestures() -> None:
    history: History[list[int]] = History()
    undone: list[int] = []
    for n in range(0, 100, 2):
        history.add(change(n), "x", n / 100)
        history.add(change(n + 1), "y", n / 100)
    history.undo(undone)
    history.add(change(200), "x", 1.0)
    for _ in range(2):
        history.undo(undone)
    assert undone == [1, 200, 0]
