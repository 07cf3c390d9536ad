"""The JACK port's process callback, with hand-written ports in place of JACK's: limits (P2), order, faults, notes."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.outputs.jack.child import count
from latentd.outputs.jack.cycle import ProcessCallback
from latentd.outputs.jack.memory import CC_COUNT, CLOSING, DONE, INCOMING_SIZE, Fact
from latentd.outputs.jack.port import JackPort
from latentd.outputs.jack.rings import MIDI_IN_ROOM, NOTES_ROOM
from latentd.synth import amsynth, midimap

Event = tuple[int, bytes]
RATE = 48000


class OutPort:
    """Obeys JACK's rules for an output port: cleared in every cycle, events in order and inside the period."""

    def __init__(self) -> None:
        self.frames = 0
        self.cleared = False
        self.events: list[Event] = []
        self.fail = 0  # so many writes raise, as on a full buffer

    def begin(self, frames: int) -> None:
        assert frames == self.frames
        self.cleared = True
        self.events = []

    def write(self, offset: int, event: bytes) -> None:
        assert self.cleared
        if self.fail:
            self.fail -= 1
            raise RuntimeError("no room")
        assert 0 <= offset < self.frames
        assert not self.events or offset >= self.events[-1][0]
        self.events.append((offset, bytes(event)))


class InPort:
    """What came in during the last period."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def incoming_midi_events(self) -> Iterator[Event]:
        yield from self.events
        self.events = []


class Rig:
    """A JackPort without its process, and the callback working on the same memory."""

    def __init__(self, budget_per_s: float = 4000.0, channel: int = 1) -> None:
        self.port = JackPort(midimap.OURS, budget_per_s=budget_per_s, channel=channel)
        self.midi_in, self.midi_out = InPort(), OutPort()
        self.memory = self.port._memory
        self.memory.facts[Fact.CONNECTED] = 1
        self.now = 0.0
        self.client = SimpleNamespace(frames_since_cycle_start=0)
        self.cycle = self.new_cycle()
        self.held: dict[int, int] = {}  # what a synth at the other end holds: CC -> value

    def new_cycle(self) -> ProcessCallback:
        wake_fd = self.port._midi_in.wake_fd
        return ProcessCallback(
            self.memory, self.midi_in, self.midi_out, RATE, wake_fd, self.client, clock=lambda: self.now
        )

    def send(self, patch: dict[int, float]) -> None:
        self.port.send([Change(i, value) for i, value in patch.items()], 0.0)

    def run(self, frames: int = 64) -> list[Event]:
        """One period; what was written is checked against the limits."""
        self.now += frames / RATE
        self.midi_out.frames, self.midi_out.cleared = frames, False
        self.cycle(frames)
        assert self.midi_out.cleared
        check_limits(self.midi_out.events, frames)
        self.held |= {e[1]: e[2] for _, e in self.midi_out.events if e[0] == 0xB0}
        return self.midi_out.events

    def run_for(self, seconds: float) -> list[Event]:
        """Periods of 64 frames, one after the other."""
        return [event for _ in range(round(seconds * RATE / 64)) for event in self.run()]

    def run_until_done(self, frames: int = 64, cycles: int = 40) -> list[Event]:
        events: list[Event] = []
        for _ in range(cycles):
            events += self.run(frames)
            if self.port.settled():
                return events
        raise AssertionError("never done")


def check_limits(events: list[Event], frames: int) -> None:
    """P2: at most 16 CCs for 128 frames, no CC twice in a cycle, groups and notes at offsets of their own."""
    controllers = [(offset, e[:2]) for offset, e in events if e[0] & 0xF0 == 0xB0]
    values = [(offset, cc) for offset, (_, cc) in controllers if cc not in (64, 120, 123)]
    notes = [offset for offset, e in events if e[0] & 0xF0 != 0xB0 or e[1] in (64, 120, 123)]
    assert max(Counter(cc for _, cc in values).values(), default=0) <= 1
    assert max(Counter(offset // 128 for offset, _ in controllers).values(), default=0) <= 16
    assert all(offset % 128 == 0 for offset, _ in values)
    assert len(set(notes)) == len(notes)
    assert not {offset for offset, _ in values} & set(notes)
    assert all(0 <= offset < frames for offset, _ in events)


@pytest.mark.parametrize("channel", [1, 2, 16])
def test_every_controller_goes_out_on_the_configured_channel_and_so_do_its_repeats(channel: int) -> None:
    rig = Rig(channel=channel)
    rig.send(dict.fromkeys(range(amsynth.COUNT), 0.5))
    events = rig.run_until_done() + rig.run_for(1.5)
    assert len(events) == 3 * amsynth.COUNT
    assert {e[0] for _, e in events} == {0xB0 | channel - 1}
    assert rig.port.facts()["channel"] == channel


patches = st.dictionaries(st.integers(0, amsynth.COUNT - 1), st.floats(0.0, 1.0))
notes = st.lists(st.tuples(st.sampled_from([0x80, 0x90, 0xE3]), st.integers(0, 127), st.integers(0, 127)), max_size=30)
periods = st.sampled_from([16, 64, 128, 200, 256, 1024])


@settings(deadline=None)
@given(st.lists(st.tuples(patches, notes, periods), min_size=1, max_size=8))
def test_whatever_is_sent_the_limits_hold_and_the_newest_values_arrive(
    steps: list[tuple[dict[int, float], list[tuple[int, int, int]], int]],
) -> None:
    rig = Rig()
    wanted: dict[int, float] = {}
    played: list[bytes] = []
    expected: list[bytes] = []
    for patch, some_notes, frames in steps:
        rig.send(patch)
        wanted |= patch
        for note in some_notes:
            assert rig.port.note(*note)
            expected.append(bytes(note))
        played += [e for _, e in rig.run(frames) if e[0] != 0xB0]
    played += [e for _, e in rig.run_until_done() if e[0] != 0xB0]
    for parameter, value in wanted.items():
        assert rig.held[midimap.OURS.cc[parameter] or -1] == amsynth.nearest_cc(np.array(value))
    assert len(rig.held) == len(wanted)
    assert played == expected
    assert rig.memory.facts[Fact.FAULTS] == 0
    rig.port.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.port.close()


def whole(value: float) -> dict[int, float]:
    return dict.fromkeys(range(amsynth.COUNT), value)


def test_a_full_patch_takes_three_periods_of_64_frames_and_one_of_1024(rig: Rig) -> None:
    rig.send(whole(0.5))
    assert [len(rig.run(64)) for _ in range(4)] == [16, 16, 9, 0]
    rig.send(whole(0.6))
    assert [len(rig.run(1024)) for _ in range(2)] == [41, 0]


def test_a_lone_change_goes_out_in_the_next_period_and_only_once(rig: Rig) -> None:
    rig.send({11: 0.5})
    assert rig.run() == [(0, bytes((0xB0, 74, 64)))]
    rig.send({11: 0.5})
    assert rig.run() == []


def test_a_stream_of_changes_starves_no_parameter() -> None:
    rig = Rig(budget_per_s=1e6)
    seen: Counter[int] = Counter()
    for n in range(30):
        rig.send(whole(n % 2))
        seen.update(e[1] for _, e in rig.run())
    assert set(seen) == {cc for cc in midimap.OURS.cc if cc is not None}
    assert min(seen.values()) >= 30 * 16 // 41 - 1
    rig.port.close()


def test_pitch_and_timbre_go_before_times(rig: Rig) -> None:
    rig.send(whole(0.5))
    first = [e[1] for _, e in rig.run()]
    assert {midimap.OURS.cc[amsynth.INDEX[n]] for n in ("osc2_detune", "filter_cutoff", "filter_resonance")} <= {*first}
    assert midimap.OURS.cc[amsynth.INDEX["amp_attack"]] not in first


def test_resend_all_writes_what_was_ever_sent_and_nothing_else(rig: Rig) -> None:
    rig.send({11: 0.5, 9: 0.25})
    first = rig.run_until_done()
    rig.port.resend_all(0.0)
    assert sorted(rig.run_until_done()) == sorted(first)


def test_a_new_callback_writes_the_whole_state_again(rig: Rig) -> None:
    rig.send(whole(0.25))
    rig.run_until_done()
    rig.cycle = rig.new_cycle()
    rig.memory.bytes[DONE] = bytes(DONE.stop - DONE.start)
    assert len(rig.run_until_done()) == amsynth.COUNT


def test_a_fault_in_the_callback_is_counted_and_what_it_delayed_is_written_in_the_next_cycle(rig: Rig) -> None:
    rig.midi_out.fail = 3
    rig.send(whole(0.5))
    rig.port.note(0x90, 60, 100)
    rig.run_until_done()
    assert rig.memory.facts[Fact.FAULTS] == 3
    assert len(rig.held) == amsynth.COUNT


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.001, 1.001, -float("inf")])
def test_no_invalid_value_is_written(rig: Rig, value: float) -> None:
    rig.send({11: value})
    assert rig.run() == []
    assert rig.port.facts()["refused"] == 1


def test_a_note_comes_after_the_patch_of_its_period(rig: Rig) -> None:
    rig.send({11: 0.5})
    rig.port.note(0x90, 60, 100)
    assert [e[0] for _, e in rig.run()] == [0xB0, 0x90]


@pytest.mark.parametrize(
    "message",
    [
        (0xB0, 74, 1),
        (0xB0, 0, 1),
        (0xB0, 32, 1),
        (0xB0, 127, 0),
        (0xC0, 3, 0),
        (0xF0, 0, 0),
        (0x90, 128, 0),
        (60, 1, 1),
    ],
)
def test_messages_that_would_change_or_crash_the_synth_are_refused(rig: Rig, message: tuple[int, int, int]) -> None:
    assert not rig.port.note(*message)
    assert rig.run() == []


def test_a_stalled_server_loses_note_ons_but_no_note_off(rig: Rig) -> None:
    for _ in range(NOTES_ROOM):
        rig.port.note(0x90, 60, 100)
    rig.port.note(0x90, 61, 100)
    rig.port.note(0x80, 60, 0)
    assert rig.port.facts()["notes_lost"] == 1
    rig.run_until_done()
    rig.port._notes.push_waiting()
    assert [e for _, e in rig.run()] == [bytes((0x80, 60, 0))]


def test_between_two_processes_only_releases_survive(rig: Rig) -> None:
    rig.port.note(0x90, 60, 100)
    rig.run()
    for message in ((0x90, 61, 100), (0x80, 60, 0), (0xB0, 64, 0)):
        rig.port.note(*message)
    rig.port._notes.drop_unplayed()
    rig.cycle = rig.new_cycle()
    assert [e for _, e in rig.run()] == [bytes((0x80, 60, 0)), bytes((0xB0, 64, 0))]


def test_when_the_count_of_notes_wraps_no_old_note_plays_again(rig: Rig) -> None:
    rig.port._notes._pushed = rig.memory.facts[Fact.NOTES_TAKEN] = 2**32 - 300
    for number in range(600):
        message = (0x90, number % 128, 1 + number % 127)
        assert rig.port.note(*message)
        assert [e for _, e in rig.run()] == [bytes(message)]


def test_closing_releases_every_held_note_and_the_pedal(rig: Rig) -> None:
    for message in ((0x90, 60, 100), (0x91, 61, 100), (0x90, 62, 1), (0x90, 62, 0), (0xB0, 64, 127)):
        rig.port.note(*message)
    rig.run()
    rig.memory.bytes[CLOSING] = 1
    events = [e for _, e in rig.run_until_done()]
    assert sorted(events) == [bytes((0x80, 60, 0)), bytes((0x81, 61, 0)), bytes((0xB0, 64, 0))]


def test_incoming_midi_is_handed_over_with_the_time_of_its_arrival(rig: Rig) -> None:
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (32, b"\xd0\x05"), (63, b"\xf6")]
    rig.run()
    now = time.monotonic()
    received = rig.port.take_midi()
    assert [m for m, _ in received] == [b"\xb0\x10\x7f", b"\xd0\x05", b"\xf6"]
    assert received[1][1] - received[0][1] == pytest.approx(32 / 48000, abs=2e-6)
    assert now - 20.0 < received[0][1] < received[1][1] < now
    assert rig.port.take_midi() == []


def test_incoming_midi_is_timed_by_the_rate_that_the_server_has_now(rig: Rig) -> None:
    rig.cycle.use_rate(2 * RATE)
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (32, b"\xd0\x05")]
    rig.run()
    (_, first), (_, second) = rig.port.take_midi()
    assert second - first == pytest.approx(32 / (2 * RATE), abs=2e-6)


@pytest.mark.parametrize(
    ("since", "late_s"),
    [(0, 0.0), (48000, 1.0), (13392, 0.279), (0xFFFFFFFF, 0.0), (2**31, 0.0)],
    ids=["at once", "after a second", "after 279 ms", "the cycle is yet to come", "no such number"],
)
def test_p11_incoming_midi_arrived_at_its_frame_of_the_cycle_before_however_late_the_callback_runs(
    rig: Rig, since: int, late_s: float
) -> None:
    rig.client.frames_since_cycle_start = since
    rig.midi_in.events = [(0, b"\xb0\x10\x7f"), (63, b"\xb0\x10\x70")]
    before = time.monotonic()
    rig.run()
    after = time.monotonic()
    (_, first), (_, last) = rig.port.take_midi()
    for arrived, offset in ((first, 0), (last, 63)):
        ago_s = late_s + (64 - offset) / RATE
        assert before - ago_s - 3e-6 <= arrived <= after - ago_s + 3e-6


def test_incoming_midi_wakes_the_engine_until_it_is_taken(rig: Rig) -> None:
    fd = rig.port.filenos()[0]
    rig.midi_in.events = [(0, b"\x90\x3c\x40")] * 3
    rig.run()
    assert os.eventfd_read(fd) == 3
    rig.midi_in.events = [(0, b"\x90\x3c\x40")]
    rig.run()
    rig.port.take_midi()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(fd)


def test_of_system_exclusive_the_status_is_handed_over_and_nothing_is_lost(rig: Rig) -> None:
    rig.midi_in.events = [(0, bytes((0xF0, 1, 2, 3, 0xF7))), (1, b"\xb0\x01\x02")]
    rig.run()
    assert [m for m, _ in rig.port.take_midi()] == [b"\xf0", b"\xb0\x01\x02"]
    assert (rig.port.facts()["midi_lost"], rig.port.facts()["midi_malformed"]) == (0, 0)


def test_all_messages_of_one_event_are_handed_over(rig: Rig) -> None:
    """Csound writes what it plays in a period into one event."""
    rig.midi_in.events = [(5, bytes.fromhex("b00c27 b02c2e b00d5a b02d12")), (9, bytes.fromhex("903c40 3c00"))]
    rig.run()
    received = rig.port.take_midi()
    assert [m.hex() for m, _ in received] == ["b00c27", "b02c2e", "b00d5a", "b02d12", "903c40", "903c00"]
    assert len({at for _, at in received[:4]}) == 1


def test_clock_and_active_sensing_do_not_wake_the_engine(rig: Rig) -> None:
    rig.midi_in.events = [(n, bytes((status,))) for n, status in enumerate((0xF8, 0xFA, 0xFB, 0xFC, 0xFE))]
    rig.run()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(rig.port.filenos()[0])
    assert rig.port.take_midi() == []


def test_broken_bytes_are_counted_and_not_made_up_to_messages(rig: Rig) -> None:
    rig.midi_in.events = [(0, b"\xb0\x0c"), (1, b"\x40"), (2, b""), (3, b"\xb0\x0c\x40")]
    rig.run()
    assert [m for m, _ in rig.port.take_midi()] == [b"\xb0\x0c\x40"]
    assert (rig.port.facts()["midi_lost"], rig.port.facts()["midi_malformed"]) == (0, 2)


def test_a_flood_of_midi_loses_the_oldest_and_counts_them(rig: Rig) -> None:
    rig.midi_in.events = [(0, bytes((0xB0, n % 128, n // 128))) for n in range(INCOMING_SIZE + 100)]
    rig.run()
    received = rig.port.take_midi()
    assert len(received) == INCOMING_SIZE
    assert received[-1][0] == bytes((0xB0, (INCOMING_SIZE + 99) % 128, (INCOMING_SIZE + 99) // 128))
    assert rig.port.facts()["midi_lost"] == 100


def test_midi_that_nobody_takes_uses_constant_memory(rig: Rig) -> None:
    for _ in range(12):
        rig.midi_in.events = [(0, b"\xb0\x01\x02")] * INCOMING_SIZE
        rig.run()
        rig.port._midi_in.drain()
    assert len(rig.port.take_midi()) == MIDI_IN_ROOM
    assert rig.port.facts()["midi_lost"] == 12 * INCOMING_SIZE - MIDI_IN_ROOM


def test_parameters_without_a_cc_are_left_out() -> None:
    port = JackPort(midimap.BUILT_IN)
    assert port.reachable.sum() == 2
    port.send([Change(i, 0.5) for i in range(amsynth.COUNT)], 0.0)
    assert sum(v < CC_COUNT for v in port._memory.bytes[:CC_COUNT]) == 2
    port.close()


def test_a_value_is_written_twice_more_and_then_never_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    first = sorted(event for _, event in rig.run_until_done())
    for silence_s in (0.2, 0.85):
        assert rig.run_for(silence_s) == []
        rig.held.clear()  # the synth missed it, and nothing reported that
        again = rig.run_for(0.15)
        assert sorted(event for _, event in again) == first
        assert len(rig.held) == amsynth.COUNT
        assert rig.port.settled()
    assert rig.run_for(5.0) == []


def test_while_a_value_moves_only_the_others_are_written_again(rig: Rig) -> None:
    moving, standing = (midimap.OURS.cc[i] for i in (2, 11))
    rig.send({2: 0.0, 11: 0.5})
    written: Counter[int] = Counter()
    for n in range(200):
        rig.send({2: (n % 100) / 127})
        written.update(event[1] for _, event in rig.run_for(0.01))
    assert written == {moving: 200, standing: 3}


def test_new_values_go_before_those_that_are_written_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.run_for(0.245)
    rig.now += 0.1  # all of them are due
    rig.send(dict.fromkeys(range(20), 0.75))
    fresh = [event for _ in range(2) for _, event in rig.run()]
    assert [event[2] for event in fresh[:20]] == [95] * 20
    rig.run_for(1.0)
    assert Counter(rig.held.values()) == {95: 20, 64: 21}


def test_a_fault_while_values_are_written_again_loses_none(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.port.note(0x90, 60, 100)
    rig.port.note(0x80, 60, 0)
    rig.run_until_done()
    rig.held.clear()
    rig.midi_out.fail = 5
    again = rig.run_for(0.5)
    assert len(rig.held) == amsynth.COUNT
    assert (1, bytes((0x80, 60, 0))) in again


def test_after_another_output_took_over_nothing_is_written_again(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.port.release()
    assert rig.run_for(1.0) == []


def test_what_an_xrun_may_have_lost_is_written_again_soon_and_only_that(rig: Rig) -> None:
    early, late = 2, 11
    rig.send({early: 0.25})
    rig.run_until_done()
    rig.run_for(2.5)  # no longer in doubt
    rig.send({late: 0.5})
    rig.run()
    rig.held.clear()  # amSynth missed this cycle
    rig.memory.facts[Fact.XRUNS] += 1
    rig.run()
    assert not rig.port.settled()
    rig.run_until_done()
    assert set(rig.held) == {midimap.OURS.cc[late]}


def test_an_xrun_at_rest_casts_no_doubt(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    rig.run_for(2.5)
    rig.memory.facts[Fact.XRUNS] += 1
    assert rig.run_for(1.0) == []
    assert rig.port.settled()


def test_in_a_storm_of_xruns_values_are_repeated_less_and_less_often_and_count_as_done_in_the_end(rig: Rig) -> None:
    rig.send(whole(0.5))
    rig.run_until_done()
    per_second = []
    for _ in range(6):
        events = 0
        for _ in range(750):  # one second
            count(rig.memory.facts, Fact.XRUNS)
            events += len(rig.run())
        per_second.append(events / amsynth.COUNT)
    assert per_second[0] <= 5
    assert all(0 < n <= 2 for n in per_second[1:])
    assert rig.port.settled()
    rig.send({11: 0.75})
    assert (0, bytes((0xB0, 74, 95))) in rig.run()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()


@pytest.mark.parametrize("stalled_s", [0.1, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_a_synth_that_hangs_for_however_long_gets_the_whole_patch(rig: Rig, stalled_s: float) -> None:
    rig.send(whole(0.5))
    for _ in range(round(stalled_s * RATE / 64)):
        count(rig.memory.facts, Fact.XRUNS)
        rig.run()
    rig.held.clear()  # the synth received nothing of it
    rig.run_for(3.0)
    assert len(rig.held) == amsynth.COUNT
    assert rig.port.settled()


@settings(deadline=None, max_examples=30)
@given(st.integers(10, 500), st.lists(st.tuples(patches, st.floats(0.0, 0.3), st.booleans()), min_size=1, max_size=12))
def test_p2_the_budget_holds_with_all_that_is_written_again(
    per_s: int, steps: list[tuple[dict[int, float], float, bool]]
) -> None:
    rig = Rig(per_s)
    times: list[float] = []
    wanted: dict[int, float] = {}
    for patch, seconds, xrun in [*steps, ({}, 3.0, True)]:
        rig.send(patch)
        wanted |= patch
        rig.memory.facts[Fact.XRUNS] += xrun
        for _ in range(round(seconds * RATE / 256) + 1):
            times += [rig.now] * len(rig.run(256))
    counts = np.searchsorted(times, np.array(times) + 1.0 - 1e-6) - np.arange(len(times))
    assert counts.max(initial=0) <= per_s
    rig.run_for(10.0)
    for parameter, value in wanted.items():
        assert rig.held[midimap.OURS.cc[parameter] or -1] == amsynth.nearest_cc(np.array(value))
    rig.port.close()


def test_a_panic_in_the_middle_of_a_patch_keeps_to_the_limits_and_is_repeated(rig: Rig) -> None:
    panic = [(0xB0 | channel, cc, 0) for channel in range(16) for cc in (64, 123, 120)]
    rig.send(whole(0.5))
    for message in panic:
        assert rig.port.note(*message)
    written = Counter(event for _, event in rig.run_until_done())
    assert all(written[bytes(message)] == 1 for message in panic)
    rig.port.note(0x90, 60, 100)  # nothing that is repeated may end this
    again = Counter(event for _, event in rig.run_for(3.0))
    assert all(again[bytes(message)] == (message[0] != 0xB0 or message[1] == 64) for message in panic)


def test_a_note_off_that_an_xrun_may_have_lost_is_written_again_unless_the_key_is_down_again(rig: Rig) -> None:
    for message in ((0x90, 60, 9), (0x90, 61, 9), (0x90, 62, 9), (0x80, 60, 0), (0x90, 61, 0), (0x90, 61, 9)):
        rig.port.note(*message)
    rig.run_until_done()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()
    events = [e for _ in range(60) for _, e in rig.run()]
    assert events == [bytes((0x80, 60, 0))]
    assert rig.port.settled()


def test_a_note_off_is_written_once_more_unless_the_key_is_down_again(rig: Rig) -> None:
    for message in ((0x90, 60, 9), (0x90, 61, 9), (0x80, 60, 0), (0x90, 61, 0), (0x90, 61, 9)):
        rig.port.note(*message)
    rig.run_until_done()
    assert [event for _, event in rig.run_for(2.0)] == [bytes((0x80, 60, 0))]


def test_a_fault_does_not_lose_a_release_that_is_written_again(rig: Rig) -> None:
    rig.port.note(0x80, 60, 0)
    rig.run_until_done()
    rig.run_for(0.245)
    rig.midi_out.fail = 1
    rig.now += 0.1
    rig.run()
    assert rig.memory.facts[Fact.FAULTS] == 1
    assert rig.run() == [(1, bytes((0x80, 60, 0)))]


def test_after_an_xrun_a_small_budget_is_kept_and_the_patch_is_done_once_all_of_it_is_written_again() -> None:
    rig = Rig(budget_per_s=400)
    rig.send(whole(0.5))
    rig.run_for(0.5)
    rig.held.clear()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    rig.run_until_done(cycles=2000)
    assert len(rig.held) == amsynth.COUNT
    rig.port.close()


def test_after_a_stall_what_is_due_keeps_to_the_budget() -> None:
    rig = Rig(budget_per_s=100)
    rig.send(whole(0.5))
    rig.run_for(1.0)
    rig.now += 5.0
    assert len(rig.run(1024)) == 10
    rig.port.close()


def test_what_counts_as_done_is_still_written_again_after_an_xrun(rig: Rig) -> None:
    rig.send({11: 0.5})
    rig.run_until_done()
    for _ in range(10_000):
        if rig.memory.facts[Fact.EVENTS] == 7:
            break
        count(rig.memory.facts, Fact.XRUNS)
        rig.run()
    assert rig.run_for(0.5) == []
    count(rig.memory.facts, Fact.XRUNS)
    assert rig.run() == []
    assert rig.port.settled()
    assert len(rig.run_for(1.0)) == 1


def test_more_notes_than_fit_into_a_period_are_released_before_it_is_done(rig: Rig) -> None:
    keys = range(40, 60)
    for key in keys:
        rig.port.note(0x90, key, 100)
    rig.run_until_done()
    rig.memory.bytes[CLOSING] = 1
    assert [event for _, event in rig.run_until_done()] == [bytes((0x80, key, 0)) for key in keys]


def test_more_note_offs_than_fit_into_a_period_are_written_again_before_it_is_done(rig: Rig) -> None:
    for key in range(40, 60):
        rig.port.note(0x80, key, 0)
    rig.run_until_done()
    count(rig.memory.facts, Fact.XRUNS)
    rig.run()
    assert not rig.port.settled()
    assert len(rig.run_until_done(cycles=200)) == 20


def test_between_two_children_what_is_dropped_is_counted_and_nothing_old_is_played(rig: Rig) -> None:
    for _ in range(3):
        rig.port.note(0x90, 50, 100)
        rig.run()
    rig.port.note(0x90, 61, 100)
    rig.port.note(0x80, 60, 0)
    rig.port._notes.drop_unplayed()
    assert rig.port.facts()["notes_lost"] == 1
    rig.cycle = rig.new_cycle()
    assert [e for _ in range(3) for _, e in rig.run()] == [bytes((0x80, 60, 0))]
    rig.port._notes.drop_unplayed()
    assert rig.port.facts()["notes_lost"] == 1


@pytest.mark.parametrize("before", [0, 2**32 - 3])
def test_what_is_written_is_counted_and_the_count_wraps(rig: Rig, before: int) -> None:
    rig.memory.facts[Fact.EVENTS] = before
    rig.send({2: 0.25, 11: 0.5})
    rig.port.note(0x90, 60, 100)
    rig.port.note(0xE0, 2, 5)
    written = len(rig.run_until_done())
    assert written == 4
    assert rig.memory.facts[Fact.EVENTS] == (before + written) % 2**32
    assert rig.memory.facts[Fact.FAULTS] == 0
