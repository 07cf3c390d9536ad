"""Channel messages that go to the synth beside its values: which may pass, and which are still sounding."""

from __future__ import annotations

from collections.abc import Sequence

SUSTAIN = 64
# Unmapped controllers that would change what amSynth holds behind our back (bank select), or end it: amSynth 1.13.2
# crashes on CC 127 once it has read a controllers file (see `midimap`).
_REFUSED_CC = (0, 32, 127)
_PEDAL = 128  # in place of a key

Message = tuple[int, int, int]


def ends_something(status: int, data1: int, data2: int) -> bool:
    """A note-off, or the sustain pedal lifted."""
    kind = status & 0xF0
    return kind == 0x80 or (kind == 0x90 and not data2) or (kind == 0xB0 and data1 == SUSTAIN and data2 < 64)


class Notes:
    """The gate that every such message passes, and the memory of what must be ended at the end.

    Args:
        ccs: the controllers that set parameters; they belong to `Output.send` alone.
    """

    def __init__(self, ccs: Sequence[int | None]) -> None:
        self._refused_ccs = {*_REFUSED_CC, *(cc for cc in ccs if cc is not None)}
        self._held: dict[tuple[int, int], None] = {}
        self.refused = 0

    def accept(self, status: int, data1: int, data2: int) -> bool:
        """Take note of a message that is about to go out.

        False for one that must not: what would change a patch behind our back (mapped controllers, bank select,
        program change), what crashes amSynth, and what is no channel message.
        """
        kind = status & 0xF0
        valid = 0x80 <= status < 0xF0 and 0 <= data1 < 128 and 0 <= data2 < 128
        if not valid or kind == 0xC0 or (kind == 0xB0 and data1 in self._refused_ccs):
            self.refused += 1
            return False
        if kind in (0x80, 0x90) or (kind == 0xB0 and data1 == SUSTAIN):
            key = (status & 0x0F, _PEDAL if kind == 0xB0 else data1)
            if ends_something(status, data1, data2):
                self._held.pop(key, None)
            else:
                self._held[key] = None
        return True

    def endings(self) -> list[Message]:
        """The messages that end all that is held, pedals first so that the note-offs take hold."""
        held = sorted(self._held, key=lambda key: key[1] != _PEDAL)
        return [(0xB0 | c, SUSTAIN, 0) if key == _PEDAL else (0x80 | c, key, 0) for c, key in held]
