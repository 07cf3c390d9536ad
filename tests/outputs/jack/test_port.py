"""The `jack` output and its process's life, with a small program in place of the child: P7, P8, P11."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentd.errors import UserError
from latentd.instrument.point import Change
from latentd.outputs.jack.memory import DONE, RESEND, STATE, Fact
from latentd.outputs.jack.port import POLL_S, RESTART_S, STALLED_S, JackPort
from latentd.outputs.jack.process import RETRY_S, UNMATCHED
from latentd.synth import midimap
from tests.support.rig import wait_for


class Port(JackPort):
    """Its child waits for the end of its input, as the real one does, and does nothing else."""

    program = "import sys; sys.stdin.read()"

    def _command(self, memory_fd: int, wake_fd: int, *arguments: str) -> list[str]:
        return [sys.executable, "-S", "-c", self.program]


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port(midimap.OURS)
    yield port
    port.close()


def play(port: Port, now: float) -> int:
    """Start its child, which reaches JACK and the synth; its process id."""
    port.poll(now)
    port._memory.facts[Fact.RUNNING] = port._memory.facts[Fact.CONNECTED] = 1
    port._memory.facts[Fact.CYCLES] += 1
    port.poll(now)
    pid = port.facts()["child_pid"]
    assert isinstance(pid, int)
    return pid


def child_is_gone(port: Port, now: float) -> bool:
    port.poll(now)
    return port.facts()["child_pid"] is None


def test_the_first_look_starts_the_child_and_further_looks_come_regularly(port: Port) -> None:
    assert not port.running
    assert port.poll(10.0) == 10.0 + POLL_S
    assert port.facts()["child_pid"] is not None
    assert not port.running
    port._memory.facts[Fact.RUNNING] = 1
    assert port.running
    assert not port.connected
    port._memory.facts[Fact.CONNECTED] = 1
    assert port.connected


def test_p7_a_child_that_dies_is_replaced_and_the_new_one_finds_what_is_wanted(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    first = play(port, 10.0)
    port.send([Change(11, 0.5)], 10.0)
    port._memory.bytes[DONE] = port._memory.bytes[STATE]
    assert port.settled()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child_is_gone(port, 10.0), "its end to be noticed")
    assert (port.running, port.connected, port.settled()) == (False, False, False)
    assert port.facts()["problem"] == "ended by signal 9"
    assert "JACK port: ended by signal 9; restarting it" in caplog.messages
    assert port.poll(10.0) == 10.0 + RETRY_S[0]
    assert play(port, 10.0 + RETRY_S[0]) != first
    assert port.facts()["restarts"] == 1
    assert not port.settled()  # it has written nothing yet
    assert port._memory.bytes[midimap.OURS.cc[11] or 0] == 64


def test_p11_patterns_without_a_port_have_the_key_of_the_configuration() -> None:
    class Reporting(Port):
        program = f"print('{UNMATCHED} 0 2 3', flush=True)\n{Port.program}"

    port = Reporting(midimap.OURS, "latentd", "amsynth:.*", ("nano.*", "KeyStep"), 4000.0, 1, ("keys",))
    assert port.patterns_without_port == {}
    play(port, 10.0)
    wait_for(lambda: port.poll(10.0) and port.patterns_without_port, "what the child reports")
    assert port.patterns_without_port == {
        "jack.playback": ["amsynth:.*"], "jack.sources": ["KeyStep"], "jack.keyboards": ["keys"],
    }  # fmt: skip
    assert port.facts()["problem"] == "no JACK port matches 'amsynth:.*'"
    port.close()
    assert port.patterns_without_port == {}


def test_p11_cycles_that_stand_still_are_told_and_in_the_end_worth_a_new_child(port: Port) -> None:
    first = play(port, 10.0)
    assert port.facts()["stalled"] is False
    port.poll(10.0 + STALLED_S)
    assert port.facts()["stalled"] is False
    port.poll(10.1 + STALLED_S)
    assert port.facts()["stalled"] is True
    port._memory.facts[Fact.CYCLES] += 1  # a stopped server went on
    port.poll(11.0)
    assert port.facts()["stalled"] is False
    for now in (11.0 + STALLED_S, 11.0 + RESTART_S):
        port.poll(now)
        assert port.facts()["child_pid"] == first
    port.poll(11.1 + RESTART_S)
    wait_for(lambda: child_is_gone(port, 11.1 + RESTART_S), "the child to be ended")
    assert play(port, 12.0 + RESTART_S) != first
    assert port.facts()["stalled"] is False


def test_a_child_that_waits_for_a_server_is_left_alone(port: Port) -> None:
    port.poll(10.0)
    first = port.facts()["child_pid"]
    for now in (10.0 + STALLED_S, 11.0 + RESTART_S, 12.0 + 2 * RESTART_S):
        port.poll(now)
        assert (port.facts()["child_pid"], port.facts()["stalled"]) == (first, False)


def test_p11_only_what_is_written_to_a_connected_port_is_settled(port: Port) -> None:
    play(port, 10.0)
    port._memory.bytes[DONE] = port._memory.bytes[STATE]
    assert port.settled()
    port.send([Change(11, 0.75)], 10.0)
    assert not port.settled()
    port._memory.bytes[DONE] = port._memory.bytes[STATE]
    assert port.settled()
    port._memory.facts[Fact.CONNECTED] = 0
    assert not port.settled()


def test_note_offs_that_are_owed_bring_the_next_look_soon(port: Port) -> None:
    play(port, 10.0)
    for _ in range(300):
        port.note(0x90, 60, 100)
    port.note(0x80, 60, 0)
    assert port.poll(10.0) == pytest.approx(10.0 + port.interval_s)
    port._memory.facts[Fact.CONNECTED] = 0  # nobody takes them: no hurry
    assert port.poll(10.0) == 10.0 + POLL_S


def test_everything_is_written_again_when_asked_however_often(port: Port) -> None:
    for _ in range(300):
        before = port._memory.bytes[RESEND]
        port.resend_all(0.0)
        assert port._memory.bytes[RESEND] != before
    assert port.facts()["resent"] == 300


def test_p9_closed_it_is_gone_and_may_be_closed_again(port: Port) -> None:
    pid = play(port, 10.0)
    watched = list(port.filenos())
    assert len(watched) == 2
    port.close()
    assert not Path(f"/proc/{pid}").exists()
    assert port.poll(11.0) is None
    assert list(port.filenos()) == []
    port.close()


@pytest.mark.parametrize("names", [("amsynth(", ()), ("amsynth", ("nano[",))])
def test_a_name_that_is_no_expression_is_the_users_mistake(names: tuple[str, tuple[str, ...]]) -> None:
    with pytest.raises(UserError, match="not a regular expression"):
        Port(midimap.OURS, "latentd", *names)
