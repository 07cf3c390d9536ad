"""A JACK client in a process of its own that records MIDI cycle by cycle, and plays on command.

Its ports are `listener:in` and `listener:out`.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from typing import Any, NamedTuple

from tests.support.helper_process import HelperProcess
from tests.support.rig import Server, wait_for


class Cycle(NamedTuple):
    """One period with events: its length in frames and (offset, message) pairs."""

    frames: int
    events: list[tuple[int, bytes]]


class Listener(HelperProcess):
    """That process, as the test uses it."""

    def __init__(self, server: Server, connect_to: str = "") -> None:
        super().__init__("tests.support.listener", connect_to, env=server.env)
        self.cycles: list[Cycle] = []
        self.read_all(self._take)
        wait_for(lambda: "listener:in" in server.ports(), "the listener's port")

    def _take(self, line: str) -> None:
        frames, events = json.loads(line)
        self.cycles.append(Cycle(frames, [(offset, bytes.fromhex(text)) for offset, text in events]))

    @property
    def messages(self) -> list[bytes]:
        """All messages that arrived, in order."""
        return [message for cycle in self.cycles for _, message in cycle.events]

    def play(self, *messages: bytes) -> None:
        """Send all of them in one period."""
        self.write(" ".join(m.hex() for m in messages))


def main(connect_to: str) -> None:
    """The process: cycles to standard output as JSON lines; a line of hexadecimal messages on standard input plays."""
    import jack

    client = jack.Client("listener", use_exact_name=True, no_start_server=True)
    midi_in = client.midi_inports.register("in")
    midi_out = client.midi_outports.register("out")
    received: queue.SimpleQueue[Any] = queue.SimpleQueue()
    to_play: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()

    def process(frames: int) -> None:
        midi_out.clear_buffer()
        events = [(offset, bytes(data).hex()) for offset, data in midi_in.incoming_midi_events()]
        if events:
            received.put((frames, events))
        if not to_play.empty():
            for offset, message in enumerate(to_play.get_nowait()):
                midi_out.write_midi_event(offset, message)

    def write() -> None:
        while (item := received.get()) is not None:
            print(json.dumps(item), flush=True)

    client.set_process_callback(process)
    client.activate()
    writer = threading.Thread(target=write)
    writer.start()
    if connect_to:
        midi_out.connect(connect_to)
    for line in sys.stdin:
        to_play.put([bytes.fromhex(word) for word in line.split()])
    client.deactivate()
    received.put(None)
    writer.join()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
