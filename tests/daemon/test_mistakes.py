"""Which mistakes the log has: each once, with a limit on how many are known and how many lines there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latentd.daemon.mistakes import MAX_KNOWN, MAX_LINES, Mistakes


def test_a_mistake_is_new_once_however_often_it_is_made() -> None:
    mistakes = Mistakes()
    assert mistakes.is_new("a", 0.0)
    assert mistakes.is_new("b", 0.0)
    assert not any(mistakes.is_new(one, float(t)) for t in range(100_000) for one in "ab")


def test_one_that_found_no_room_in_the_log_is_new_the_next_time() -> None:
    mistakes = Mistakes()
    assert all(mistakes.is_new(n, 0.0) for n in range(MAX_LINES))
    assert not mistakes.is_new("late", 0.0)
    assert mistakes.is_new("late", 1.5)
    assert not mistakes.is_new("late", 3.0)


def test_a_mistake_from_the_background_may_bring_an_earlier_time() -> None:
    mistakes = Mistakes()
    assert mistakes.is_new("a", 100.0)
    assert mistakes.is_new("from the background", 50.0)
    assert all(mistakes.is_new(n, 100.0) for n in range(MAX_LINES - 2))
    assert not mistakes.is_new("one too many", 100.5)


def test_one_that_is_still_made_is_not_forgotten_for_many_others() -> None:
    mistakes = Mistakes()
    assert mistakes.is_new("often", 0.0)
    for n in range(3 * MAX_KNOWN):
        assert mistakes.is_new(n, 10.0 * n)
        assert not mistakes.is_new("often", 10.0 * n)
    assert len(mistakes._known) == MAX_KNOWN


@given(st.lists(st.floats(0.0, 2.0), max_size=300))
def test_p12_made_up_mistakes_fill_the_log_at_one_line_a_second(steps: list[float]) -> None:
    mistakes, now, lines = Mistakes(), 0.0, 0
    for n, step in enumerate(steps):
        now += step
        lines += mistakes.is_new(n, now)
        assert lines <= MAX_LINES + now + 1e-6
