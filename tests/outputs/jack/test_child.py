"""Who is connected to whom in JACK, with a hand-written server in place of JACK's: P7, P11."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from latentd.outputs.jack.child import LIST_EVERY, POLL_S, RESEND_AFTER_S, UNMATCHED, Connections, read_clock
from latentd.outputs.jack.memory import RECONNECTED, Fact, Memory
from latentd.outputs.jack.port import JackPort
from latentd.synth import midimap

SYNTH, KNOB = "amsynth:midi_in", "a2j:nano [1] (capture): knob"


class Port:
    def __init__(self, name: str, aliases: Sequence[str] = ()) -> None:
        self.name, self.aliases = name, list(aliases)


class Client:
    """A JACK client as its library shows it, and the server behind it: ports by direction, and links."""

    def __init__(self) -> None:
        self.midi_inports, self.midi_outports = [Port("latentd:midi_in")], [Port("latentd:midi_out")]
        self.inputs, self.outputs = ["latentd:midi_in"], ["latentd:midi_out"]
        self.aliases: dict[str, list[str]] = {}
        self.links: set[tuple[str, str]] = set()
        self.refusing: set[str] = set()
        self.listings = 0
        self.before_connect: Callable[[], object] = lambda: None

    def get_ports(self, *, is_midi: bool, is_input: bool = False, is_output: bool = False) -> list[Port]:
        assert is_midi
        assert is_input != is_output
        self.listings += 1
        return [Port(name, self.aliases.get(name, ())) for name in (self.inputs if is_input else self.outputs)]

    def get_all_connections(self, port: Port | str) -> list[Port]:
        name = port if isinstance(port, str) else port.name
        return [Port(b if a == name else a) for a, b in self.links if name in (a, b)]

    def connect(self, source: str, destination: str) -> None:
        assert source in self.outputs
        assert destination in self.inputs
        self.before_connect()
        if {source, destination} & self.refusing:
            raise RuntimeError("not active yet")
        self.links.add((source, destination))

    def go(self, name: str) -> None:
        """A port disappears, and its links with it."""
        self.inputs = [port for port in self.inputs if port != name]
        self.links = {link for link in self.links if name not in link}


class Rig:
    def __init__(self, memory: Memory, playback: str = SYNTH, *sources: str, keyboards: tuple[str, ...] = ()) -> None:
        self.client, self.memory, self.now = Client(), memory, 100.0
        self.callback = cast("Any", SimpleNamespace(listening=True))  # one attribute of it is used
        self.connections = Connections(self.client, self.callback, memory, playback, sources, keyboards)

    def look(self, times: int = 1) -> int:
        """Look as often as the main thread does; how often everything is to be written again."""
        before = self.memory.bytes[RECONNECTED]
        for _ in range(times):
            self.connections.poll(self.now)
            self.now += POLL_S
        return self.memory.bytes[RECONNECTED] - before

    @property
    def connected(self) -> bool:
        return bool(self.memory.facts[Fact.CONNECTED])


@pytest.fixture
def memory() -> Iterator[Memory]:
    port = JackPort(midimap.OURS)
    yield port._memory
    port.close()


@pytest.fixture
def rig(memory: Memory) -> Rig:
    return Rig(memory)


def test_p7_a_synth_that_appears_is_connected_and_told_everything_and_again_once_it_has_loaded(rig: Rig) -> None:
    assert rig.look(5) == 0
    assert not rig.connected
    rig.client.inputs.append(SYNTH)
    assert rig.look() == 1
    assert rig.client.links == {("latentd:midi_out", SYNTH)}
    assert rig.connected
    appeared = rig.now - POLL_S
    told = 0
    while rig.now < appeared + 2.0:
        told += rig.look()
        assert told == sum(appeared + after_s < rig.now - POLL_S for after_s in RESEND_AFTER_S)
    assert rig.look(50) == 0
    assert rig.memory.facts[Fact.CONNECTIONS] == 1


def test_p7_a_synth_that_comes_back_between_two_looks_is_new(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    rig.client.inputs.append(SYNTH)
    rig.look(20)
    rig.client.go(SYNTH)
    rig.client.inputs.append(SYNTH)
    assert rig.look() == 1
    assert rig.connected
    assert rig.memory.facts[Fact.CONNECTIONS] == 2
    assert capfd.readouterr().out == f"connected to {SYNTH}\n" * 2


def test_p11_a_synth_that_is_gone_is_not_connected_and_that_is_logged_once(
    rig: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    rig.client.inputs.append(SYNTH)
    rig.look()
    rig.client.go(SYNTH)
    rig.look(10)
    assert not rig.connected
    lines = f"connected to {SYNTH}\nno longer connected to {SYNTH}\n"
    assert lines == "".join(line for line in capfd.readouterr().out.splitlines(True) if UNMATCHED not in line)


def test_a_port_that_refuses_is_asked_again(rig: Rig) -> None:
    rig.client.inputs.append(SYNTH)
    rig.client.refusing = {SYNTH}
    assert rig.look(3) == 0
    assert not rig.connected
    rig.client.refusing.clear()
    assert rig.look() == 1
    assert rig.connected


@pytest.mark.parametrize("pattern", [SYNTH, r"amsynth(-\d+)?:midi_in"])
def test_the_synth_is_the_port_of_exactly_this_name_or_expression(memory: Memory, pattern: str) -> None:
    rig = Rig(memory, pattern)
    rig.client.inputs += ["amsynth:midi_in_2", "my amsynth:midi_in"]
    rig.look()
    assert rig.client.links == set()
    rig.client.inputs.append(SYNTH)
    rig.look()
    assert rig.client.links == {("latentd:midi_out", SYNTH)}


def test_a_port_whose_name_is_no_expression_of_itself_is_found(memory: Memory) -> None:
    rig = Rig(memory, SYNTH, KNOB)
    rig.client.outputs.append(KNOB)
    rig.look()
    assert rig.client.links == {(KNOB, "latentd:midi_in")}


@pytest.mark.parametrize("pattern", ["Arturia-KeyStep-32:midi/playback_1", ".*KeyStep.*"])
def test_a_port_is_found_by_its_alias_and_connected_by_its_name(memory: Memory, pattern: str) -> None:
    rig = Rig(memory, "synth alias", pattern)
    rig.client.inputs.append(SYNTH)
    rig.client.outputs += ["system:midi_capture_1", "system:midi_capture_2"]
    rig.client.aliases = {
        SYNTH: ["synth alias"],
        "system:midi_capture_2": ["alsa_pcm:hw/2", "Arturia-KeyStep-32:midi/playback_1"],
    }
    rig.look()
    assert rig.client.links == {("latentd:midi_out", SYNTH), ("system:midi_capture_2", "latentd:midi_in")}


def test_p11_patterns_that_match_no_port_are_reported_when_that_changes(
    memory: Memory, capfd: pytest.CaptureFixture[str]
) -> None:
    rig = Rig(memory, SYNTH, KNOB, "nano.*", keyboards=("keys:.*", KNOB))

    def reported() -> list[str]:
        rig.look(2 * LIST_EVERY)
        lines = capfd.readouterr().out.splitlines()
        return [line.removeprefix(UNMATCHED).strip() for line in lines if line.startswith(UNMATCHED)]

    assert reported() == ["0 1 2 3 4"]
    assert reported() == []
    rig.client.outputs.append(KNOB)
    assert reported() == ["0 2 3"]
    rig.client.inputs += [SYNTH, "nano:in"]
    assert reported() == ["2 3"], "what only receives is no source"
    rig.client.outputs += ["nano:out", "keys:out"]
    assert reported() == [""]
    rig.client.go(SYNTH)
    assert reported() == ["0"]


def test_sources_that_come_and_go_are_in_the_log(memory: Memory, capfd: pytest.CaptureFixture[str]) -> None:
    rig = Rig(memory, SYNTH, KNOB)
    rig.client.outputs.append(KNOB)
    rig.look(2 * LIST_EVERY)
    rig.client.outputs.remove(KNOB)
    rig.client.go(KNOB)
    rig.look(2 * LIST_EVERY)
    lines = [line for line in capfd.readouterr().out.splitlines() if "receiving" in line]
    assert lines == [f"receiving from {KNOB}", f"no longer receiving from {KNOB}"]


def test_p11_the_rate_and_the_period_are_those_of_the_server_now(memory: Memory) -> None:
    rates: list[int] = []
    callback = cast("Any", SimpleNamespace(use_rate=rates.append))
    for rate, period in ((48000, 1024), (44100, 256)):
        read_clock(SimpleNamespace(samplerate=rate, blocksize=period), callback, memory.facts)
        assert (memory.facts[Fact.RATE], memory.facts[Fact.PERIOD]) == (rate, period)
    assert rates == [48000, 44100], "the times of MIDI messages are counted in its frames"


def test_it_never_connects_to_itself(memory: Memory) -> None:
    rig = Rig(memory, ".*", ".*")
    rig.look(2 * LIST_EVERY)
    assert rig.client.links == set()


def test_controllers_are_connected_once_and_heard_before_their_first_message(memory: Memory) -> None:
    rig = Rig(memory, SYNTH, "a2j:.*")
    rig.client.inputs.append(SYNTH)
    rig.look(LIST_EVERY + 1)
    assert not rig.callback.listening
    rig.client.outputs.append(KNOB)
    heard: list[bool] = []
    rig.client.before_connect = lambda: heard.append(rig.callback.listening)
    rig.look(2 * LIST_EVERY)
    assert heard == [True]
    assert (KNOB, "latentd:midi_in") in rig.client.links
    assert rig.callback.listening


def test_what_someone_else_connects_is_heard_and_a_lonely_port_costs_nothing(rig: Rig) -> None:
    rig.look()
    assert not rig.callback.listening
    rig.client.outputs.append(KNOB)
    rig.client.links.add((KNOB, "latentd:midi_in"))
    rig.look()
    assert rig.callback.listening


def test_while_the_synth_is_connected_all_ports_are_listed_seldom_and_a_second_synth_is_found(memory: Memory) -> None:
    rig = Rig(memory, r"amsynth(-\d+)?:midi_in")
    rig.client.inputs.append(SYNTH)
    rig.look(LIST_EVERY)
    before = rig.client.listings
    rig.look(10 * LIST_EVERY)
    assert rig.client.listings - before == 10
    rig.client.inputs.append("amsynth-01:midi_in")
    assert rig.look(LIST_EVERY) >= 1
    assert rig.memory.facts[Fact.CONNECTIONS] == 2


# -- keyboards -------------------------------------------------------------------------------------

KEYS = "keys:out"
PLAYED = (KEYS, SYNTH)


@pytest.fixture
def stage(memory: Memory) -> Rig:
    """A synth, and keyboards that are to be connected to it."""
    rig = Rig(memory, keyboards=("keys.*", KNOB))
    rig.client.inputs.append(SYNTH)
    rig.look()
    return rig


def came(rig: Rig, name: str, *, synth: bool = False) -> None:
    """A port appears, and the library calls back."""
    (rig.client.inputs if synth else rig.client.outputs).append(name)
    rig.connections.on_port(Port(name), True)


def went(rig: Rig, name: str) -> None:
    rig.client.go(name)
    rig.client.outputs = [port for port in rig.client.outputs if port != name]
    rig.connections.on_port(Port(name), False)


@pytest.mark.parametrize("keys", [KEYS, KNOB])
def test_a_keyboard_is_connected_to_the_synth_at_the_next_look(stage: Rig, keys: str) -> None:
    came(stage, "another:out")
    came(stage, keys)
    stage.look()
    assert (keys, SYNTH) in stage.client.links
    assert not {link for link in stage.client.links if "another:out" in link}
    assert (keys, "latentd:midi_in") not in stage.client.links, "only `sources` are connected there"


def test_the_library_may_tell_of_a_port_after_it_is_connected(stage: Rig) -> None:
    """On a busy machine it is late; what someone cuts meanwhile stays cut."""
    stage.client.outputs.append(KEYS)
    stage.look(LIST_EVERY)
    assert PLAYED in stage.client.links
    stage.client.links.discard(PLAYED)
    stage.connections.on_port(Port(KEYS), True)
    stage.look(LIST_EVERY)
    assert PLAYED not in stage.client.links
    stage.connections.on_port(Port(KEYS), True)  # now it was gone for less than one look, and is there again
    stage.look()
    assert PLAYED in stage.client.links


def test_a_keyboard_that_is_there_before_the_synth_is_connected_when_it_comes(memory: Memory) -> None:
    rig = Rig(memory, keyboards=("keys.*",))
    rig.client.outputs.append(KEYS)
    rig.look(3)
    assert rig.client.links == set()
    came(rig, SYNTH, synth=True)
    rig.look()
    assert PLAYED in rig.client.links


@pytest.mark.parametrize("known", [True, False], ids=["the library calls back", "only our own connection shows it"])
def test_a_synth_that_comes_back_is_connected_again_though_nobody_looked_while_it_was_gone(
    stage: Rig, known: bool
) -> None:
    came(stage, KEYS)
    stage.look()
    stage.client.go(SYNTH)
    stage.client.inputs.append(SYNTH)
    if known:
        stage.connections.on_port(Port(SYNTH), True)
    stage.look(LIST_EVERY)
    assert PLAYED in stage.client.links


@pytest.mark.parametrize("looks", [0, 3 * LIST_EVERY])
def test_a_keyboard_that_comes_back_is_connected_again(stage: Rig, looks: int) -> None:
    came(stage, KEYS)
    stage.look()
    went(stage, KEYS)
    stage.look(looks)
    came(stage, KEYS)
    stage.look()
    assert PLAYED in stage.client.links


def test_a_keyboard_that_was_seen_to_be_gone_is_new_even_if_the_library_never_calls_back(stage: Rig) -> None:
    for _ in range(2):
        stage.client.outputs.append(KEYS)
        stage.look(LIST_EVERY)
        assert PLAYED in stage.client.links
        stage.client.go(KEYS)
        stage.client.outputs.remove(KEYS)
        stage.look(LIST_EVERY)


def test_a_keyboard_that_someone_disconnects_stays_so_until_one_of_the_two_comes_back(stage: Rig) -> None:
    came(stage, KEYS)
    stage.look()
    stage.client.links.remove(PLAYED)
    came(stage, "keys-2:out")
    stage.look(10 * LIST_EVERY)
    assert PLAYED not in stage.client.links
    assert ("keys-2:out", SYNTH) in stage.client.links
    went(stage, SYNTH)
    stage.look(LIST_EVERY)
    came(stage, SYNTH, synth=True)
    stage.look()
    assert PLAYED in stage.client.links


def test_what_someone_connected_by_hand_before_is_theirs(stage: Rig) -> None:
    stage.client.outputs.append(KEYS)
    stage.client.links |= {PLAYED, (KEYS, "other:in")}
    stage.look(LIST_EVERY)
    stage.client.links.remove(PLAYED)
    stage.look(3 * LIST_EVERY)
    assert {link for link in stage.client.links if KEYS in link} == {(KEYS, "other:in")}


def test_a_keyboard_that_refuses_is_asked_again(stage: Rig) -> None:
    stage.client.refusing = {KEYS}
    came(stage, KEYS)
    stage.look(2)
    assert PLAYED not in stage.client.links
    stage.client.refusing.clear()
    stage.look(LIST_EVERY)
    assert PLAYED in stage.client.links


def test_the_synth_is_never_its_own_keyboard(memory: Memory) -> None:
    rig = Rig(memory, keyboards=(".*",))
    rig.client.inputs.append(SYNTH)
    came(rig, "amsynth:midi_out")
    rig.look(2 * LIST_EVERY)
    assert rig.client.links == {("latentd:midi_out", SYNTH)}
