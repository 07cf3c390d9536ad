"""The memory that the engine and its JACK port share: what is where, and which side writes it.

Every field has one writer (while no child runs, the engine resets what is the child's) and is a byte or a word of 32
bits, stored in one instruction: no locks, and nothing depends on the order in which two fields become visible, which an
ARM processor does not keep. Both sides may die and come back at any time.

    offset        size       writer   what
    WANTED        128        engine   wanted value of each CC, 0..127; UNSET where we want none
    RESEND        1          engine   counted up: write every wanted value again
    PUSHED        1          engine   low byte of the number of notes pushed
    RECONNECTED   1          child    counted up after each new connection: the same as RESEND, from the child's side
    CLOSING       1          child    1: release all held notes, the port is about to close
    DONE          132        child    copy of the four above that has been written out completely
    ORDER         128        engine   the CCs we may write, most audible first, then UNSET; fixed from the start
    FACTS         16 x u32   both     see `Fact`
    NOTES         256 x u32  engine   ring of messages to play: lap, status, data 1, data 2
    INCOMING      512 x u32  child    ring of messages received: lap, status, data 1, data 2; each followed by
                  512 x u32           lap, microseconds modulo 2^24 (17 s)

A ring's writer never asks the reader whether there is something; each word says in its lap byte (1..254, from the
entry's running number) whether it is the one that the reader waits for. A count that is visible before its entry, or an
entry of which one word is, has the reader wait for the rest.
"""

from __future__ import annotations

import mmap
from enum import IntEnum

CC_COUNT = 128
UNSET = 255
WANTED = slice(0, CC_COUNT)
RESEND, PUSHED, RECONNECTED, CLOSING = range(CC_COUNT, CC_COUNT + 4)
STATE = slice(0, CC_COUNT + 4)
DONE = slice(132, 264)
ORDER = slice(264, 392)
FACTS = slice(392, 456)
NOTES_SIZE = 256
NOTES = slice(512, 512 + 4 * NOTES_SIZE)
INCOMING_SIZE = 512
TIME_MASK = 0xFFFFFF
INCOMING = slice(1536, 1536 + 8 * INCOMING_SIZE)
SIZE = INCOMING.stop
NOT_DONE = bytes([254]) * (DONE.stop - DONE.start)


class Fact(IntEnum):
    """Index into FACTS.

    The engine writes RECEIVED_TAKEN, BUDGET, CHANNEL and, with no child running, RUNNING and CONNECTED.
    """

    CYCLES = 0  # JACK cycles so far, modulo 2^32
    XRUNS = 1
    EVENTS = 2  # messages written
    FAULTS = 3  # exceptions caught in the process callback
    NOTES_TAKEN = 4  # notes written or dropped, modulo 2^32
    RECEIVED = 5  # messages put into INCOMING, modulo 2^32
    RECEIVED_TAKEN = 6  # messages that the engine has read or skipped
    MALFORMED = 7  # incoming events with bytes that are no MIDI message
    CONNECTED = 8  # 1 while midi_out is connected to anything
    RUNNING = 9  # 1 while the client is active
    PERIOD = 10  # frames a cycle
    RATE = 11  # frames a second
    CONNECTIONS = 12  # connections of midi_out made so far
    BUDGET = 13  # most messages a second
    CHANNEL = 14  # of all controllers, 1..16


class Memory:
    """A view of the shared memory behind a file descriptor of SIZE bytes."""

    def __init__(self, fd: int) -> None:
        self.bytes = mmap.mmap(fd, SIZE)
        self._view = memoryview(self.bytes)
        self.facts = self._view[FACTS].cast("I")
        self.notes = self._view[NOTES].cast("I")
        self.incoming = self._view[INCOMING].cast("I")

    def close(self) -> None:
        """Let go of the memory; the other side keeps it."""
        for view in (self.facts, self.notes, self.incoming, self._view):
            view.release()
        self.bytes.close()


def lap(number: int, size: int) -> int:
    """The lap byte (1..254) of a ring's entry with this running number.

    254 and not 255: of 255 the number of laps until 2^32 is a multiple and one, so that the last lap before the count
    wraps and the first one after it would have the same byte, and old entries would pass for new ones.
    """
    return number // size % 254 + 1


def plus(number: int, more: int = 1) -> int:
    """Add to a counter that wraps at 2^32."""
    return (number + more) & 0xFFFFFFFF


def received(number: int, message: bytes, us: int) -> tuple[int, int]:
    """The two words of an entry of INCOMING: a message of at most three bytes, and its time in microseconds."""
    head = lap(number, INCOMING_SIZE) << 24
    return head | int.from_bytes(message.ljust(3, b"\0"), "big"), head | us & TIME_MASK
