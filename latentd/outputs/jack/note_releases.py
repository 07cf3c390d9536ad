"""Which notes and pedals are held, and which of their releases are to be written once more."""

from __future__ import annotations

import math

from latentd.outputs.jack.memory import CC_COUNT
from latentd.outputs.jack.values import REPEAT_AFTER_S, XRUN_DELAY_S, XRUN_WINDOW_S

# Controllers that release something, as a note-off does: sustain pedal, all sound off, all notes off.
SUSTAIN, SOUND_OFF, NOTES_OFF = 64, 120, 123

Key = tuple[int, int]  # channel, and the note's key or CC_COUNT + controller


class NoteReleases:
    """The releases of notes and pedals: a note hangs if the synth misses its own. Belongs to JACK's thread alone.

        state    | event                           | next state
        any      | it begins                       | HELD
        any      | its release is written          | RELEASED
        RELEASED | the release is due again        | WAITING
        WAITING  | the release is written again    | QUIET
        WAITING  | an xrun, soon after the release | RELEASED
        QUIET    | an xrun, soon after the release | RELEASED
        HELD     | the port closes                 | QUIET

    What the table does not list changes nothing. A release is due again REPEAT_AFTER_S[0] after it was written, or
    sooner after an xrun; a WAITING one is written as soon as there is room. What begins on a channel takes
    all-notes-off and all-sound-off of that channel back to QUIET as well: written once more, they would end it.

    Attributes:
        held: what is HELD, with the message that releases it.
        waiting: what is WAITING, likewise. From both the caller removes what it has written.
        next_due: nothing is due before this time (monotonic s); infinite when nothing will be.
    """

    def __init__(self) -> None:
        self.held: dict[Key, bytes] = {}
        self.waiting: dict[Key, bytes] = {}
        self._released: dict[Key, tuple[float, bytes]] = {}  # all that have been released: when, and the message
        self._due: dict[Key, float] = {}  # RELEASED: when to write the message once more
        self.next_due = math.inf

    def wrote(self, message: bytes, now: float) -> None:
        """A channel message of three bytes has been written."""
        status, data1, data2 = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind in (0x80, 0x90):
            key, release = (channel, data1), bytes((0x80 | channel, data1, 0))
            begins = kind == 0x90 and data2 > 0
        elif kind == 0xB0 and data1 in (SUSTAIN, SOUND_OFF, NOTES_OFF):
            key, release = (channel, CC_COUNT + data1), bytes((0xB0 | channel, data1, 0))
            begins = data1 == SUSTAIN and data2 >= 64
        else:
            return
        if begins:
            self.held[key] = release
            for begun in (key, (channel, CC_COUNT + SOUND_OFF), (channel, CC_COUNT + NOTES_OFF)):
                for forgotten in (self._released, self._due, self.waiting):
                    forgotten.pop(begun, None)
        else:
            self.held.pop(key, None)
            self._released[key] = now, release
            self._due[key] = at = now + REPEAT_AFTER_S[0]
            self.next_due = min(self.next_due, at)

    def collect(self, now: float) -> None:
        """Let those that are due wait for room."""
        for key in [key for key, at in self._due.items() if at <= now]:
            del self._due[key]
            self.waiting[key] = self._released[key][1]
        self.next_due = min(self._due.values(), default=math.inf)

    def xrun(self, now: float) -> float:
        """As `Values.xrun`."""
        at, until = now + XRUN_DELAY_S, -math.inf
        for key, (written_t, _) in self._released.items():
            if written_t >= now - XRUN_WINDOW_S:
                self._due[key] = min(self._due.get(key, at), at)
                self.next_due = min(self.next_due, at)
                until = at
        return until
