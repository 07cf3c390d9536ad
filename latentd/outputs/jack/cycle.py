"""The JACK port's process callback: brings what is written to what is wanted, a few messages a period."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from latentd.instrument.rate_limit import Budget
from latentd.midi.messages import Splitter
from latentd.outputs.jack.memory import (
    CC_COUNT,
    DONE,
    INCOMING_SIZE,
    LINKED,
    NOT_DONE,
    NOTES_SIZE,
    ORDER,
    PUSHED,
    RELEASE,
    RESEND,
    STATE,
    UNSET,
    Fact,
    Memory,
    lap,
    plus,
)

# amSynth sorts a cycle's events with an unstable sort above 16 events at one offset (measured): stay below.
GROUP = 16
FRAMES_PER_GROUP = 128
# A client that misses its turn loses what came in with it, and JACK only says that some client did (an xrun; measured:
# with jackd at normal priority on a busy machine one walk in three left amSynth with a stale value). So what was
# written up to DOUBT_S before one is written once more, PATIENCE_S after it, and twice as long after each further one:
# a synth that hangs for seconds still gets it in the end. On a machine at its limits the word comes late (measured:
# more than 0.3 s), and PipeWire does not even tell its clients of the first one (read in its libjack; measured: of 53
# servers stopped and continued on a busy machine, 3 lost a whole patch without a word). So every value that stands is
# written again all the same, so long after each time, behind what is new. What was written again ENOUGH times counts
# as done.
PATIENCE_S = 0.05
DOUBLINGS = 4
DOUBT_S = 1.0
SURE_S = (0.25, 1.0)
ENOUGH = 5
# Controllers that end something, as a note-off does: sustain pedal, all sound off, all notes off.
SUSTAIN, SOUND_OFF, NOTES_OFF = 64, 120, 123
# What every cycle and message needs, without the price of an enumeration's attribute.
_CYCLES, _XRUNS, _EVENTS = int(Fact.CYCLES), int(Fact.XRUNS), int(Fact.EVENTS)


class ProcessCallback:
    """The process callback: compares wanted with written, and writes the difference.

    Runs in JACK's real-time thread: no waiting, no libjack beyond the port buffers, and no exception ever leaves it
    (one would end the callback for good). An idle cycle is one comparison of 132 bytes. `clock` is monotonic, in s.
    """

    def __init__(
        self,
        memory: Memory,
        midi_in: Any,
        midi_out: Any,
        rate: int,
        wake_fd: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Whether to look at `midi_in` at all: half the price of an idle cycle, so only while something is connected.
        self.listening = True
        self._memory = memory.bytes
        self._facts = memory.facts
        self._notes = memory.notes
        self._incoming = memory.incoming
        self._in = midi_in
        self._out = midi_out
        self._us_per_frame = 1e6 / rate
        self._wake_fd = wake_fd
        self._splitter = Splitter()
        self._clock = clock
        self._order = tuple(cc for cc in memory.bytes[ORDER] if cc < CC_COUNT)
        self._written = bytearray([UNSET]) * CC_COUNT
        self._when = [-math.inf] * CC_COUNT  # when each CC was written last
        self._repeats = bytearray(CC_COUNT)  # how often each value was written again
        self._again: dict[int, float] = {}  # CC -> when to write it once more
        self._next_again: float | None = None  # no later than the first of these, notes' ends included
        self._xruns = memory.facts[Fact.XRUNS]
        self._doubt_until = -math.inf  # until then an xrun may have lost something that is not written again yet
        self._counts = (-1, -1)  # RESEND and LINKED at the last look
        self._start = 0  # where in the order the next search begins
        self._done = b""
        self._budget = Budget(memory.facts[Fact.BUDGET])
        self._sounding: dict[tuple[int, int], bytes] = {}  # (channel, key or CC_COUNT + CC) -> message that ends it
        self._ended: dict[tuple[int, int], tuple[float, bytes]] = {}  # the same with the time at which it was written
        self._end_again: dict[tuple[int, int], float] = {}  # when to write that once more
        self._repeat: dict[tuple[int, int], bytes] = {}  # what of these is due

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
            self._doubt(self._clock())
        state = self._memory[STATE]
        if state != self._done or (self._next_again is not None and self._clock() >= self._next_again):
            facts[Fact.PERIOD] = frames
            self._write(state, frames, self._clock())

    def _doubt(self, now: float) -> None:
        """An xrun happened: nothing counts as done until what it may have lost is written again."""
        self._xruns = self._facts[_XRUNS]
        since = until = now - DOUBT_S
        for cc in self._order:
            if self._when[cc] >= since:
                at = now + PATIENCE_S * (1 << min(self._repeats[cc], DOUBLINGS))
                self._again[cc] = min(self._again.get(cc, at), at)
                self._call(at)
                until = max(until, at) if self._repeats[cc] < ENOUGH else until
        at = now + PATIENCE_S
        for key, (when, _end) in self._ended.items():
            if when >= since:
                self._end_again[key] = min(self._end_again.get(key, at), at)
                self._call(at)
                until = max(until, at)
        if until > now:
            self._doubt_until = until
            self._done = b""
            self._memory[DONE] = NOT_DONE

    def _call(self, at: float) -> None:
        """Look at `at` for what is to be written once more."""
        self._next_again = at if self._next_again is None else min(self._next_again, at)

    def _listen(self, frames: int) -> None:
        start_us = 0
        for offset, data in self._in.incoming_midi_events():
            start_us = start_us or time.monotonic_ns() // 1000
            us = start_us - int((frames - offset) * self._us_per_frame)
            for message in self._splitter.split(bytes(data)):
                self._hear(message, us)
        self._facts[Fact.MALFORMED] = self._splitter.malformed & 0xFFFFFFFF

    def _hear(self, message: bytes, us: int) -> None:
        """Hand one message over, with the time at which JACK heard it."""
        facts = self._facts
        number = facts[Fact.HEARD]
        head = bytes((lap(number, INCOMING_SIZE),)) + message.ljust(3, b"\0")
        self._incoming[number % INCOMING_SIZE] = int.from_bytes(head, "big") << 32 | (us & 0xFFFFFFFF)
        facts[Fact.HEARD] = plus(number)
        os.eventfd_write(self._wake_fd, 1)

    def _write(self, state: bytes, frames: int, now: float) -> None:
        """Write what differs: a group of values at offset 0, notes behind it, further groups 128 frames apart."""
        counts = (state[RESEND], state[LINKED])
        if counts != self._counts:
            self._counts = counts
            self._written[:] = bytes([UNSET]) * CC_COUNT
        groups = max(1, frames // FRAMES_PER_GROUP)
        limit = min(groups * GROUP, self._budget.available(now))
        due, all_due = self._due(state, limit)
        if self._next_again is not None and now >= self._next_again:
            all_due = self._add_doubtful(state, due, limit, now) and all_due
        self._write_values(state, due[:GROUP], 0, now)
        all_played = self._write_notes(state, min(frames, FRAMES_PER_GROUP, GROUP + 1), GROUP - len(due[:GROUP]), now)
        for n in range(1, groups):
            self._write_values(state, due[n * GROUP : (n + 1) * GROUP], n * FRAMES_PER_GROUP, now)
        if all_due and all_played and now >= self._doubt_until:
            self._done = state
            self._memory[DONE] = state

    def _add_doubtful(self, state: bytes, due: list[int], limit: int, now: float) -> bool:
        """Add the CCs that are to be written once more, as far as there is room; whether that was all of them."""
        self._done = b""  # a fault on the way must not end it
        again = self._again
        late = [cc for cc, at in again.items() if at <= now and cc not in due]
        for cc in [cc for cc in late if state[cc] >= CC_COUNT]:  # nobody wants a value of it any more
            late.remove(cc)
            del again[cc]
        room = limit - len(due)
        due += late[:room]
        for key in [key for key, at in self._end_again.items() if at <= now]:
            del self._end_again[key]
            self._repeat[key] = self._ended[key][1]
        # What is written below leaves the list, so the next cycle looks once more, and finds the right time.
        self._next_again = min((*again.values(), *self._end_again.values()), default=None)
        return len(late) <= room

    def _due(self, state: bytes, limit: int) -> tuple[list[int], bool]:
        """The CCs to write now, most audible first, and whether that is all of them.

        What does not fit goes first in the next cycle, so a stream of changes starves no parameter.
        """
        order, written, start = self._order, self._written, self._start
        due: list[int] = []
        for i, cc in enumerate(order[start:] + order[:start]):
            if state[cc] != written[cc] and state[cc] < CC_COUNT:
                if len(due) == limit:
                    self._start = (start + i) % len(order)
                    return due, False
                due.append(cc)
        self._start = 0
        return due, True

    def _write_values(self, state: bytes, ccs: Sequence[int], offset: int, now: float) -> None:
        # All that is written here makes every client behind us wait, and the first value with them.
        write, written, when, facts = self._out.write, self._written, self._when, self._facts
        repeats, again = self._repeats, self._again
        if ccs:
            self._call(now + SURE_S[0])
            self._budget.spend(len(ccs))
        for cc in ccs:
            value = state[cc]
            write(offset, bytes((0xB0, cc, value)))
            times = min(repeats[cc] + 1, 255) if written[cc] == value else 0
            if times < len(SURE_S):
                again[cc] = now + SURE_S[times]
            else:
                again.pop(cc, None)
            repeats[cc], written[cc], when[cc] = times, value, now
        facts[_EVENTS] = (facts[_EVENTS] + len(ccs)) & 0xFFFFFFFF

    def _write_notes(self, state: bytes, end: int, controllers: int, now: float) -> bool:
        """Write waiting notes at offsets 1..end-1, each at its own, and at most so many controllers among them.

        Returns:
            True when none is left.
        """
        facts = self._facts
        for offset in range(1, end):
            number = facts[Fact.NOTES_TAKEN]
            entry = self._notes[number % NOTES_SIZE]
            fresh = entry >> 24 == lap(number, NOTES_SIZE)
            ends = self._repeat or (self._sounding if state[RELEASE] else {})
            if not fresh and not ends:
                break
            key, message = (None, entry.to_bytes(4, "big")[1:]) if fresh else next(iter(ends.items()))
            controllers -= message[0] & 0xF0 == 0xB0
            if controllers < 0:
                break
            self._emit(offset, message)
            if key is None:
                self._remember(message, now)
                facts[Fact.NOTES_TAKEN] = plus(number)
            else:
                del ends[key]
        waiting = facts[Fact.NOTES_TAKEN] & 0xFF != state[PUSHED]
        return not waiting and not self._repeat and not (state[RELEASE] and self._sounding)

    def _emit(self, offset: int, message: bytes) -> None:
        self._out.write(offset, message[:2] if message[0] & 0xE0 == 0xC0 else message)
        self._budget.spend(1)
        self._facts[_EVENTS] = (self._facts[_EVENTS] + 1) & 0xFFFFFFFF

    def _remember(self, message: bytes, now: float) -> None:
        """Keep track of what would hang if we ended now, or if what ends a note got lost: keys and controllers."""
        status, data1, data2 = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind in (0x80, 0x90):
            key, end = (channel, data1), bytes((0x80 | channel, data1, 0))
            begins = kind == 0x90 and data2 > 0
        elif kind == 0xB0 and data1 in (SUSTAIN, SOUND_OFF, NOTES_OFF):
            key, end = (channel, CC_COUNT + data1), bytes((0xB0 | channel, data1, 0))
            begins = data1 == SUSTAIN and data2 >= 64
        else:
            return
        if begins:
            self._sounding[key] = end
            # Written once more, these would end what begins now.
            for begun in (key, (channel, CC_COUNT + SOUND_OFF), (channel, CC_COUNT + NOTES_OFF)):
                for forgotten in (self._ended, self._end_again, self._repeat):
                    forgotten.pop(begun, None)
        else:
            self._sounding.pop(key, None)
            self._ended[key] = now, end
            self._end_again[key] = now + SURE_S[0]
            self._call(now + SURE_S[0])
