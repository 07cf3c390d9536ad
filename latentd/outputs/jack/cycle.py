"""The JACK port's process callback: brings what is written to what is wanted, a few messages a period."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from latentd.instrument.rate_limit import Budget
from latentd.midi.messages import CC, Splitter
from latentd.outputs.jack.memory import (
    CC_COUNT,
    CLOSING,
    DONE,
    INCOMING_SIZE,
    NOT_DONE,
    NOTES_SIZE,
    ORDER,
    PUSHED,
    RECONNECTED,
    RESEND,
    STATE,
    Fact,
    Memory,
    lap,
    plus,
    received,
)
from latentd.outputs.jack.note_releases import NoteReleases
from latentd.outputs.jack.values import Values

# amSynth sorts a cycle's events with an unstable sort above 16 events at one offset (measured): stay below.
GROUP = 16
FRAMES_PER_GROUP = 128
# What every cycle and message needs, without the cost of an Enum's attribute (0.1 us on Python 3.11).
_CYCLES, _XRUNS, _EVENTS = int(Fact.CYCLES), int(Fact.XRUNS), int(Fact.EVENTS)
_NOTES_TAKEN = int(Fact.NOTES_TAKEN)
# A callback that is later than this has misread the server's clock.
_LATEST_S = 60
_TAILS = [bytes((value,)) for value in range(CC_COUNT)]


class ProcessCallback:
    """The process callback: compares wanted with written, and writes the difference.

    Runs in JACK's real-time thread: no waiting, no libjack beyond the port buffers, and no exception ever leaves it
    (one would end the callback for good). An idle cycle is one comparison of 132 bytes.

    Args:
        memory: shared with the engine.
        midi_in: JACK's port, or one like it.
        midi_out: see `child.MidiOut`.
        rate: frames a second.
        wake_fd: the engine's eventfd.
        client: JACK's, which knows when the server began this cycle: our thread may run late.
        clock: monotonic, in s.
    """

    def __init__(
        self,
        memory: Memory,
        midi_in: Any,
        midi_out: Any,
        rate: int,
        wake_fd: int,
        client: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Whether to read `midi_in` at all: half the cost of an idle cycle, so only while something is connected.
        self.listening = True
        self._memory = memory.bytes
        self._facts = memory.facts
        self._notes = memory.notes
        self._incoming = memory.incoming
        self._in = midi_in
        self._out = midi_out
        self.use_rate(rate)
        self._latest = rate * _LATEST_S
        self._client = client
        self._wake_fd = wake_fd
        self._splitter = Splitter()
        self._clock = clock
        self._values = Values([cc for cc in memory.bytes[ORDER] if cc < CC_COUNT])
        self._releases = NoteReleases()
        self._next_repeat: float | None = None  # nothing is to be written once more before this time
        self._xruns = memory.facts[Fact.XRUNS]
        self._doubt_until = -math.inf  # until then something that an xrun may have lost is not written again yet
        self._counts = (-1, -1)  # RESEND and RECONNECTED in the last cycle
        self._done = b""
        self._budget = Budget(memory.facts[Fact.BUDGET])
        status = CC | memory.facts[Fact.CHANNEL] - 1
        self._heads = [bytes((status, cc)) for cc in range(CC_COUNT)]

    def use_rate(self, rate: int) -> None:
        """The server's frames a second, from now on. From any thread: one attribute is stored."""
        self._us_per_frame = 1e6 / rate

    def __call__(self, frames: int) -> None:
        """One period of JACK's."""
        try:
            self._run(frames)
        except Exception:  # whatever it is: the next cycle must come
            self._facts[Fact.FAULTS] = plus(self._facts[Fact.FAULTS])

    def _run(self, frames: int) -> None:
        facts = self._facts
        facts[_CYCLES] = (facts[_CYCLES] + 1) & 0xFFFFFFFF
        self._out.begin(frames)
        if self.listening:
            self._listen(frames)
        if facts[_XRUNS] != self._xruns:
            self._on_xrun(self._clock())
        state = self._memory[STATE]
        if state != self._done or (self._next_repeat is not None and self._clock() >= self._next_repeat):
            try:
                self._write(state, frames, self._clock())
            finally:  # what was written before a fault is repeated, too
                self._plan()

    def _plan(self) -> None:
        values, releases = self._values.next_due, self._releases.next_due
        due = values if values < releases else releases
        self._next_repeat = None if due == math.inf else due

    def _on_xrun(self, now: float) -> None:
        """Nothing counts as done until what the xrun may have lost is written again."""
        self._xruns = self._facts[_XRUNS]
        until = max(self._values.xrun(now), self._releases.xrun(now))
        self._plan()
        if until > now:
            self._doubt_until = until
            self._done = b""
            self._memory[DONE] = NOT_DONE

    def _listen(self, frames: int) -> None:
        start_us = 0
        for offset, data in self._in.incoming_midi_events():
            start_us = start_us or self._cycle_start_us()
            us = start_us - int((frames - offset) * self._us_per_frame)
            for message in self._splitter.split(bytes(data)):
                self._hand_over(message, us)
            self._facts[Fact.MALFORMED] = self._splitter.malformed & 0xFFFFFFFF

    def _cycle_start_us(self) -> int:
        """When the server began this cycle; an event of it arrived in the one before, at the same frame."""
        since = self._client.frames_since_cycle_start  # wraps to a huge number if the server's clock is ahead
        return time.monotonic_ns() // 1000 - int((since if since < self._latest else 0) * self._us_per_frame)

    def _hand_over(self, message: bytes, us: int) -> None:
        """Hand one message to the engine, with the time at which JACK received it."""
        facts = self._facts
        number = facts[Fact.RECEIVED]
        at = 2 * (number % INCOMING_SIZE)
        self._incoming[at], self._incoming[at + 1] = received(number, message, us)
        facts[Fact.RECEIVED] = plus(number)
        os.eventfd_write(self._wake_fd, 1)

    def _write(self, state: bytes, frames: int, now: float) -> None:
        """Write what differs: a group of values at offset 0, notes behind it, further groups 128 frames apart."""
        counts = (state[RESEND], state[RECONNECTED])
        if counts != self._counts:
            self._counts = counts
            self._values.forget()
        groups = max(1, frames // FRAMES_PER_GROUP)
        limit = min(groups * GROUP, self._budget.available(now))
        ccs, all_written = self._values.changed(state, limit)
        if self._next_repeat is not None and now >= self._next_repeat:
            self._done = b""  # a fault on the way must not end it
            again = self._values.repeated(state, now, ccs)
            self._releases.collect(now)
            all_written = all_written and len(again) <= limit - len(ccs)
            ccs += again[: limit - len(ccs)]
        self._write_values(state, ccs[:GROUP], 0, now)
        all_played = self._write_notes(state, min(frames, FRAMES_PER_GROUP, GROUP + 1), GROUP - len(ccs[:GROUP]), now)
        for n in range(1, groups):
            self._write_values(state, ccs[n * GROUP : (n + 1) * GROUP], n * FRAMES_PER_GROUP, now)
        if all_written and all_played and now >= self._doubt_until:
            self._done = state
            self._memory[DONE] = state

    def _write_values(self, state: bytes, ccs: Sequence[int], offset: int, now: float) -> None:
        if not ccs:
            return
        # All that is written here makes every client behind us wait, and the first value with them.
        write, heads, count = self._out.write, self._heads, 0
        self._budget.spend(len(ccs))
        try:
            for cc in ccs:
                write(offset, heads[cc] + _TAILS[state[cc]])
                count += 1
        finally:
            self._values.wrote(ccs[:count], state, now)
        self._facts[_EVENTS] = (self._facts[_EVENTS] + count) & 0xFFFFFFFF

    def _write_notes(self, state: bytes, end: int, controllers: int, now: float) -> bool:
        """Write waiting notes at offsets 1..end-1, each at its own, and at most so many controllers among them.

        Returns:
            True when none is left.
        """
        facts, closing = self._facts, state[CLOSING]
        waiting, held = self._releases.waiting, self._releases.held
        for offset in range(1, end):
            number = facts[_NOTES_TAKEN]
            entry = self._notes[number % NOTES_SIZE]
            new = entry >> 24 == lap(number, NOTES_SIZE)
            releases = waiting or (held if closing else None)
            if not new and not releases:
                break
            if releases and not new:
                key, message = next(iter(releases.items()))
            else:
                key, message = None, entry.to_bytes(4, "big")[1:]
            controllers -= message[0] & 0xF0 == 0xB0
            if controllers < 0:
                break
            self._emit(offset, message)
            if key is None:
                self._releases.wrote(message, now)
                facts[_NOTES_TAKEN] = plus(number)
            elif releases:
                del releases[key]
        return facts[_NOTES_TAKEN] & 0xFF == state[PUSHED] and not waiting and not (closing and held)

    def _emit(self, offset: int, message: bytes) -> None:
        self._out.write(offset, message[:2] if message[0] & 0xE0 == 0xC0 else message)
        self._budget.spend(1)
        self._facts[_EVENTS] = (self._facts[_EVENTS] + 1) & 0xFFFFFFFF
