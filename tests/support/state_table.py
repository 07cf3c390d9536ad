"""A state machine against the table in its docstring: each row, and that nothing else changes its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
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
    """

    def __init__(
        self,
        machine: Any,
        states: type[Enum],
        start: Callable[[], Machine],
        state_of: Callable[[Machine], Enum],
        events: Mapping[str, Callable[[Machine], object]],
    ) -> None:
        self._start, self._state_of, self._events = start, state_of, events
        self._states = [state.name for state in states]
        self._table: dict[tuple[str, str], str] = {}
        for row in rows(machine):
            for state in self._states if row.state == "any" else [row.state]:
                assert (state, row.event) not in self._table, f"{state} | {row.event}: listed twice"
                self._table[state, row.event] = row.following
        assert {event for _, event in self._table} <= set(events), "the table has events that the test does not know"
        named = {state for state, _ in self._table} | set(self._table.values())
        assert named == set(self._states), "the table has other states than the code"

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
        machine = self._start()
        for event, following in self._path(self._state_of(machine).name, state):
            self._events[event](machine)
            assert self._state_of(machine).name == following, f"on the way to {state}: {event}"
        return machine

    def _path(self, start: str, goal: str) -> Iterator[tuple[str, str]]:
        paths: dict[str, list[tuple[str, str]]] = {start: []}
        for state in (queue := [start]):
            for (before, event), following in self._table.items():
                if before == state and following not in paths:
                    paths[following] = [*paths[state], (event, following)]
                    queue.append(following)
        assert goal in paths, f"{goal} is never reached"
        return iter(paths[goal])
