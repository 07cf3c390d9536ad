"""The JACK port's process callback with hand-written ports in place of JACK's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

from hypothesis import strategies as st

from latentd.instrument.point import Change
from latentd.outputs.jack.cycle import ProcessCallback
from latentd.outputs.jack.memory import Fact
from latentd.outputs.jack.port import JackPort
from latentd.synth import amsynth, midimap

Event = tuple[int, bytes]
RATE = 48000
PATCHES = st.dictionaries(st.integers(0, amsynth.COUNT - 1), st.floats(0.0, 1.0))


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


def whole(value: float) -> dict[int, float]:
    return dict.fromkeys(range(amsynth.COUNT), value)
