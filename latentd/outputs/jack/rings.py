"""The engine's ends of the two rings it shares with the JACK port: notes out, MIDI in."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Sequence

from latentd.outputs.jack.memory import (
    INCOMING_SIZE,
    NOTES_SIZE,
    PUSHED,
    TIME_MASK,
    Fact,
    Memory,
    lap,
    plus,
)
from latentd.outputs.notes import Notes, WaitingReleases, is_release

# One less than the ring, so that the low byte of the count distinguishes full from empty.
NOTES_ROOM = NOTES_SIZE - 1
MIDI_IN_ROOM = 4096
# An entry that is counted is visible within a microsecond; one that is not after so many looks counts as lost.
MAX_LOOKS = 1000


class NotesOut:
    """Channel messages to play, in order. Releases are never lost, whatever happens to the process."""

    def __init__(self, memory: Memory, ccs: Sequence[int | None]) -> None:
        self._memory = memory
        self._notes = Notes(ccs)
        self._pushed = 0
        self._waiting = WaitingReleases()  # that found no room
        self.lost = 0

    def play(self, status: int, data1: int, data2: int) -> bool:
        """Hand over one channel message; False for one that is not allowed (see `Notes`)."""
        if not self._notes.accept(status, data1, data2):
            return False
        if self._waiting or not self._push(status, data1, data2):
            self.lost += not self._waiting.add(status, data1, data2)
        return True

    @property
    def waits(self) -> bool:
        """True while releases wait for room."""
        return bool(self._waiting)

    def push_waiting(self) -> None:
        """Hand over the releases that found no room."""
        self._waiting.send(self._push)

    def drop_unplayed(self) -> None:
        """Between two processes: drop what is in the ring, except releases. A late note-on would be wrong."""
        memory = self._memory
        taken = memory.facts[Fact.NOTES_TAKEN]
        unplayed = [memory.notes[plus(taken, i) % NOTES_SIZE] for i in range(plus(self._pushed, -taken))]
        memory.facts[Fact.NOTES_TAKEN] = self._pushed
        for entry in unplayed:
            message = (entry >> 16 & 0xFF, entry >> 8 & 0xFF, entry & 0xFF)
            if is_release(*message):
                self._push(*message)
            else:
                self.lost += 1

    def release_all(self) -> None:
        """Release every held note and pedal."""
        for message in self._notes.releases():
            self.play(*message)
        self.push_waiting()

    @property
    def refused(self) -> int:
        """Messages that were not allowed."""
        return self._notes.refused

    def _push(self, status: int, data1: int, data2: int) -> bool:
        memory, number = self._memory, self._pushed
        if plus(number, -memory.facts[Fact.NOTES_TAKEN]) >= NOTES_ROOM:
            return False
        memory.notes[number % NOTES_SIZE] = lap(number, NOTES_SIZE) << 24 | status << 16 | data1 << 8 | data2
        self._pushed = plus(number)
        memory.bytes[PUSHED] = self._pushed & 0xFF
        return True


class MidiIn:
    """Messages received on `midi_in`, with their times; the oldest are dropped, and counted, if nobody takes them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._messages: deque[tuple[bytes, float]] = deque(maxlen=MIDI_IN_ROOM)
        self._looks = 0  # in vain, at the entry that is next
        self.lost = 0

    def take(self) -> list[tuple[bytes, float]]:
        """Messages since the last call, oldest first, with their time on the monotonic clock."""
        self._empty_ring()
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def drain(self) -> None:
        """Make room in the ring; the descriptor stays readable while a message waits to be taken."""
        self._empty_ring()
        if self._messages:
            os.eventfd_write(self.wake_fd, 1)

    def _empty_ring(self) -> None:
        """Empty it, so that the descriptor is readable only for what comes next."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wake_fd)
        memory = self._memory
        number = memory.facts[Fact.RECEIVED_TAKEN]
        waiting = plus(memory.facts[Fact.RECEIVED], -number)
        if waiting > INCOMING_SIZE:  # the ring went round
            self.lost += waiting - INCOMING_SIZE
            number = plus(number, waiting - INCOMING_SIZE)
        now_us = time.monotonic_ns() // 1000
        for _ in range(min(waiting, INCOMING_SIZE)):
            if not self._read(number, now_us):
                os.eventfd_write(self.wake_fd, 1)  # look again at once
                break
            number = plus(number)
        memory.facts[Fact.RECEIVED_TAKEN] = number

    def _read(self, number: int, now_us: int) -> bool:
        """Take one entry. False: it is counted already, but all of it is not visible yet."""
        at, wanted = 2 * (number % INCOMING_SIZE), lap(number, INCOMING_SIZE)
        first, second = self._memory.incoming[at], self._memory.incoming[at + 1]
        if first >> 24 == second >> 24 == wanted:
            self._looks = 0
            self._keep(first, second, now_us)
            return True
        older = (wanted, lap(plus(number, -INCOMING_SIZE), INCOMING_SIZE), 0)
        if first >> 24 in older and second >> 24 in older and self._looks < MAX_LOOKS:
            self._looks += 1
            return False
        self._looks = 0
        self.lost += 1  # overwritten while we read
        return True

    def _keep(self, first: int, second: int, now_us: int) -> None:
        if len(self._messages) == MIDI_IN_ROOM:
            self.lost += 1
        message = (first & 0xFFFFFF).to_bytes(3, "big")
        ago_us = (now_us - second) & TIME_MASK
        # A message later than `now_us` was received while we were reading.
        at_us = now_us - ago_us if ago_us <= TIME_MASK // 2 else now_us
        self._messages.append((message[: _length(message[0])], at_us * 1e-6))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.wake_fd)


def _length(status: int) -> int:
    """Bytes of a message of at most three."""
    if status < 0xF0:
        return 2 if status & 0xE0 == 0xC0 else 3
    return {0xF1: 2, 0xF2: 3, 0xF3: 2}.get(status, 1)
