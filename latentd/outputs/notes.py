"""Channel messages to the synth besides parameter values: which are allowed, and which notes are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence

SUSTAIN = 64
# Unmapped controllers that would change amSynth's patch unnoticed (bank select), or crash it: 1.13.2 crashes on CC 127
# once it has read a controllers file (see `midimap`).
_REFUSED_CC = (0, 32, 127)
_PEDAL = 128  # in place of a key

ChannelMessage = tuple[int, int, int]


def is_release(status: int, data1: int, data2: int) -> bool:
    """True for a note-off, or the sustain pedal going up."""
    kind = status & 0xF0
    return kind == 0x80 or (kind == 0x90 and not data2) or (kind == 0xB0 and data1 == SUSTAIN and data2 < 64)


class Notes:
    """Decides which channel messages are sent, and remembers the held notes so that they can be ended.

    Args:
        ccs: the controllers that set parameters; only `Output.send` may send these.
    """

    def __init__(self, ccs: Sequence[int | None]) -> None:
        self._refused_ccs = {*_REFUSED_CC, *(cc for cc in ccs if cc is not None)}
        self._held: dict[tuple[int, int], None] = {}
        self.refused = 0

    def accept(self, status: int, data1: int, data2: int) -> bool:
        """Register a message that is about to be sent. False: it must not be sent.

        Refused are messages that would change the patch unnoticed (mapped controllers, bank select, program change),
        that crash amSynth, or that are no channel messages.
        """
        kind = status & 0xF0
        valid = 0x80 <= status < 0xF0 and 0 <= data1 < 128 and 0 <= data2 < 128
        if not valid or kind == 0xC0 or (kind == 0xB0 and data1 in self._refused_ccs):
            self.refused += 1
            return False
        if kind in (0x80, 0x90) or (kind == 0xB0 and data1 == SUSTAIN):
            key = (status & 0x0F, _PEDAL if kind == 0xB0 else data1)
            if is_release(status, data1, data2):
                self._held.pop(key, None)
            else:
                self._held[key] = None
        return True

    def releases(self) -> list[ChannelMessage]:
        """The messages that end all that is held, pedals first so that the note-offs take effect."""
        held = sorted(self._held, key=lambda key: key[1] != _PEDAL)
        return [(0xB0 | c, SUSTAIN, 0) if key == _PEDAL else (0x80 | c, key, 0) for c, key in held]


class WaitingReleases:
    """Releases that could not be sent yet, in order: one for each key and pedal of a channel, so their number ends."""

    def __init__(self) -> None:
        self._messages: dict[tuple[int, int], ChannelMessage] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, status: int, data1: int, data2: int) -> bool:
        """Keep a message if it is a release; False: it is none, so it is lost."""
        if not is_release(status, data1, data2):
            return False
        self._messages[status, data1] = status, data1, data2
        return True

    def send(self, send: Callable[[int, int, int], bool]) -> None:
        """Send them, until `send` returns False."""
        while self._messages:
            key = next(iter(self._messages))
            if not send(*self._messages[key]):
                return
            del self._messages[key]
