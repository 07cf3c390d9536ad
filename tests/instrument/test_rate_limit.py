"""P2: the budget of messages, with time as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.instrument.rate_limit import Budget

waits = st.lists(st.floats(0.0, 0.5), min_size=1, max_size=60)


@given(st.floats(1.0, 5000.0), waits)
def test_p2_whoever_spends_all_that_is_free_never_exceeds_a_second(per_s: float, waits: list[float]) -> None:
    budget, now = Budget(per_s), 10.0
    spent: list[tuple[float, int]] = []
    for wait_s in waits:
        now += wait_s
        free = budget.available(now)
        budget.spend(free)
        spent.append((now, free))
    for t, _ in spent:
        assert sum(n for at, n in spent if t <= at < t + 1.0) <= per_s + 1e-6


@pytest.mark.parametrize(("per_s", "at_once"), [(1.0, 1), (5.0, 1), (100.0, 10), (4000.0, 41)])
def test_p2_at_once_goes_a_tenth_of_a_second_at_least_one_message_at_most_a_patch(per_s: float, at_once: int) -> None:
    budget = Budget(per_s)
    assert budget.available(0.0) == at_once
    assert budget.available(1000.0) == at_once  # a rest saves nothing up


@given(st.floats(2.0, 5000.0), st.integers(0, 200))
def test_p1_the_next_message_is_free_when_it_was_said_to_be(per_s: float, messages: int) -> None:
    budget = Budget(per_s)
    budget.available(10.0)
    budget.spend(messages)
    wait_s = budget.next_s()
    if wait_s > 0.0:
        assert budget.available(10.0 + 0.9 * wait_s) == 0
    assert budget.available(10.0 + wait_s + 1e-6) >= 1
    assert budget.next_s() == 0.0


@given(st.floats(20.0, 300.0))
def test_all_of_the_budget_can_be_used(per_s: float) -> None:
    budget, sent = Budget(per_s), 0
    times = [10.0 + 0.001 * n for n in range(10_001)]
    for now in times:
        free = budget.available(now)
        budget.spend(free)
        sent += free
    assert sent >= 0.85 * per_s * (times[-1] - times[0])


def test_time_that_runs_backwards_earns_nothing_and_costs_nothing() -> None:
    budget = Budget(100.0)
    budget.spend(budget.available(10.0))
    assert budget.available(9.0) == 0
    assert [budget.available(10.0 + t) for t in (0.5, 0.6)] == [10, 10]


def test_without_a_limit_a_whole_patch_is_always_free() -> None:
    budget = Budget(None)
    for now in (0.0, 0.0, 1.0):
        assert budget.available(now) == 41
        budget.spend(41)
    assert budget.next_s() == 0.0
