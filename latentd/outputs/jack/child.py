"""The JACK port: a process that owns the JACK client and nothing else (`python -m latentd.outputs.jack.child`).

Three threads. JACK's own calls `ProcessCallback` once a period. The main thread waits for the server, connects the
ports and closes the client. The third thread ends the process when standard input, a pipe from the engine, is closed:
the engine is gone, or wants it to end. Standard output carries lines for the engine's log, and which patterns match no
port. Only small modules are imported: start-up time and memory count here.

Exit codes: 0 asked to end, 3 the server is gone, 4 no JACK library on this machine, 5 gave up waiting for a server
(PipeWire's library leaks a little with each failed attempt; a new process goes on).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from latentd.outputs.jack.cycle import ProcessCallback
from latentd.outputs.jack.memory import CLOSING, DONE, RECONNECTED, STATE, Fact, Memory, plus
from latentd.system.port_patterns import matches_jack

# How often the main thread looks at the ports, and tries to reach the server.
POLL_S = 0.2
# Listing all ports is expensive: while the synth is connected it is done in every fourth poll, for the other ports.
LIST_EVERY = 4
# After so many polls without a cycle, ask whether the server is still there.
STALLED_POLLS = 3
# A synth whose port has just appeared may still load its preset: send it everything again after these times.
RESEND_AFTER_S = (0.25, 0.7)
# Ports that appear between two polls; of more the newest count.
MAX_APPEARED = 256
MAX_ATTEMPTS = 2000
# How long notes may take to be released, and the whole process to end.
RELEASE_S = 0.2
END_S = 0.5
COLLECT_EVERY = 300

SERVER_GONE, NO_LIBRARY, GAVE_UP = 3, 4, 5
# A line that is not for the log: the places of the patterns that match no port, among playback, sources, keyboards.
UNMATCHED = "patterns-without-port"


class MidiOut:
    """Writes to a port with libjack's own functions: one call a message, where the library's method takes four."""

    def __init__(self, jack: Any, port: Any) -> None:
        lib = jack._lib
        self._buffer_of, self._clear, self._write = (
            lib.jack_port_get_buffer,
            lib.jack_midi_clear_buffer,
            lib.jack_midi_event_write,
        )
        self._port = port._ptr
        self._buffer: Any = None

    def begin(self, frames: int) -> None:
        """A cycle: nothing is written yet. Process callback only, as `write`."""
        self._buffer = self._buffer_of(self._port, frames)
        self._clear(self._buffer)

    def write(self, offset: int, message: bytes) -> None:
        """Write one message at this frame of the cycle, no earlier than the one before it.

        Raises:
            RuntimeError: no room for it.
        """
        if self._write(self._buffer, offset, message, len(message)):
            raise RuntimeError("no room")


# All the names that a port goes by, by its own: that, and its aliases.
Ports = dict[str, list[str]]


class Connections:
    """Keeps `midi_out` connected to the synth, the sources to `midi_in`, and the keyboards to the synth.

    A pattern is a port's full name or alias, or a regular expression that matches all of it. Main thread only, but
    `on_port`.
    """

    def __init__(
        self,
        client: Any,
        callback: ProcessCallback,
        memory: Memory,
        playback: str,
        sources: Sequence[str],
        keyboards: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._callback = callback
        self._memory = memory
        self._in = client.midi_inports[0]
        self._out = client.midi_outports[0]
        self._playback = playback
        self._sources = sources
        self._keyboards = keyboards
        self._made: set[tuple[str, str]] = set()  # keyboard and synth that have been connected since both are there
        self._appeared: deque[str] = deque(maxlen=MAX_APPEARED)  # ports, since the last poll
        self._listed: set[str] = set()  # ports, at the last look
        self._unannounced: set[str] = set()  # those of them that were seen before the library told of them
        self._connected: set[str] = set()  # ports that `midi_out` was connected to in the last poll
        self._received_from: set[str] = set()  # ports that `midi_in` was connected to in the last poll
        self._unmatched: list[int] = []  # as last reported
        self._resend_at: list[float] = []
        self._polls = 0

    def poll(self, now: float) -> None:
        """Connect what has appeared; after a new connection of `midi_out` have everything written again."""
        appeared = {self._appeared.popleft() for _ in range(len(self._appeared))}
        late = appeared & self._unannounced  # they have not come again: the library is late
        self._unannounced -= late
        connected = self._connected_to(self._out)
        # What came back between two polls is new, as is a synth that has lost our own connection.
        new_ports = (appeared - late) | (self._connected - connected)
        self._made = {pair for pair in self._made if new_ports.isdisjoint(pair)}
        # Before `_connect_all`, which switches it on for what it connects: the server may show that only later.
        received_from = self._connected_to(self._in)
        self._callback.listening = bool(received_from)
        before, kept = self._connected, self._connected & connected  # one that is made again below counts as new
        if not connected or appeared or self._polls % LIST_EVERY == 0:
            self._connect_all(connected, appeared)
            connected = self._connected_to(self._out)
        self._polls += 1
        new = connected - kept
        self._connected = connected
        report_ports("no longer connected to", before - connected)
        report_ports("connected to", new)
        report_ports("no longer receiving from", self._received_from - received_from)
        report_ports("receiving from", received_from - self._received_from)
        self._received_from = received_from
        facts = self._memory.facts
        facts[Fact.CONNECTED] = bool(connected)
        if new:
            facts[Fact.CONNECTIONS] = plus(facts[Fact.CONNECTIONS], len(new))
            self._resend_at = [now, *(now + s for s in RESEND_AFTER_S)]
        while self._resend_at and self._resend_at[0] <= now:
            del self._resend_at[0]
            self._memory.bytes[RECONNECTED] = (self._memory.bytes[RECONNECTED] + 1) & 0xFF

    def _connect_all(self, connected: set[str], appeared: set[str]) -> None:
        sinks = self._ports(is_input=True)
        senders = self._ports(is_output=True) if self._sources or self._keyboards else {}
        listed = {*sinks, *senders}
        self._unannounced = (self._unannounced | (listed - self._listed - appeared)) & listed if self._polls else set()
        self._listed = listed
        for name in matching([self._playback], sinks) - connected:
            self._connect(self._out.name, name)
        if self._sources:
            for name in matching(self._sources, senders) - self._connected_to(self._in):
                self._callback.listening = True  # before the first message can come
                self._connect(name, self._in.name)
        if self._keyboards:
            self._connect_keyboards(matching(self._keyboards, senders), matching([self._playback], sinks))
        self._report_unmatched(sinks, senders)

    def _connect_keyboards(self, keyboards: set[str], synths: set[str]) -> None:
        """Connect each keyboard to the synth once both are there; what someone cuts after that stays cut."""
        present = {(keyboard, synth) for keyboard in keyboards for synth in synths if _apart(keyboard, synth)}
        self._made &= present
        for keyboard, synth in sorted(present - self._made):
            if synth not in self._connected_to(keyboard):
                self._connect(keyboard, synth)
            if synth in self._connected_to(keyboard):
                self._made.add((keyboard, synth))

    def _report_unmatched(self, sinks: Ports, senders: Ports) -> None:
        """Tell the engine which patterns match no port: their places in playback, sources, keyboards."""
        wanted = [(self._playback, sinks), *((pattern, senders) for pattern in (*self._sources, *self._keyboards))]
        unmatched = [i for i, (pattern, ports) in enumerate(wanted) if not matching([pattern], ports)]
        if unmatched != self._unmatched:
            self._unmatched = unmatched
            report(" ".join((UNMATCHED, *map(str, unmatched))))

    def on_port(self, port: Any, registered: bool) -> None:
        """A port has come or gone. Called in a thread of the library's; only while there are keyboards."""
        if registered:
            self._appeared.append(port.name)

    def _ports(self, **kind: bool) -> Ports:
        """The MIDI ports of others."""
        own = (self._in.name, self._out.name)
        ports = self._client.get_ports(is_midi=True, **kind)
        return {port.name: [port.name, *port.aliases] for port in ports if port.name not in own}

    def _connected_to(self, port: Any) -> set[str]:
        return {other.name for other in self._client.get_all_connections(port)}

    def _connect(self, source: str, destination: str) -> None:
        # A port that is there but whose client is not active yet refuses; the next poll tries again.
        with contextlib.suppress(Exception):
            self._client.connect(source, destination)


def matching(patterns: Sequence[str], ports: Ports) -> set[str]:
    """The names of the ports that any of the patterns matches."""
    return {port for port, names in ports.items() if any(matches_jack(pattern, names) for pattern in patterns)}


def report_ports(words: str, ports: set[str]) -> None:
    """A line for the log, if there are any."""
    if ports:
        report(f"{words} {', '.join(sorted(ports))}")


def _apart(source: str, destination: str) -> bool:
    """Two ports of different clients: the synth is no keyboard of its own, or it would hear itself."""
    return source.partition(":")[0] != destination.partition(":")[0]


def report(text: str) -> None:
    """One line for the engine's log; dropped if the pipe is full."""
    with contextlib.suppress(OSError):
        os.write(1, text.encode() + b"\n")


def end_with_input(ending: threading.Event) -> None:
    """End the process when standard input is closed, at the latest END_S later, even if libjack hangs."""

    def wait() -> None:
        while os.read(0, 64):
            pass
        ending.set()
        time.sleep(END_S)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def open_client(jack: Any, name: str, ending: threading.Event) -> Any:
    """Wait for the server and open the client; None if the process is to end first.

    The name is exact: after a crash the old client's name may still be taken for a moment.
    """
    from latentd.system.machine import no_jack_server  # imports much that is needed only here

    reported = ""
    for _ in range(MAX_ATTEMPTS):
        try:
            return jack.Client(name, use_exact_name=True, no_start_server=True)
        except jack.JackOpenError as error:
            # For a name that is taken jackd2 reports only an error of the server (measured).
            taken = f"the JACK server refuses the name {name}; another latentd may be running"
            why = no_jack_server() if error.status.server_failed else taken
        if why != reported:
            report(f"waiting: {why}")
            reported = why
        if ending.wait(POLL_S):
            return None
    sys.exit(GAVE_UP)


def play(jack: Any, client: Any, arguments: Sequence[str], ending: threading.Event) -> int:
    """Run the client until the engine or the server ends it; returns the exit code."""
    memory = Memory(int(arguments[0]))
    facts = memory.facts
    gone = threading.Event()
    midi_in = client.midi_inports.register("midi_in")
    midi_out = client.midi_outports.register("midi_out")
    callback = ProcessCallback(
        memory,
        midi_in,
        MidiOut(jack, midi_out),
        client.samplerate,
        int(arguments[1]),
        client,
    )
    read_clock(client, callback, facts)
    client.set_process_callback(callback)
    client.set_xrun_callback(lambda _us: count(facts, Fact.XRUNS))
    client.set_shutdown_callback(lambda _status, _reason: on_shutdown(gone, ending))
    playback, number, *patterns = arguments[3:]
    sources, keyboards = patterns[: int(number)], patterns[int(number) :]
    connections = Connections(client, callback, memory, playback, sources, keyboards)
    if keyboards:
        client.set_port_registration_callback(connections.on_port)
    # A collection, or a long turn of the main thread, would make the process callback late.
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(1e-4)
    client.activate()
    facts[Fact.RUNNING] = 1
    report(f"connected to the JACK server, {client.blocksize} frames at {client.samplerate} Hz")
    polls = stalled = cycles = 0
    while not ending.is_set():
        # A port that disappears during a poll makes the library raise; the next poll sees that it is gone.
        with contextlib.suppress(jack.JackError):
            connections.poll(time.monotonic())
        ending.wait(POLL_S)
        read_clock(client, callback, facts)
        polls += 1
        if polls % COLLECT_EVERY == 0:
            gc.collect()
        stalled, cycles = stalled + 1 if cycles == facts[Fact.CYCLES] else 0, facts[Fact.CYCLES]
        if stalled == STALLED_POLLS and port_is_gone(jack, midi_out.name):
            gone.set()
            break
    if gone.is_set():
        return SERVER_GONE
    release(memory)
    client.close()
    return 0


def read_clock(client: Any, callback: ProcessCallback, facts: Any) -> None:
    """The server's rate and period now: PipeWire may change both at any time, jackd the period."""
    rate = client.samplerate
    facts[Fact.RATE], facts[Fact.PERIOD] = rate, client.blocksize
    callback.use_rate(rate)


def port_is_gone(jack: Any, port: str) -> bool:
    """Ask, through a second client, whether the server still has our port. Waits as long as the server is stopped.

    PipeWire's library (0.3.65) never reports that the server died: there are no more cycles, as when it is stopped.
    """
    try:
        probe = jack.Client("latentd-probe", no_start_server=True)
    except jack.JackOpenError:
        return True
    gone = port not in [other.name for other in probe.get_ports(is_midi=True)]
    probe.close()
    return gone


def on_shutdown(gone: threading.Event, ending: threading.Event) -> None:
    """JACK's shutdown callback: the server is gone, so there is nothing to close."""
    gone.set()
    ending.set()


def count(facts: Any, fact: Fact) -> None:
    """Add one to a fact."""
    facts[fact] = plus(facts[fact])


def release(memory: Memory) -> None:
    """Have the process callback write what waits and release every held note, and give the synth a cycle for it."""
    memory.bytes[CLOSING] = 1
    end = time.monotonic() + RELEASE_S
    while memory.bytes[DONE] != memory.bytes[STATE] and time.monotonic() < end:
        time.sleep(0.002)
    cycle = memory.facts[Fact.CYCLES]
    while memory.facts[Fact.CYCLES] - cycle < 2 and time.monotonic() < end:
        time.sleep(0.002)


def main(arguments: Sequence[str]) -> int:
    """Arguments: memory fd, eventfd, client name, playback port, number of sources, sources, keyboards."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which closes our standard input
    os.set_blocking(1, False)
    ending = threading.Event()
    end_with_input(ending)
    try:
        import jack  # only now: while it loads the engine may already end us
    except (ImportError, OSError) as error:
        report(f"no JACK library: {error}")
        return NO_LIBRARY
    jack.set_error_function(lambda _text: None)
    jack.set_info_function(lambda _text: None)
    client = open_client(jack, arguments[2], ending)
    return 0 if client is None else play(jack, client, arguments, ending)


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
