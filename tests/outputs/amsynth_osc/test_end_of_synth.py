"""What the `osc` output makes of the end of the synth's process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.osc.address import Address
from latentd.outputs.amsynth_osc import process
from latentd.outputs.amsynth_osc.discovery import remember
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.outputs.amsynth_osc.process import find
from tests.support.synth_process import Processes

SYNTH, SECOND = (("127.0.0.1", port) for port in (20000, 20001))


class World:
    """An output that is sent nothing, and what it sent."""

    def __init__(self, root: Path) -> None:
        self.sent: list[Address] = []
        self.now = 100.0
        self.output = AmsynthOsc(lambda _data, to: self.sent.append(to), root / "folder", root / "remembered.json")

    def announce(self, synth: Address = SYNTH, pid: int = 4711) -> None:
        args = ("amsynth", "", "amsynth", 1, 0, pid)
        self.output.receive(packets.Message("/nsm/server/announce", args), synth, self.now)
        self.output.poll(self.now)

    def poll(self) -> float | None:
        self.now += 1.0
        self.output.wake()
        return self.output.poll(self.now)

    def answer(self, synth: Address = SYNTH) -> None:
        self.output.receive(packets.Message("/reply", ("/nsm/client/open", "OK")), synth, self.now)

    def set(self, value: float) -> None:
        self.output.send([Change(0, value)], self.now)

    def shown(self) -> tuple[object, object]:
        facts = self.output.facts()
        return facts["connected"], facts["problem"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.output.close()


def test_p11_a_synth_that_ends_while_nobody_plays_is_not_connected(
    world: World, processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.announce()
    world.set(0.5)
    world.answer()
    assert world.output.settled()
    assert world.shown() == (True, "")
    processes.end(SYNTH)
    assert world.poll() is None, "nothing to wait for but the next one"
    assert world.shown() == (False, "amSynth has ended")
    assert not world.output.settled(), "nobody holds the patch"
    assert caplog.text.count("amSynth at 127.0.0.1:20000 (pid 4711) has ended") == 1
    world.sent.clear()
    world.set(0.75)
    for _ in range(10):
        assert world.poll() is None
    assert not world.sent, "its port may be another program's by now"
    world.announce(SECOND)
    assert world.shown() == (True, "")
    assert set(world.sent) == {SECOND}
    assert ("INFO", "amSynth started at 127.0.0.1:20001; from now on latentd plays this one") in [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]


def test_a_synth_that_announces_itself_again_on_the_same_port_is_found_again(
    world: World, processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.announce()
    processes.end(SYNTH)
    world.output.wake()
    world.output.poll(world.now)
    world.announce()
    assert world.shown() == (True, "")
    assert caplog.text.count("amSynth started at 127.0.0.1:20000") == 2
    processes.end(SYNTH)
    world.poll()
    assert world.shown() == (False, "amSynth has ended")


def test_the_end_of_an_older_synth_is_no_end_of_the_one_that_plays(world: World, processes: Processes) -> None:
    world.announce()
    world.announce(SECOND)
    assert not processes.watched(SYNTH)
    assert processes.watched(SECOND)
    world.poll()
    assert world.shown() == (True, "")


def test_a_synth_that_had_ended_before_it_could_be_watched_is_not_connected(world: World, processes: Processes) -> None:
    processes.found[SYNTH] = None
    world.announce()
    assert world.shown() == (False, "amSynth has ended")


def test_the_pid_of_another_container_is_not_believed(world: World) -> None:
    world.announce(pid=1)
    assert world.output.facts()["pid"] == 4711


def test_a_remembered_synth_is_watched_and_one_that_is_gone_is_not_asked_for_ever(
    tmp_path: Path, processes: Processes
) -> None:
    remember(tmp_path / "remembered.json", SYNTH)
    world = World(tmp_path)
    world.poll()
    world.answer()
    assert world.shown() == (True, "")
    processes.end(SYNTH)
    world.poll()
    assert world.shown() == (False, "amSynth has ended")
    world.output.close()
    processes.found[SYNTH] = None
    world = World(tmp_path)
    for _ in range(5):
        world.poll()
    assert world.shown() == (False, "amSynth has ended")
    assert world.sent == []
    world.output.close()


def test_a_synth_that_is_found_in_the_system_is_watched(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentd.outputs.amsynth_osc.search.running", lambda _port: [SYNTH])
    output = AmsynthOsc(lambda _data, _to: None, tmp_path / "folder", tmp_path / "remembered.json", port=8000)
    output.poll(100.0)
    output.poll(100.1)
    output.receive(packets.Message("/reply", ("/nsm/client/open", "OK")), SYNTH, 100.2)
    assert output.connected
    processes.end(SYNTH)
    monkeypatch.setattr("latentd.outputs.amsynth_osc.search.running", lambda _port: [])
    output.wake()
    output.poll(200.0)
    assert not output.connected
    monkeypatch.setattr("latentd.outputs.amsynth_osc.search.running", lambda _port: [SYNTH])
    for n in range(8):
        output.poll(300.0 + n)
    output.receive(packets.Message("/reply", ("/nsm/client/open", "OK")), SYNTH, 310.0)
    assert output.connected, "another one on the same port, whose announcement was missed"
    output.close()
    assert not processes.watched(SYNTH)


def test_a_synth_that_hangs_is_named_when_it_does_not_answer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world.announce()
    world.set(0.5)
    for _ in range(6):
        world.poll()
    assert world.shown() == (False, "amSynth does not answer")
    assert caplog.text.count("amSynth at 127.0.0.1:20000 (pid 4711) does not answer") == 1
    world.answer()
    assert world.shown() == (True, "")
    assert caplog.text.count("amSynth at 127.0.0.1:20000 (pid 4711) answers") == 1


def test_closing_the_output_closes_the_processs_descriptor(tmp_path: Path, processes: Processes) -> None:
    world = World(tmp_path)
    world.announce()
    assert processes.watched(SYNTH)
    assert process.find is not find
    world.output.close()
    assert not processes.watched(SYNTH)
