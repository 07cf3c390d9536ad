"""Searches the system now and then for an amSynth whose announcement was missed."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from latentd.osc.address import Address
from latentd.outputs.amsynth_osc.discovery import running

_GAP_S = (2.0, 30.0)  # between two searches: at first, and at last

Submit = Callable[[Callable[[], Any], Callable[[Any], None]], object]


class SearchState(Enum):
    """See `Search`."""

    OFF = auto()  # no port to search for, or the output is closed
    WAITING = auto()  # until `due_s`
    RUNNING = auto()  # in the background


class Search:
    """Searches at growing intervals. What is not in this table, as `due` while the background is full, changes nothing:

        state   | event   | next state
        WAITING | due     | RUNNING
        RUNNING | result  | WAITING
        any     | stopped | OFF

    Args:
        port: our UDP port, as in amSynth's `NSM_URL`; None: never search.
        submit: `Background.submit`: reading /proc takes milliseconds.
        found: takes the addresses, on the engine's thread.
    """

    def __init__(self, port: int | None, submit: Submit, found: Callable[[list[Address]], None]) -> None:
        self.state = SearchState.OFF if port is None else SearchState.WAITING
        self._port = port
        self._submit = submit
        self._found = found
        self._not_before_s = float("-inf")
        self._gap_s = _GAP_S[0]

    @property
    def due_s(self) -> float | None:
        """When the next search may begin; None while OFF or RUNNING."""
        return self._not_before_s if self.state is SearchState.WAITING else None

    def poll(self, now: float) -> None:
        """Begin a search, if one is due."""
        if self.state is not SearchState.WAITING or now < self._not_before_s:
            return
        port = self._port
        assert port is not None
        self._not_before_s = now + self._gap_s
        self._gap_s = min(2.0 * self._gap_s, _GAP_S[1])
        self.state = SearchState.RUNNING
        if self._submit(lambda: running(port), self._done) is False:
            self.state = SearchState.WAITING

    def hurry(self) -> None:
        """Search at short intervals again: a synth was here a moment ago."""
        self._gap_s = _GAP_S[0]

    def stop(self) -> None:
        """End for good; the result of a running search is dropped."""
        self.state = SearchState.OFF

    def _done(self, result: object) -> None:
        if self.state is not SearchState.RUNNING:
            return
        self.state = SearchState.WAITING
        if isinstance(result, list):  # not an exception: /proc could not be read
            self._found(result)
