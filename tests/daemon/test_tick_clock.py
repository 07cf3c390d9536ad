"""When the engine ticks, against the table that its states draw."""

from __future__ import annotations

import pytest

from latentd.daemon.tick_clock import TickClock, TickState
from tests.support.state_table import StateTable, Transition, rows

INTERVAL_S = 0.004
NOW = 100.0

TICK = StateTable(
    TickState,
    TickState,
    TickClock,
    lambda clock: clock.state,
    {
        "input arrives": TickClock.input_arrived,
        "a tick, and the engine wants another": lambda clock: clock.ticked(NOW, NOW + 1.0),
        "a tick, and the engine wants none": lambda clock: clock.ticked(NOW, None),
        "time passes": lambda clock: clock.due(INTERVAL_S),
    },
)


@pytest.mark.parametrize("row", rows(TickState), ids=str)
def test_the_clock_goes_where_its_table_says(row: Transition) -> None:
    TICK.check(row)


def test_nothing_else_changes_the_clock() -> None:
    TICK.check_the_rest()


def answered(next_t: float | None) -> TickClock:
    """A clock whose last tick has just answered input."""
    clock = TickClock()
    clock.ticked(NOW, next_t)
    return clock


def test_p6_at_rest_no_tick_is_due() -> None:
    assert answered(None).due(INTERVAL_S) is None


def test_the_first_tick_is_due_at_once() -> None:
    due = TickClock().due(INTERVAL_S)
    assert due is not None and due < NOW


def test_input_is_answered_at_once_but_not_sooner_than_half_an_interval_after_the_last_answer() -> None:
    clock = answered(None)
    clock.input_arrived()
    assert clock.due(INTERVAL_S) == pytest.approx(NOW + 0.5 * INTERVAL_S)


def test_what_moves_by_itself_goes_on_when_the_engine_says_so_but_not_sooner_than_half_an_interval() -> None:
    assert answered(NOW + 1.0).due(INTERVAL_S) == pytest.approx(NOW + 1.0)
    assert answered(NOW).due(INTERVAL_S) == pytest.approx(NOW + 0.5 * INTERVAL_S)


def test_input_does_not_wait_for_a_tick_that_answered_none() -> None:
    clock = answered(NOW + 1.0)
    clock.ticked(NOW + 1.0, None)  # a step of a ramp
    clock.input_arrived()
    due = clock.due(INTERVAL_S)
    assert due is not None and due < NOW + 1.0
