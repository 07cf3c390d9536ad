"""The JACK port: a process that owns the JACK client and nothing else (`python -m latentd.outputs.jack_child`).

Three threads. JACK's own calls `Cycle` once a period; the main thread waits for the server, wires the ports and ends
the client; the leash ends the process when the engine is gone. Standard input is the leash: its end means end.
Standard output carries lines for the engine's log. Only small modules are imported: start-up and memory count here.

Exit codes: 0 asked to end, 3 the server went away, 4 no JACK library on this machine, 5 tired of waiting for a server
(PipeWire's library leaks a little with each failed attempt; a fresh process goes on).
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from latentd.outputs.jack_memory import (
    CC_COUNT,
    DONE,
    INCOMING_SIZE,
    LINKED,
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
# How often the main thread looks at the ports, and tries to reach the server.
LOOK_S = 0.2
# A synth whose port has just appeared may still load its preset: tell it everything again after these times.
AGAIN_S = (0.25, 0.7)
ATTEMPTS = 2000
# How long notes may take to end, and the whole process to close.
RELEASE_S = 0.2
LEASH_S = 0.5
COLLECT_EVERY = 300

SERVER_GONE, NO_LIBRARY, TIRED = 3, 4, 5


class Cycle:
    """The process callback: compares wanted with written, and writes the difference.

    Runs in JACK's real-time thread: no waiting, no libjack beyond the port buffers, and no exception ever leaves it
    (one would end the callback for good). An idle cycle is one comparison of 132 bytes.
    """

    def __init__(self, memory: Memory, midi_in: Any, midi_out: Any, rate: int, wake_fd: int) -> None:
        self._memory = memory.bytes
        self._facts = memory.facts
        self._notes = memory.notes
        self._incoming = memory.incoming
        self._in = midi_in
        self._out = midi_out
        self._us_per_frame = 1e6 / rate
        self._wake_fd = wake_fd
        self._order = tuple(cc for cc in memory.bytes[ORDER] if cc < CC_COUNT)
        self._written = bytearray([UNSET]) * CC_COUNT
        self._counts = (-1, -1)  # RESEND and LINKED at the last look
        self._start = 0  # where in the order the next search begins
        self._done = b""
        self._sounding: dict[tuple[int, int], bytes] = {}  # (channel, key or PEDAL) -> message that ends it

    def __call__(self, frames: int) -> None:
        """One period of JACK's."""
        try:
            self._run(frames)
        except Exception:  # whatever it is: the next cycle must come
            self._facts[Fact.FAULTS] = plus(self._facts[Fact.FAULTS])

    def _run(self, frames: int) -> None:
        facts = self._facts
        facts[Fact.CYCLES] = (facts[Fact.CYCLES] + 1) & 0xFFFFFFFF
        self._out.clear_buffer()
        for offset, data in self._in.incoming_midi_events():
            self._hear(frames - offset, bytes(data))
        state = self._memory[STATE]
        if state != self._done:
            facts[Fact.PERIOD] = frames
            self._write(state, frames)

    def _hear(self, frames_ago: int, message: bytes) -> None:
        """Hand one message over, with the time at which JACK heard it."""
        facts = self._facts
        if not 1 <= len(message) <= 3:
            facts[Fact.TOO_LONG] = plus(facts[Fact.TOO_LONG])
            return
        number = facts[Fact.HEARD]
        us = time.monotonic_ns() // 1000 - int(frames_ago * self._us_per_frame)
        head = bytes((lap(number, INCOMING_SIZE),)) + message.ljust(3, b"\0")
        self._incoming[number % INCOMING_SIZE] = int.from_bytes(head, "big") << 32 | (us & 0xFFFFFFFF)
        facts[Fact.HEARD] = plus(number)
        os.eventfd_write(self._wake_fd, 1)

    def _write(self, state: bytes, frames: int) -> None:
        """Write what differs: a group of values at offset 0, notes behind it, further groups 128 frames apart."""
        counts = (state[RESEND], state[LINKED])
        if counts != self._counts:
            self._counts = counts
            self._written[:] = bytes([UNSET]) * CC_COUNT
        groups = max(1, frames // FRAMES_PER_GROUP)
        due, all_due = self._due(state, groups * GROUP)
        self._write_values(state, due[:GROUP], 0)
        all_played = self._write_notes(state, min(frames, FRAMES_PER_GROUP, GROUP + 1))
        for n in range(1, groups):
            self._write_values(state, due[n * GROUP : (n + 1) * GROUP], n * FRAMES_PER_GROUP)
        if all_due and all_played:
            self._done = state
            self._memory[DONE] = state

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

    def _write_values(self, state: bytes, ccs: Sequence[int], offset: int) -> None:
        for cc in ccs:
            self._emit(offset, bytes((0xB0, cc, state[cc])))
            self._written[cc] = state[cc]

    def _write_notes(self, state: bytes, end: int) -> bool:
        """Write waiting notes at offsets 1..end-1, each at its own; True when none is left."""
        facts = self._facts
        for offset in range(1, end):
            number = facts[Fact.NOTES_TAKEN]
            entry = self._notes[number % NOTES_SIZE]
            if entry >> 24 == lap(number, NOTES_SIZE):
                message = entry.to_bytes(4, "big")[1:]
                self._emit(offset, message[:2] if message[0] & 0xE0 == 0xC0 else message)
                self._remember(message)
                facts[Fact.NOTES_TAKEN] = plus(number)
            elif state[RELEASE] and self._sounding:
                key = next(iter(self._sounding))
                self._emit(offset, self._sounding[key])
                del self._sounding[key]
            else:
                break
        waiting = facts[Fact.NOTES_TAKEN] & 0xFF != state[PUSHED]
        return not waiting and not (state[RELEASE] and self._sounding)

    def _remember(self, message: bytes) -> None:
        """Keep track of what would hang if we ended now: keys and the sustain pedal."""
        status, data1, data2 = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind == 0x90 and data2:
            self._sounding[channel, data1] = bytes((0x80 | channel, data1, 0))
        elif kind in (0x80, 0x90):
            self._sounding.pop((channel, data1), None)
        elif kind == 0xB0 and data1 == 64 and data2 >= 64:
            self._sounding[channel, CC_COUNT] = bytes((0xB0 | channel, 64, 0))
        elif kind == 0xB0 and data1 == 64:
            self._sounding.pop((channel, CC_COUNT), None)

    def _emit(self, offset: int, message: bytes) -> None:
        self._out.write_midi_event(offset, message)
        self._facts[Fact.EVENTS] = plus(self._facts[Fact.EVENTS])


class Wiring:
    """Keeps `midi_out` connected to the synth and the sources to `midi_in`. Main thread only.

    A pattern is a port's full name or a regular expression that matches all of it.
    """

    def __init__(self, client: Any, memory: Memory, playback: str, sources: Sequence[str]) -> None:
        self._client = client
        self._memory = memory
        self._in = client.midi_inports[0]
        self._out = client.midi_outports[0]
        self._playback = playback
        self._sources = sources
        self._linked: set[str] = set()
        self._again: list[float] = []

    def look(self, now: float) -> None:
        """Connect what has appeared; after a new connection of `midi_out` have everything written again."""
        for name in self._matching([self._playback], is_input=True) - self._links(self._out):
            self._connect(self._out.name, name)
        if self._sources:
            for name in self._matching(self._sources, is_output=True) - self._links(self._in):
                self._connect(name, self._in.name)
        linked = self._links(self._out)
        fresh = linked - self._linked
        self._linked = linked
        facts = self._memory.facts
        facts[Fact.CONNECTED] = bool(linked)
        if fresh:
            facts[Fact.LINKS] = plus(facts[Fact.LINKS], len(fresh))
            self._again = [now, *(now + s for s in AGAIN_S)]
            report(f"connected to {', '.join(sorted(fresh))}")
        while self._again and self._again[0] <= now:
            del self._again[0]
            self._memory.bytes[LINKED] = (self._memory.bytes[LINKED] + 1) & 0xFF

    def _matching(self, patterns: Sequence[str], **kind: bool) -> set[str]:
        own = (self._in.name, self._out.name)
        names = [port.name for port in self._client.get_ports(is_midi=True, **kind)]
        return {n for n in names if n not in own and any(n == p or re.fullmatch(p, n) for p in patterns)}

    def _links(self, port: Any) -> set[str]:
        return {other.name for other in self._client.get_all_connections(port)}

    def _connect(self, source: str, destination: str) -> None:
        # A port that is there but whose client is not active yet refuses; it is asked again at the next look.
        with contextlib.suppress(Exception):
            self._client.connect(source, destination)


def report(text: str) -> None:
    """One line for the engine's log; lost rather than waited for."""
    with contextlib.suppress(OSError):
        os.write(1, text.encode() + b"\n")


def hold_leash(ending: threading.Event) -> None:
    """End the process when standard input ends, at the latest LEASH_S later, even if libjack hangs."""

    def wait() -> None:
        while os.read(0, 64):
            pass
        ending.set()
        time.sleep(LEASH_S)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def open_client(jack: Any, name: str, ending: threading.Event) -> Any:
    """Wait for the server and open the client; None when the process shall end first.

    The name is exact: after a crash the old client's name may still be taken for a moment.
    """
    told = ""
    for _ in range(ATTEMPTS):
        try:
            return jack.Client(name, use_exact_name=True, no_start_server=True)
        except jack.JackOpenError as error:
            why = f"the name {name} is taken" if error.status.name_not_unique else "no JACK server"
        if why != told:
            report(f"waiting: {why}")
            told = why
        if ending.wait(LOOK_S):
            return None
    sys.exit(TIRED)


def play(client: Any, memory: Memory, arguments: Sequence[str], ending: threading.Event) -> int:
    """Run the client until the engine or the server ends it; returns the exit code."""
    facts = memory.facts
    gone = threading.Event()
    midi_in = client.midi_inports.register("midi_in")
    midi_out = client.midi_outports.register("midi_out")
    facts[Fact.RATE] = client.samplerate
    facts[Fact.PERIOD] = client.blocksize
    client.set_process_callback(Cycle(memory, midi_in, midi_out, client.samplerate, int(arguments[1])))
    client.set_xrun_callback(lambda _us: count(facts, Fact.XRUNS))
    client.set_shutdown_callback(lambda _status, _reason: lose(gone, ending))
    # Collector pauses and long turns of the main thread would make the process callback late.
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(1e-4)
    client.activate()
    facts[Fact.RUNNING] = 1
    wiring = Wiring(client, memory, arguments[3], arguments[4:])
    looks = 0
    while not ending.is_set():
        wiring.look(time.monotonic())
        ending.wait(LOOK_S)
        looks += 1
        if looks % COLLECT_EVERY == 0:
            gc.collect()
    if gone.is_set():
        return SERVER_GONE
    release(memory)
    client.close()
    return 0


def lose(gone: threading.Event, ending: threading.Event) -> None:
    """Shutdown callback: the server is gone, so there is nothing to end in order."""
    gone.set()
    ending.set()


def count(facts: Any, fact: Fact) -> None:
    """Add one to a fact."""
    facts[fact] = plus(facts[fact])


def release(memory: Memory) -> None:
    """Let the process callback write out what waits and end every sounding note, and give the synth a cycle to hear."""
    memory.bytes[RELEASE] = 1
    end = time.monotonic() + RELEASE_S
    while memory.bytes[DONE] != memory.bytes[STATE] and time.monotonic() < end:
        time.sleep(0.002)
    cycle = memory.facts[Fact.CYCLES]
    while memory.facts[Fact.CYCLES] - cycle < 2 and time.monotonic() < end:
        time.sleep(0.002)


def main(arguments: Sequence[str]) -> int:
    """Arguments: memory fd, eventfd, client name, playback port, source ports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's to handle; the leash tells us
    os.set_blocking(1, False)
    ending = threading.Event()
    hold_leash(ending)
    try:
        import jack  # only now: the leash must hold while it loads
    except (ImportError, OSError) as error:
        report(f"no JACK library: {error}")
        return NO_LIBRARY
    jack.set_error_function(lambda _text: None)
    jack.set_info_function(lambda _text: None)
    client = open_client(jack, arguments[2], ending)
    return 0 if client is None else play(client, Memory(int(arguments[0])), arguments, ending)


if __name__ == "__main__":
    # Without the interpreter's own shutdown: libjack's threads may still be calling into it.
    try:
        code = main(sys.argv[1:])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    os._exit(code)
