"""P3 and P12: a source keeps the newest values and counts what it loses; fingers are few and lead in their order."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from latentd.inputs.source import MAX_FINGERS, Fingers, Source
from latentd.instrument.point import Point
from latentd.status import Counters

values = st.none() | st.floats(-2.0, 2.0)
Update = tuple[float | None, float | None, bool | None]
updates = st.tuples(values, values, st.sampled_from([None, True, False]))
TAKE: Literal["take"] = "take"


@given(st.lists(updates | st.just(TAKE), max_size=30))
def test_p3_the_newest_values_win_and_what_nobody_took_is_counted(events: list[Update | Literal["take"]]) -> None:
    counters = Counters()
    source = Source("a", counters)
    newest: list[Any] = [None, None, None]
    fresh: set[int] = set()
    lost, now = 0, 10.0
    for event in [*events, TAKE]:
        if isinstance(event, str):
            assert source.take() == (Point(newest[0], newest[1], newest[2], "a", now, False) if fresh else None)
            assert source.take() is None
            fresh.clear()
            continue
        now += 0.01
        source.update(*event, now)
        given_axes = {axis for axis in range(3) if event[axis] is not None}
        lost += bool(fresh & given_axes)
        fresh |= given_axes
        for axis in given_axes:
            newest[axis] = event[axis]
        assert counters.superseded == lost


@given(st.lists(st.tuples(st.floats(-1.0, 1.0), values), min_size=1, max_size=20))
def test_movements_add_up_until_they_are_taken_and_none_is_lost(moves: list[tuple[float, float | None]]) -> None:
    counters = Counters()
    source = Source("a", counters, relative=True)
    for _ in range(2):
        for x, y in moves:
            source.update(x, y, None, 1.0)
        point = source.take()
        assert point is not None
        assert point.relative
        assert abs((point.x or 0.0) - sum(x for x, _ in moves)) < 1e-9
        given_y = [y for _, y in moves if y is not None]
        assert (point.y is None) == (not given_y)
        assert abs((point.y or 0.0) - sum(given_y)) < 1e-9
    assert counters.superseded == 0


names = st.integers(0, 5)
steps = st.lists(st.tuples(st.sampled_from(["put", "lift", "rename"]), names, names, values, values), max_size=40)


@given(st.booleans(), steps)
def test_the_first_or_the_newest_finger_leads_with_all_that_is_known_of_its_place(
    newest: bool, steps: list[tuple[str, int, int, float | None, float | None]]
) -> None:
    source = Source("a", Counters())
    fingers = Fingers(source, newest)
    down: list[int] = []
    places: dict[int, list[float | None]] = {}
    for step, finger, other, x, y in steps:
        if step == "put":
            if finger not in down:
                down.append(finger)
                places[finger] = [None, None]
            for axis, value in enumerate((x, y)):
                places[finger][axis] = value if value is not None else places[finger][axis]
            fingers.put(finger, x, y)
        elif step == "lift":
            down = [f for f in down if f != finger]
            fingers.lift(finger)
        elif other not in down and finger in down:
            down[down.index(finger)] = other
            places[other] = places[finger]
            fingers.rename(finger, other)
        leader = None if not down else down[-1 if newest else 0]
        assert fingers.leader() == leader
        assert len(fingers) == len(down)
        assert all((f in fingers) == (f in down) for f in range(6))
        source.take()
        fingers.report(1.0)
        point = source.take()
        if leader is None:
            assert point is not None
            assert point.touch is False
        elif None in places[leader]:
            assert point is None
        else:
            assert point is not None
            assert [point.x, point.y, point.touch] == [*places[leader], True]


def test_p12_more_fingers_than_any_surface_has_are_dropped_and_counted_until_one_is_lifted() -> None:
    counters = Counters()
    fingers = Fingers(Source("a", counters), newest=True)
    for finger in range(10 * MAX_FINGERS):
        fingers.put(finger, 0.5, 0.5)
    assert len(fingers) == MAX_FINGERS == 64
    assert counters.excess == 9 * MAX_FINGERS
    assert fingers.leader() == 63
    fingers.put(63, 0.25)  # one that is down still moves
    fingers.lift(0)
    fingers.put(1000)
    assert fingers.leader() == 1000
