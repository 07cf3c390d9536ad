"""The link to the synth: which output plays and why, what is warned about, and which CC map is used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latentd.config.config import Config, OutputName
from latentd.daemon import synth_link
from latentd.daemon.sender import Sender
from latentd.daemon.synth_link import OutputChoice, SynthLink
from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs.amsynth_osc import search
from latentd.outputs.amsynth_osc.discovery import remember
from latentd.outputs.amsynth_osc.output import run_now
from latentd.synth import midimap
from latentd.synth.amsynth import COUNT, INDEX
from tests.support.state_table import StateTable, Transition, rows
from tests.support.synth_process import Processes, in_place_of_real_ones

SYNTH = Sender("127.0.0.1", 20000)


class Choosing:
    """A choice, and what its two outputs report."""

    def __init__(self, choice: OutputChoice) -> None:
        self.choice = choice

    def see(self, *, answers: bool = False, gone: bool = False, midi: bool = False) -> None:
        osc: Any = SimpleNamespace(connected=answers, gone=lambda _now: gone)
        jack: Any = SimpleNamespace(connected=midi)
        self.choice = self.choice.following(osc, jack, 100.0)


CHOICE = StateTable(
    OutputChoice,
    OutputChoice,
    lambda: Choosing(OutputChoice.UNANNOUNCED),
    lambda choosing: choosing.choice,
    {
        "amSynth answers": lambda choosing: choosing.see(answers=True, midi=True),
        "amSynth gone, its MIDI port connected": lambda choosing: choosing.see(gone=True, midi=True),
        "amSynth gone, its MIDI port, too": lambda choosing: choosing.see(gone=True),
        "amSynth has ended a moment ago": lambda choosing: choosing.see(midi=True),
    },
    lambda: Choosing(OutputChoice.CONFIGURED),
    lambda: Choosing(OutputChoice.REMEMBERED),
)


@pytest.mark.parametrize("row", rows(OutputChoice), ids=str)
def test_the_choice_goes_where_its_table_says(row: Transition) -> None:
    CHOICE.check(row)


def test_nothing_else_changes_the_choice() -> None:
    CHOICE.check_the_rest()


class FakeJack:
    """A JACK port without JACK: these two flags are all that there is of the server and the synth."""

    name = "jack"
    resolution = np.full(COUNT, 1 / 127)

    def __init__(self, cc_map: midimap.Midimap, *_arguments: object) -> None:
        self.reachable = cc_map.reachable
        self.sent: list[Change] = []
        self.running = self.connected = True
        self.stalled = False
        self.released = 0
        self.polled = 0
        self.closed = False
        self.connections = 0  # no new one to look at
        self.patterns_without_port: dict[str, list[str]] = {}
        self.channel = 1

    def poll(self, now: float) -> float | None:
        self.polled += 1
        return now + 0.25

    def send(self, changes: list[Change], now: float) -> None:
        self.sent += changes

    def release(self) -> None:
        self.released += 1

    def filenos(self) -> list[int]:
        return []

    def facts(self) -> dict[str, object]:
        return {"connected": self.connected, "connections": 3, "resent": 2}

    def note(self, status: int, data1: int, data2: int) -> bool:
        return self.connected

    def close(self) -> None:
        self.closed = True


class Rig:
    """A link with a JACK port that is a fake, and the rest as it is."""

    def __init__(self, config: Config) -> None:
        self.sent: list[bytes] = []
        self.link = SynthLink(config, lambda data, _to: self.sent.append(data), run_now)
        assert isinstance(self.link.jack, FakeJack)
        self.jack: FakeJack = self.link.jack
        self.now: float = 100.0

    def announce(self) -> None:
        args = ("amsynth", "", "amsynth", 1, 0, 4711)
        assert self.link.receive(packets.Message("/nsm/server/announce", args), SYNTH, self.now)

    def poll(self, seconds: float = 0.0) -> None:
        """Poll four times a second for so long, as the loop does at least."""
        for _ in range(int(seconds * 4) + 1):
            self.now += 0.25
            self.link.poll(self.now)

    def lose_the_synth(self) -> None:
        """It no longer answers, which shows when it is sent something."""
        assert self.link.osc is not None
        self.link.osc.send([Change(0, self.now % 1.0)], self.now)
        self.poll(1.0)


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The process of the synth at each address."""
    return in_place_of_real_ones(monkeypatch)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """`auto`, on a machine whose JACK is a fake and on which no amSynth runs."""
    monkeypatch.setattr(synth_link, "JackPort", FakeJack)
    monkeypatch.setattr(search, "running", lambda _port: [])
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return Config(output="auto", state=str(tmp_path / "state"))


@pytest.fixture
def rig(config: Config) -> Iterator[Rig]:
    found = Rig(config)
    yield found
    found.link.close()
    assert found.jack.closed


@pytest.mark.parametrize("output", ["auto", "osc", "jack"])
def test_notes_reach_the_synth_through_jack_whatever_plays(config: Config, output: OutputName) -> None:
    rig = Rig(config.model_copy(update={"output": output}))
    if output != "jack":
        rig.announce()
    rig.poll()
    rig.jack.connections = 7
    assert rig.link.notes_connection == 7
    assert rig.link.note(0x90, 60, 100)
    rig.jack.stalled = True
    assert rig.link.notes_connection is None, "what a stopped server gets would be played when it goes on"
    rig.jack.stalled = False
    rig.jack.connected = False
    assert rig.link.notes_connection is None
    rig.link.close()


def test_printed_notes_need_no_synth() -> None:
    link = SynthLink(Config(output="print"), lambda _data, _to: None, run_now)
    assert (link.notes_connection, link.notes_problem, link.channel) == (0, "", 1)
    link.close()


def test_auto_plays_midi_until_amsynth_answers_and_again_when_it_is_gone(rig: Rig) -> None:
    link = rig.link
    rig.poll()
    assert link.output.name == "jack"
    assert "NSM_URL=osc.udp://127.0.0.1:8000/" in link.why
    rig.announce()
    rig.poll()
    assert link.output.name == "osc"
    assert link.why == OutputChoice.ANSWERING.why
    assert rig.jack.released == 1, "two outputs must not both hold values"
    rig.lose_the_synth()
    assert link.output.name == "jack"
    assert link.why == OutputChoice.SILENT.why
    rig.announce()
    rig.poll()
    assert link.output.name == "osc"
    assert rig.jack.released == 2


def test_auto_keeps_amsynths_interface_while_midi_does_not_reach_it_either(rig: Rig) -> None:
    rig.announce()
    rig.poll()
    rig.jack.connected = False
    rig.lose_the_synth()
    assert rig.link.output.name == "osc"
    assert rig.link.why == OutputChoice.ABSENT.why


def test_a_synth_that_ends_while_nobody_plays_is_lost_at_once_and_found_again(
    rig: Rig, processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    link = rig.link
    rig.announce()
    rig.poll()
    assert link.choice.name == "ANSWERING"
    fds = link.filenos()
    assert len(fds) == 1
    processes.end(SYNTH.address)
    link.wake()
    link.poll(rig.now)
    assert link.choice.name == "ABSENT"
    assert link.output.name == "osc", "its MIDI port goes a moment later"
    facts: Any = link.facts()
    assert (facts["osc"]["connected"], facts["osc"]["problem"]) == (False, "amSynth has ended")
    assert caplog.text.count("amSynth at 127.0.0.1:20000 (pid 4711) has ended") == 1
    assert link.filenos() == []
    rig.jack.connected = False
    rig.poll(2.0)
    assert link.output.name == "osc"
    rig.announce()
    rig.poll()
    assert link.choice.name == "ANSWERING"
    facts = link.facts()
    assert (facts["osc"]["connected"], facts["osc"]["problem"]) == (True, "")
    assert caplog.text.count("amSynth started at 127.0.0.1:20000") == 2
    assert rig.jack.released == 1, "nothing was played through it"


def test_auto_plays_midi_if_the_next_synth_has_only_that(rig: Rig, processes: Processes) -> None:
    rig.announce()
    rig.poll()
    processes.end(SYNTH.address)
    rig.link.wake()
    rig.poll(2.0)
    assert rig.link.choice is OutputChoice.SILENT
    assert rig.link.output.name == "jack"


def test_auto_begins_with_a_synth_that_announced_itself_to_the_daemon_before(config: Config) -> None:
    remember(config.state_folder / f"amsynth-{config.address[1]}.json", SYNTH.address)
    rig = Rig(config)
    assert rig.link.output.name == "osc"
    assert rig.link.why == OutputChoice.REMEMBERED.why
    rig.poll(1.0)
    assert rig.link.output.name == "jack", "it did not answer"
    rig.link.close()


@pytest.mark.parametrize("output", ["auto", "osc"])
def test_what_amsynth_ignores_in_patches_goes_by_cc_while_its_own_interface_plays(
    config: Config, controllers: Path, caplog: pytest.LogCaptureFixture, output: OutputName
) -> None:
    """CC 7 is amSynth's volume without any controllers file; reverb_wet has no CC there."""
    volume, reverb = INDEX["master_vol"], INDEX["reverb_wet"]
    for name, cc in (("master_vol", 7), ("reverb_wet", None)):
        caplog.clear()
        controllers.with_name("config").write_text(f"ignored_parameters\t{name}\n", encoding="ascii")
        rig = Rig(config.model_copy(update={"output": output}))
        rig.announce()
        rig.poll()
        playing = rig.link.output
        assert playing.name == "osc"
        playing.send([Change(volume, 0.25), Change(reverb, 0.5)], rig.now)
        assert [change.parameter for change in rig.jack.sent] == [INDEX[name]]
        assert bool(playing.reachable[INDEX[name]]) == (cc is not None)
        facts: Any = rig.link.facts()
        assert facts["osc"]["ignored"] == {name: cc}
        assert sum("ignored_parameters" in message for message in caplog.messages) == 1
        rig.link.close()


def test_without_ignored_parameters_no_cc_is_sent_beside_amsynths_own_interface(rig: Rig) -> None:
    rig.announce()
    rig.poll()
    assert rig.link.output is rig.link.osc
    assert "ignored" not in str(rig.link.facts())


def test_an_output_that_is_configured_stays(config: Config) -> None:
    rig = Rig(config.model_copy(update={"output": "osc"}))
    rig.announce()
    rig.lose_the_synth()
    assert rig.link.output.name == "osc"
    assert rig.link.why == "as configured"
    assert rig.jack.released == 0
    rig.link.close()


def test_an_amsynth_that_nobody_can_hear_is_a_warning(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.jack.connected = False
    rig.announce()
    rig.poll(4.0)
    assert "MIDI port is not on this JACK server" not in caplog.text
    rig.poll(4.0)
    assert caplog.text.count("MIDI port is not on this JACK server") == 1


@pytest.mark.parametrize(("running", "connected", "announced"), [(0, 0, 1), (1, 1, 1), (1, 0, 0)])
def test_a_port_is_missing_only_where_a_server_runs_without_it_and_amsynth_answers(
    rig: Rig, running: int, connected: int, announced: int
) -> None:
    rig.jack.running, rig.jack.connected = bool(running), bool(connected)
    if announced:
        rig.announce()
    rig.poll()
    assert not rig.link.port_missing
    rig.jack.running, rig.jack.connected = True, False
    rig.announce()
    assert rig.link.port_missing


def test_jack_is_looked_at_when_it_wants_to_be_or_something_came(rig: Rig) -> None:
    rig.link.poll(100.0)
    assert rig.link.poll(100.125) == 100.25
    assert rig.jack.polled == 1
    rig.link.wake()
    rig.link.poll(100.125)
    assert rig.jack.polled == 2


def test_the_outputs_are_counted_together(rig: Rig) -> None:
    assert rig.link.counts() == {"reconnects": 2, "resent": 2}
    rig.announce()
    rig.announce()
    assert rig.link.counts() == {"reconnects": 3, "resent": 2}
    assert set(rig.link.facts()) == {"osc", "jack"}


def test_patterns_without_a_port_are_those_of_the_midi_output(rig: Rig) -> None:
    assert rig.link.patterns_without_port() == {}
    rig.jack.patterns_without_port = {"jack.sources": ["nano"]}
    assert rig.link.patterns_without_port() == {"jack.sources": ["nano"]}


def test_notes_go_out_through_the_output_that_carries_them(rig: Rig) -> None:
    rig.announce()
    rig.jack.connected = False
    assert not rig.link.carries_notes, "amSynth's own interface carries none"
    assert not rig.link.note(0x90, 60, 100)
    rig.jack.connected = True
    assert rig.link.carries_notes
    assert rig.link.note(0x90, 60, 100)
