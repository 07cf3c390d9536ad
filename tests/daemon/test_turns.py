"""The length of the loop's turns, and what a long one names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from latentd.daemon.sender import Sender
from latentd.daemon.turns import LONG_S, MAX_LOGGED, Turns
from latentd.osc import packets
from latentd.osc.packets import Message
from latentd.status import Histogram
from tests.support.daemon import Daemon
from tests.support.loop import Rig

PHONE = Sender("10.0.0.2", 5000)
ENOUGH_S = 0.25  # for a turn to be long


def turn(turns: Turns, *parts: tuple[str | Message, float], ran_s: float = 0.007) -> str:
    """One turn from 10.0 on that does these things, each for so long; the line for the log."""
    now = 10.0
    turns.begin(now, 1.0)
    for what, spent in parts:
        now += spent
        turns.did(what, now, PHONE)
    return turns.name(now, 1.0 + ran_s) if turns.is_long(now) else ""


def playing() -> Turns:
    """After the first turn."""
    turns = Turns()
    assert turn(turns, ("the outputs", 0.001)) == ""
    return turns


def test_every_turn_counts_and_a_short_one_is_not_named() -> None:
    turns = Turns()
    for _ in range(9):
        assert turn(turns, ("the tick", LONG_S * 0.4), ("the outputs", LONG_S * 0.4)) == ""
    facts = turns.facts()
    assert facts["count"] == 9
    assert facts["max_ms"] == pytest.approx(LONG_S * 0.8 * 1e3, abs=0.001)
    assert set(Histogram().facts()) < set(facts)
    assert (facts["long"], facts["longest"]) == (0, "")


def test_a_long_turn_names_the_message_or_the_part_that_took_longest_and_the_longest_turn_is_kept() -> None:
    turns = playing()
    saving = Message("/latentd/save", ("mine",))
    line = turn(turns, ("reading datagrams", 0.001), (saving, 0.04), ("the tick", 0.005))
    assert line == (
        "a turn of the loop took 46 ms (7 ms on the processor), 40 ms of it for /latentd/save from 10.0.0.2:5000: "
        "nothing else was answered meanwhile"
    )
    assert turn(turns, (Message("/xy", ()), 0.001), ("the outputs", 0.03)).count("30 ms of it for the outputs") == 1
    assert turns.facts()["longest"] == "46 ms (7 ms on the processor), 40 ms of it for /latentd/save from 10.0.0.2:5000"
    assert turn(turns, ("the tick", 0.09), ran_s=0.09).startswith(
        "a turn of the loop took 90 ms (90 ms on the processor)"
    )
    longest = "90 ms (90 ms on the processor), 90 ms of it for the tick"
    assert (turns.facts()["long"], turns.facts()["longest"]) == (3, longest)


def test_the_first_turn_counts_but_is_no_news() -> None:
    turns = Turns()
    assert turn(turns, ("the outputs", 0.03)) == ""
    assert turns.facts()["long"] == 1
    assert "30 ms of it for the outputs" in str(turns.facts()["longest"])
    assert turn(turns, ("the outputs", 0.03)).startswith("a turn of the loop took 30 ms")


def test_the_cause_of_a_turn_is_not_that_of_the_one_before() -> None:
    turns = playing()
    turn(turns, ("the tick", 0.2))
    assert "30 ms of it for the outputs" in turn(turns, ("the outputs", 0.03))


def test_each_cause_is_logged_once_and_p12_not_too_many_of_them() -> None:
    turns = playing()
    lines = [turn(turns, (Message(f"/{n % 2}", ()), 0.03)) for n in range(10)]
    assert [bool(line) for line in lines] == [True, True] + [False] * 8
    lines = [turn(turns, (Message(f"/{'long' * 500}{n}", ()), 0.03)) for n in range(2 * MAX_LOGGED)]
    assert sum(map(bool, lines)) == MAX_LOGGED - 2
    assert max(map(len, lines)) < 250


def slow(rig: Rig, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes some time on the rig's clock."""

    def slowed(*args: Any) -> Any:
        rig.clock.now += ENOUGH_S
        return function(*args)

    return slowed


@pytest.mark.parametrize(
    ("part", "method", "cause"),
    [
        ("engine", "tick", "the tick"),
        ("link", "poll", "the outputs"),
        ("feedback", "step", "the subscribers"),
        ("_session", "step", "the session and the watchdog"),
        ("background", "collect", "the results of the background"),
        ("_collector", "collect", "collecting garbage"),
        ("_report", "answer", "the status"),
        ("_control", "receive", "/latentd/status from 127.0.0.1:"),
    ],
)
def test_a_part_of_the_loop_that_takes_long_is_in_the_log_once_and_in_the_status(
    rig: Rig,
    caplog: pytest.LogCaptureFixture,
    part: str,
    method: str,
    cause: str,
) -> None:
    owner = getattr(rig.service, part)
    setattr(owner, method, slow(rig, getattr(owner, method)))
    rig.service._turns.lengths.add(0.0)  # the first turn, which is not logged
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        rig.send_datagram(packets.write("/latentd/status"))
    rig.send(0.25, 0.75)
    rig.run(5.0)
    logged = [line for line in caplog.messages if "a turn of the loop took" in line]
    assert sum(cause in line for line in logged) == 1
    assert cause in str(rig.service._turns.facts()["longest"])


def test_the_status_has_the_turns(daemon: Daemon) -> None:
    turns = daemon.status()["turns"]
    assert turns["count"] > 0
    assert 0.0 < turns["p50_ms"] <= turns["p99_ms"] <= turns["max_ms"]
    assert {"long", "longest"} < turns.keys()
