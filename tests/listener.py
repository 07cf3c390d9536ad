"""A JACK client in a process of its own that records MIDI cycle by cycle, and plays on command.

Its ports are `listener:in` and `listener:out`.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, NamedTuple

from tests.rig import LIMIT_S, Server, wait_for


class Cycle(NamedTuple):
    """One period in which something came: its length in frames and (offset, message) pairs."""

    frames: int
    events: list[tuple[int, bytes]]


class Listener:
    """The test's end of that process."""

    def __init__(self, server: Server, connect_to: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.listener", connect_to],
            env=server.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.cycles: list[Cycle] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_for(lambda: "listener:in" in server.ports(), "the listener's port")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            frames, events = json.loads(line)
            self.cycles.append(Cycle(frames, [(offset, bytes.fromhex(text)) for offset, text in events]))

    @property
    def messages(self) -> list[bytes]:
        """All that came, in order."""
        return [message for cycle in self.cycles for _, message in cycle.events]

    def play(self, *messages: bytes) -> None:
        """Send all of them in one period."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(m.hex() for m in messages) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(LIMIT_S)
        finally:
            self._process.kill()
            self._process.wait()
        self._thread.join(LIMIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


def main(connect_to: str) -> None:
    """The process: cycles to standard output as JSON lines; a line of hexadecimal messages on standard input plays."""
    import jack

    client = jack.Client("listener", use_exact_name=True, no_start_server=True)
    midi_in = client.midi_inports.register("in")
    midi_out = client.midi_outports.register("out")
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    wanted: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()

    def process(frames: int) -> None:
        midi_out.clear_buffer()
        events = [(offset, bytes(data).hex()) for offset, data in midi_in.incoming_midi_events()]
        if events:
            heard.put((frames, events))
        if not wanted.empty():
            for offset, message in enumerate(wanted.get_nowait()):
                midi_out.write_midi_event(offset, message)

    def write() -> None:
        while (item := heard.get()) is not None:
            print(json.dumps(item), flush=True)

    client.set_process_callback(process)
    client.activate()
    writer = threading.Thread(target=write)
    writer.start()
    if connect_to:
        midi_out.connect(connect_to)
    for line in sys.stdin:
        wanted.put([bytes.fromhex(word) for word in line.split()])
    client.deactivate()
    heard.put(None)
    writer.join()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
