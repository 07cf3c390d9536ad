"""Hand-written ALSA ports that keep python-rtmidi's interface.

Test machines seldom have an ALSA sequencer. With these everything runs but the sequencer: they prove our own logic, not
python-rtmidi's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from latentd.system import alsa

SYNTH = "amsynth:MIDI IN 128:0"
THROUGH = "Midi Through:Midi Through Port-0 14:0"


class Sequencer:
    """The ports that exist, and the ends that are open."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.ends: list[End] = []
        self.failure: Exception | None = None  # raised by the next call
        self.refusing: set[str] = set()  # ports that do not open

    def open(self) -> End:
        end = End(self)
        self.ends.append(end)
        return end

    def out(self) -> End:
        return self.ends[0]


class End:
    """rtmidi's MidiIn and MidiOut in one: one port at a time, messages to a closed end raise, no use after delete."""

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self.port: str | None = None
        self.deleted = False
        self.sent: list[bytes] = []
        self.callback: tuple[Callable[[alsa.Message, Any], None], Any] | None = None

    def _check(self) -> None:
        assert not self.deleted
        failure, self._sequencer.failure = self._sequencer.failure, None
        if failure is not None:
            raise failure

    def get_ports(self) -> list[str]:
        self._check()
        return list(self._sequencer.names)

    def open_port(self, port: int = 0, name: str | None = None) -> End:
        self._check()
        assert self.port is None
        if self._sequencer.names[port] in self._sequencer.refusing:
            raise OSError("busy")
        self.port = self._sequencer.names[port]
        return self

    def close_port(self) -> None:
        assert not self.deleted
        assert self.callback is None
        self.port = None

    def delete(self) -> None:
        assert self.port is None
        self.deleted = True

    def send_message(self, message: Sequence[int]) -> None:
        self._check()
        assert self.port is not None
        assert 1 <= len(message) <= 3
        self.sent.append(bytes(message))

    def set_callback(self, func: Callable[[alsa.Message, Any], None], data: Any = None) -> None:
        self.callback = (func, data)

    def ignore_types(self, sysex: bool = True, timing: bool = True, active_sense: bool = True) -> None:
        assert timing and active_sense

    def cancel_callback(self) -> None:
        self.callback = None

    def receive(self, *message: int) -> None:
        """A message arrives: rtmidi calls back in a thread of its own."""
        assert self.callback is not None
        func, data = self.callback
        thread = threading.Thread(target=func, args=((list(message), 0.0), data))
        thread.start()
        thread.join()
