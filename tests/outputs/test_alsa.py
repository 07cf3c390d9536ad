"""The `alsa` output, on hand-written ports: see `support/sequencer.py`.

Only the message for a machine without a sequencer is tested on the real library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.errors import LatentdError, UserError
from latentd.inputs.alsa import AlsaIn
from latentd.instrument.point import Change
from latentd.outputs.alsa import AlsaOut
from latentd.synth import amsynth, midimap
from latentd.system import alsa
from tests.support.sequencer import SYNTH, THROUGH, Sequencer


def whole(value: float) -> list[Change]:
    return [Change(i, value) for i in range(amsynth.COUNT)]


def test_a_machine_without_a_sequencer_gets_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(alsa, "SEQUENCER", tmp_path / "seq")
    with pytest.raises(LatentdError, match=r"no ALSA sequencer on this machine.*modprobe snd-seq") as caught:
        AlsaOut("amsynth", midimap.OURS)
    assert "\n" not in str(caught.value)
    with pytest.raises(LatentdError, match="no ALSA sequencer on this machine"):
        AlsaIn(["nano"])


@pytest.mark.parametrize("channel", [1, 2, 16])
def test_every_controller_goes_out_on_the_configured_channel(channel: int) -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open, channel)
    output.poll(0.0)
    output.send(whole(0.5), 0.0)
    output.resend_all(1.0)
    sent = sequencer.out().sent
    assert len(sent) == 2 * amsynth.COUNT
    assert {message[0] for message in sent} == {0xB0 | channel - 1}
    assert output.facts()["channel"] == channel
    output.close()


@pytest.mark.parametrize("name", ["", "  ", "am(synth"])
def test_a_blank_or_invalid_name_is_the_users_mistake(name: str) -> None:
    with pytest.raises(UserError):
        AlsaOut(name, midimap.OURS, Sequencer().open)


@pytest.mark.parametrize("name", ["amsynth", "AMSYNTH:midi in", "^am.*128:0$", SYNTH])
def test_the_port_is_found_by_a_part_of_its_name_or_an_expression(name: str) -> None:
    sequencer = Sequencer(THROUGH, SYNTH)
    output = AlsaOut(name, midimap.OURS, sequencer.open)
    output.poll(0.0)
    assert sequencer.out().port == SYNTH


def test_port_1_is_not_port_10() -> None:
    sequencer = Sequencer("rig:Port 10 20:9", "rig:Port 11 20:10")
    output, midi_in = AlsaOut("Port 1", midimap.OURS, sequencer.open), AlsaIn(["Port 1", "port 11"], sequencer.open)
    output.poll(0.0)
    midi_in.poll(0.0)
    assert not output.facts()["connected"]
    assert "no ALSA port matches 'Port 1'" in str(output.facts()["problem"])
    assert output.patterns_without_port == {"alsa.out": ["Port 1"]}
    assert midi_in.facts()["ports"] == ["rig:Port 11 20:10"]
    assert midi_in.patterns_without_port == {"alsa.inputs": ["Port 1"]}
    sequencer.names.append("rig:Port 1 20:0")
    output.poll(1.0)
    midi_in.poll(1.0)
    assert output.facts()["port"] == "rig:Port 1 20:0"
    assert output.patterns_without_port == midi_in.patterns_without_port == {}
    sequencer.names.remove("rig:Port 1 20:0")
    output.poll(2.0)
    midi_in.poll(2.0)
    assert output.patterns_without_port == {"alsa.out": ["Port 1"]}
    assert midi_in.patterns_without_port == {"alsa.inputs": ["Port 1"]}
    output.close()
    midi_in.close()


def test_names_with_brackets_are_found_as_they_are() -> None:
    sequencer = Sequencer("nanoPAD2 (1) 20:0")
    output = AlsaOut("nanoPAD2 (1)", midimap.OURS, sequencer.open)
    output.poll(0.0)
    assert output.facts()["connected"]


patches = st.dictionaries(st.integers(0, amsynth.COUNT - 1), st.floats(0.0, 1.0))


@settings(deadline=None)
@given(st.lists(patches, max_size=10))
def test_only_what_differs_is_sent_and_the_newest_values_arrive(steps: list[dict[int, float]]) -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    held: dict[int, int] = {}
    for patch in steps:
        sent = sequencer.out().sent
        sent.clear()
        output.send([Change(i, value) for i, value in patch.items()], 0.0)
        assert all(held.get(m[1]) != m[2] for m in sent)
        held |= {m[1]: m[2] for m in sent}
        assert output.settled()
    newest = {i: v for patch in steps for i, v in patch.items()}
    for parameter, value in newest.items():
        assert held[midimap.OURS.cc[parameter] or -1] == amsynth.nearest_cc(np.array(value))


def test_a_port_that_appears_later_gets_everything_then() -> None:
    sequencer = Sequencer(THROUGH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    output.send(whole(0.5), 0.0)
    assert not output.settled()
    assert THROUGH in str(output.facts()["problem"])
    assert (output.facts()["connections"], output.facts()["resent"]) == (0, 0)
    sequencer.names.append(SYNTH)
    again = output.poll(0.1)
    assert again == alsa.LOOK_S
    output.poll(again)
    assert len(sequencer.out().sent) == amsynth.COUNT
    assert output.settled()


def test_a_port_that_comes_back_gets_everything_again_within_a_second() -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    output.send(whole(0.5), 0.0)
    sequencer.names.remove(SYNTH)
    output.poll(1.0)
    assert not output.settled()
    output.send(whole(0.6), 1.1)
    sequencer.names.append(SYNTH)
    sequencer.out().sent.clear()
    output.poll(1.0 + alsa.LOOK_S)
    assert {m[2] for m in sequencer.out().sent} == {76}
    assert len(sequencer.out().sent) == amsynth.COUNT
    assert (output.facts()["connections"], output.facts()["resent"]) == (2, 1)


@pytest.mark.parametrize("failure", [OSError("gone"), alsa.ERRORS[0]("gone")])
def test_a_write_that_fails_is_counted_and_everything_sent_after_the_reconnect(failure: Exception) -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    sequencer.failure = failure
    output.send(whole(0.5), 0.0)
    assert output.facts()["failed"] == 1
    output.poll(1.0)
    assert output.settled()
    assert len(sequencer.out().sent) == amsynth.COUNT


def test_a_list_of_ports_that_fails_is_read_again() -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    sequencer.failure = OSError("busy")
    output.poll(0.0)
    assert output.facts()["problem"] == "busy"
    output.poll(1.0)
    assert output.facts()["connected"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_values_beyond_0_to_1_are_refused(value: float) -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    output.send([Change(11, value)], 0.0)
    assert sequencer.out().sent == []
    assert output.facts()["refused"] == 1


def test_closing_ends_held_notes_and_the_pedal() -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    for message in ((0x90, 60, 1), (0x91, 61, 1), (0x90, 62, 1), (0x80, 62, 0), (0xB0, 64, 127)):
        assert output.note(*message)
    assert not output.note(0xB0, 74, 1)
    sequencer.out().sent.clear()
    output.close()
    assert sequencer.out().sent == [bytes((0xB0, 64, 0)), bytes((0x80, 60, 0)), bytes((0x81, 61, 0))]
    assert sequencer.out().deleted


def test_each_kind_of_message_has_its_own_length() -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    for message in ((0x91, 60, 1), (0xA1, 60, 2), (0xB1, 2, 3), (0xD1, 4, 0), (0xE1, 5, 6)):
        assert output.note(*message)
    assert sequencer.out().sent == [b"\x91\x3c\x01", b"\xa1\x3c\x02", b"\xb1\x02\x03", b"\xd1\x04", b"\xe1\x05\x06"]
    assert output.facts()["sent"] == 5


def test_p11_a_note_that_reaches_nobody_says_so() -> None:
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    assert not output.note(0x90, 60, 1)
    output.poll(0.0)
    sequencer.failure = OSError("gone")
    assert not output.note(0x90, 60, 1)
    output.poll(1.0)
    assert output.note(0x90, 60, 1)


def test_p11_a_port_is_lost_once_and_what_was_sent_again_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    sequencer = Sequencer()
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    sequencer.failure = OSError("busy")
    output.poll(0.0)
    assert caplog.messages == []  # nothing was there to be lost
    sequencer.names.append(SYNTH)
    output.poll(1.0)
    output.send(whole(0.5), 1.0)
    assert output.facts()["resent"] == 0
    sequencer.names.clear()
    for now in (2.0, 3.0, 4.0):
        output.poll(now)
    assert sum(SYNTH in message and "lost" in message for message in caplog.messages) == 1
    sequencer.names.append(SYNTH)
    output.poll(5.0)
    output.resend_all(5.1)
    assert (output.facts()["resent"], output.facts()["problem"]) == (2, "")
    assert list(output.filenos()) == []


def test_the_list_of_ports_is_looked_at_no_more_often_than_it_has_to() -> None:
    sequencer = Sequencer()
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    assert output.poll(10.0) == 10.0 + alsa.LOOK_S
    sequencer.names.append(SYNTH)
    assert output.poll(10.0 + alsa.LOOK_S - 0.01) == 10.0 + alsa.LOOK_S
    assert not output.facts()["connected"]
    assert output.poll(10.0 + alsa.LOOK_S) == 10.0 + 2 * alsa.LOOK_S
    assert output.facts()["connected"]


def test_notes_know_whether_and_how_often_a_port_was_connected() -> None:
    sequencer = Sequencer()
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    assert (output.connected, output.connections) == (False, 0)
    for times in (1, 2):
        sequencer.names.append(SYNTH)
        output.poll(times * 10.0)
        assert (output.connected, output.connections) == (True, times)
        sequencer.names.remove(SYNTH)
        output.poll(times * 10.0 + 5.0)
        assert not output.connected


def test_p9_a_release_that_reaches_nobody_is_sent_as_soon_as_the_port_is_back() -> None:
    """What hangs there is a note of hardware whose cable was pulled."""
    sequencer = Sequencer(SYNTH)
    output = AlsaOut("amsynth", midimap.OURS, sequencer.open)
    output.poll(0.0)
    for message in ((0x90, 60, 1), (0x90, 62, 1), (0xB0, 64, 127)):
        assert output.note(*message)
    sequencer.failure = OSError("gone")
    assert not output.note(0x80, 60, 0)
    assert not output.note(0xB0, 64, 0)
    assert not output.note(0x90, 64, 1)
    sequencer.out().sent.clear()
    for _ in range(2):
        output.poll(10.0)
        assert sequencer.out().sent == [bytes((0x80, 60, 0)), bytes((0xB0, 64, 0))]
    output.close()


def test_p12_releases_that_reach_nobody_need_constant_memory() -> None:
    output = AlsaOut("amsynth", midimap.OURS, Sequencer().open)
    for n in range(1000):
        output.note(0x80, 60, n % 128)
    assert len(output._waiting) == 1
    output.close()
