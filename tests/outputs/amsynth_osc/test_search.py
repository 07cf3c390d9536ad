"""The search for an amSynth whose announcement was missed: its states, and what the `osc` output does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latentd.osc import packets
from latentd.osc.address import Address
from latentd.outputs.amsynth_osc import search
from latentd.outputs.amsynth_osc.discovery import recall
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.outputs.amsynth_osc.search import Search, SearchState
from tests.support.state_table import StateTable, Transition, rows

SYNTH, SECOND, THIRD = (("127.0.0.1", port) for port in (20000, 20001, 20002))


class Jobs:
    """A background that runs nothing by itself."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self.full = False

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> bool:
        if not self.full:
            self.waiting.append((job, then))
        return not self.full


class System(Jobs):
    """A search, the background that it gives its jobs to, and what it found."""

    def __init__(self, port: int | None = 8000) -> None:
        super().__init__()
        self.found: list[list[Address]] = []
        self.now = 0.0
        self.search = Search(port, self.submit, self.found.append)

    def due(self, full: bool = False) -> None:
        self.full = full
        self.now += 100.0
        self.search.poll(self.now)

    def result(self, found: object = (SYNTH,)) -> None:
        assert self.waiting
        _, then = self.waiting.pop()
        then(list(found) if isinstance(found, tuple) else found)


SEARCH = StateTable(
    Search,
    SearchState,
    System,
    lambda system: system.search.state,
    {
        "due": System.due,
        "due, background is full": lambda system: system.due(full=True),
        "result": System.result,
        "stopped": lambda system: system.search.stop(),
    },
)


@pytest.mark.parametrize("row", rows(Search), ids=str)
def test_a_search_goes_where_its_table_says(row: Transition) -> None:
    SEARCH.check(row)


def test_nothing_else_changes_a_search() -> None:
    SEARCH.check_the_rest()


def test_without_a_port_nothing_is_searched_for() -> None:
    system = System(port=None)
    system.due()
    assert system.search.state is SearchState.OFF
    assert system.search.due_s is None
    assert not system.waiting


def test_searches_grow_rarer_until_there_is_reason_to_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "running", lambda port: [SYNTH] if port == 8000 else [])
    system = System()
    gaps = []
    for n in range(7):
        if n == 6:
            system.search.hurry()
        system.due()
        job, _ = system.waiting[-1]
        assert job() == [SYNTH], "searched for the synths of this port"
        system.result()
        assert system.search.due_s is not None
        gaps.append(system.search.due_s - system.now)
    assert gaps == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 2.0]


def test_what_is_found_after_the_end_is_dropped_and_so_is_a_failure() -> None:
    system = System()
    system.due()
    system.result(PermissionError(13, "no /proc"))
    system.due()
    system.search.stop()
    system.result()
    assert system.found == []


def test_a_search_does_not_begin_before_its_time() -> None:
    system = System()
    system.due()
    system.result()
    due_s = system.search.due_s
    assert due_s is not None
    system.search.poll(due_s - 0.001)
    assert not system.waiting
    system.search.poll(due_s)
    assert system.waiting


class Rig(Jobs):
    """An output that searches, and what each search finds."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.remembered = root / "synth.json"
        self.output = AmsynthOsc(lambda _data, _to: None, root / "run", self.remembered, self.submit, port=8000)

    def announce(self, synth: Address, now: float = 0.0) -> None:
        args = ("amsynth", "", "amsynth", 1, 0, 4711)
        self.output.receive(packets.Message("/nsm/server/announce", args), synth, now)

    def found(self, *synths: Address) -> None:
        _, then = self.waiting.pop()
        then(list(synths))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_the_newest_of_the_synths_that_are_found_is_asked(rig: Rig) -> None:
    assert rig.output.poll(0.0) is None, "a search is under way, nothing else to wait for"
    rig.found(SYNTH, SECOND)
    assert rig.output.address == SECOND
    assert not rig.output.connected, "found, but it has not answered"
    rig.output.poll(1.0)
    rig.output.receive(packets.Message("/reply", ("/nsm/client/open", "OK")), SECOND, 1.001)
    assert rig.output.connected


def test_a_synth_that_announces_itself_meanwhile_is_kept(rig: Rig) -> None:
    rig.output.poll(0.0)
    search_under_way = rig.waiting.pop()
    rig.announce(SYNTH)
    rig.waiting.append(search_under_way)
    rig.found(SECOND)
    assert rig.output.address == SYNTH
    assert rig.output.connected


def test_a_known_synth_among_those_found_is_kept(rig: Rig) -> None:
    rig.output.poll(0.0)
    rig.found(SYNTH)
    rig.waiting.clear()
    rig.output.poll(10.0)
    rig.found(SYNTH, SECOND)
    assert rig.output.address == SYNTH
    assert rig.output.facts()["synth_leak_mb"] == pytest.approx(32e-6, abs=1e-3)


def test_nothing_is_searched_for_while_a_synth_answers(rig: Rig) -> None:
    rig.announce(SYNTH)
    rig.output.poll(100.0)  # looks for its process
    rig.waiting.clear()
    assert rig.output.poll(200.0) is None
    assert not rig.waiting


def test_a_new_synth_makes_the_next_searches_come_soon(rig: Rig) -> None:
    for now in (100.0, 200.0, 300.0):
        rig.output.poll(now)
        rig.found()
    rig.output.poll(400.0)
    rig.found(SYNTH)
    rig.output.poll(500.0)
    rig.found()
    rig.waiting.clear()
    rig.output.poll(502.0)
    assert rig.waiting, "2 s after the last"


def test_what_a_search_finds_after_the_end_is_dropped(rig: Rig) -> None:
    rig.output.poll(0.0)
    rig.output.close()
    rig.found(SYNTH)
    assert rig.output.address is None


def test_an_address_is_remembered_when_it_is_new(rig: Rig) -> None:
    for synth, jobs in ((SYNTH, 1), (SYNTH, 1), (THIRD, 2)):
        rig.announce(synth)
        assert len(rig.waiting) == jobs
    for job, then in rig.waiting:
        then(job())
    assert recall(rig.remembered) == THIRD
