"""The warning about an amSynth that answers but has no MIDI port."""

from __future__ import annotations

import pytest

from latentd.daemon.synth_link import PortState, PortWatch
from tests.support.state_table import StateTable, Transition, rows


class Watching:
    """A watch, its clock, and how often it has warned."""

    def __init__(self) -> None:
        self.watch = PortWatch()
        self.now: float = 100.0
        self.warnings = 0

    def see(self, missing: bool, later_s: float) -> None:
        self.now += later_s
        self.warnings += self.watch.step(missing, self.now)


def missing_for_5_s(watching: Watching) -> None:
    assert watching.watch.state is not PortState.PRESENT
    watching.see(True, 5.25)


PORT = StateTable(
    PortWatch,
    PortState,
    Watching,
    lambda watching: watching.watch.state,
    {
        "missing": lambda watching: watching.see(True, 0.25),
        "missing for 5 s": missing_for_5_s,
        "there": lambda watching: watching.see(False, 0.25),
    },
)


@pytest.mark.parametrize("row", rows(PortWatch), ids=str)
def test_a_port_watch_goes_where_its_table_says(row: Transition) -> None:
    PORT.check(row)


def test_nothing_else_changes_a_port_watch() -> None:
    PORT.check_the_rest()


def test_a_missing_port_is_warned_about_once_each_time_it_is_missed() -> None:
    watching = Watching()
    for missing, seconds, warnings in (
        (True, 5.0, 0),
        (True, 0.5, 1),
        (True, 60.0, 1),
        (False, 1.0, 1),
        (True, 6.0, 2),
    ):
        for _ in range(int(seconds * 4) + 1):
            watching.see(missing, 0.25)
        assert watching.warnings == warnings
