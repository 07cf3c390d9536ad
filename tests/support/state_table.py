"""A state machine against the table in its docstring: each row, and that nothing else changes its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

Machine = TypeVar("Machine")


class Transition(NamedTuple):
    """One row: `state | event | next state`."""

    state: str
    event: str
    following: str

    def __str__(self) -> str:
        return " | ".join(self)


def rows(machine: Any) -> list[Transition]:
    """The rows of the docstring's table; its first line, the heading, is left out."""
    lines = [[cell.strip() for cell in line.split("|")] for line in (machine.__doc__ or "").splitlines()]
    heading, *table = [Transition(*cells) for cells in lines if len(cells) == 3]
    assert heading == ("state", "event", "next state")
    return table


class StateTable(Generic[Machine]):
    """The table of a machine, and the calls that make its events happen.

    Args:
        machine: its docstring holds the table. The state `any` stands for all of them.
        states: every state there is.
        start: makes a machine in its first state.
        state_of: the state that a machine is in.
        events: each event of the table, and others that change nothing, as a call on a machine. An AssertionError
            says that it cannot happen now.
        other_starts: make machines in further first states.
    """

    def __init__(
        self,
        machine: Any,
        states: type[Enum],
        start: Callable[[], Machine],
        state_of: Callable[[Machine], Enum],
        events: Mapping[str, Callable[[Machine], object]],
        *other_starts: Callable[[], Machine],
    ) -> None:
        self._state_of, self._events = state_of, events
        self._starts = {state_of(make()).name: make for make in (start, *other_starts)}
        self._states = [state.name for state in states]
        self._table: dict[tuple[str, str], str] = {}
        for row in rows(machine):
            for state in self._states if row.state == "any" else [row.state]:
                assert (state, row.event) not in self._table, f"{state} | {row.event}: listed twice"
                self._table[state, row.event] = row.following
        assert {event for _, event in self._table} <= set(events), "the table has events that the test does not know"
        reached = {*self._starts, *self._table.values()}
        assert reached == set(self._states), "the table reaches other states than the code has"

    def check(self, row: Transition) -> None:
        """Hold one row against the machine."""
        for state in self._states if row.state == "any" else [row.state]:
            machine = self._brought_to(state)
            self._events[row.event](machine)
            assert self._state_of(machine).name == row.following, f"{state} | {row.event}"

    def check_the_rest(self) -> None:
        """Every event that the table does not list for a state leaves that state as it is."""
        for state in self._states:
            for event, happen in self._events.items():
                if (state, event) not in self._table:
                    machine = self._brought_to(state)
                    with contextlib.suppress(AssertionError):
                        happen(machine)
                    assert self._state_of(machine).name == state, f"{state} | {event}: not in the table"

    def _brought_to(self, state: str) -> Machine:
        """A new machine, taken to `state` along the shortest way that the table shows."""
        start, path = self._path(state)
        machine = self._starts[start]()
        for event, following in path:
            self._events[event](machine)
            assert self._state_of(machine).name == following, f"on the way to {state}: {event}"
        return machine

    def _path(self, goal: str) -> tuple[str, list[tuple[str, str]]]:
        """The state to start from, and the events that lead to `goal`, each with the state behind it."""
        paths: dict[str, tuple[str, list[tuple[str, str]]]] = {start: (start, []) for start in self._starts}
        for state in (queue := list(paths)):
            start, path = paths[state]
            for (before, event), following in self._table.items():
                if before == state and following not in paths:
                    paths[following] = (start, [*path, (event, following)])
                    queue.append(following)
        assert goal in paths, f"{goal} is never reached"
        return paths[goal]
