"""Notes that the rig plays by itself: a held chord, or a song again and again. Pure; time is an argument."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field, WrapValidator

from latentd.instrument.midi_file import Song, Timed
from latentd.schema.documents import Strict
from latentd.schema.messages import Clash

# A chord is struck again so long after its start: a synth that misses a cycle loses a note, and a machine that has just
# been switched on misses some. The chord may have to last for weeks.
STRIKES_S = (0.0, 1.0, 5.0)
VELOCITY = 100  # of a chord's notes
# A note of a chord that something else has ended is struck again so long after that: by then the synth has ended it.
AGAIN_S = 0.05
# What is later than this, because the machine stood still, is skipped.
LATE_S = 0.25
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

Message = tuple[int, int, int]


def note_number(note: object) -> int:
    """The number 0..127 of a note such as 60, C4 (60), F#3 or Bb-1.

    Raises:
        ValueError: it is none.
    """
    number = -1
    if isinstance(note, int):
        number = note
    elif isinstance(note, str) and (found := re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d{1,2})", note)):
        letter, accidental, octave = found.groups()
        number = _SEMITONES[letter.upper()] + {"#": 1, "b": -1, "": 0}[accidental] + 12 * (int(octave) + 1)
    if isinstance(note, bool) or not 0 <= number <= 127:
        raise ValueError("must be a note such as C4 (middle C), F#3 or Bb2, or its number from 0 to 127")
    return number


Note = Annotated[int, WrapValidator(lambda note, _: note_number(note))]


class NotesSettings(Strict):
    """The `notes:` section: what the rig plays by itself."""

    chord: list[Note] = Field(default_factory=list, max_length=32, description="notes to hold: names or numbers")
    file: str = Field(default="", description="Standard MIDI File to play in a loop")
    channel: Annotated[int, Field(ge=1, le=16)] | None = Field(
        default=None, description="MIDI channel to play on; null: that of the controllers"
    )
    level: float = Field(default=1.0, gt=0.0, le=2.0, description="factor of all velocities; a chord's is 100")

    def clashes(self) -> Iterator[Clash]:
        """A rig plays one of the two."""
        if self.chord and self.file:
            yield Clash("holds a chord and a file; remove one", ("chord", "file"))


def chord(keys: Sequence[int]) -> Song:
    """The notes of these numbers as a song that never ends."""
    keys = list(dict.fromkeys(keys))
    strike = [(False, 0), (True, VELOCITY)]
    events = [Timed(at, on, key, velocity) for at in STRIKES_S for on, velocity in strike for key in keys]
    return Song(events[len(keys) :], math.inf)


class NotePlayer:
    """Plays a song again and again, from `start` on.

    Args:
        channel: MIDI channel, 1..16.
        level: factor of all velocities.

    Attributes:
        due: when `step` has something to do (monotonic s); infinite while nothing plays.
    """

    def __init__(self, song: Song, channel: int, level: float) -> None:
        self._times = [event.at_s for event in song.events]
        self._messages = [_scaled(event.message(channel), level) for event in song.events]
        self._length_s = song.length_s
        self._held: dict[Message, Message] = {}  # what releases what sounds, and what began it
        self._again: dict[Message, None] = {}  # what strikes again, at `_again_s`, those that were ended
        self._again_s = math.inf
        self._start_s = 0.0  # of the present round; a sum of lengths, so that nothing drifts
        self._next = 0
        self.due = math.inf

    def start(self, now: float) -> list[Message]:
        """Begin at the beginning; what sounds is released first."""
        released = self.stop()
        self._start_s, self._next = now, 0
        self._plan()
        return released

    def stop(self) -> list[Message]:
        """Play nothing until `start`: the messages that release what sounds."""
        released = self._releases()
        self._again.clear()
        self.due = self._again_s = math.inf
        return released

    def ended(self, key: int | None, now: float) -> None:
        """Something else has ended a note in the synth (None: all): a chord's is struck again, AGAIN_S later."""
        if self._length_s < math.inf:
            return  # a song goes on by itself
        strikes = [begun for begun in self._held.values() if key in (None, begun[1])]
        if strikes:
            self._again.update(dict.fromkeys(strikes))
            self._again_s = min(now + AGAIN_S, self._again_s)
            self._plan()

    def step(self, now: float) -> list[Message]:
        """The messages that are due, in order; at most those of LATE_S, and the releases."""
        found: list[Message] = []
        if now > self.due + LATE_S and self._length_s < math.inf:
            found += self._skip_to(now)
        while self.due <= now:
            if self._again_s <= now:
                found += self._again  # without releases: where they came back to us, this would never end
                self._again.clear()
                self._again_s = math.inf
            elif self._next == len(self._times):
                found += self._releases()
                self._start_s += self._length_s
                self._next = 0
            else:
                found.append(self._messages[self._next])
                self._hold(self._messages[self._next])
                self._next += 1
            self._plan()
        return found

    def _plan(self) -> None:
        at_s = self._length_s if self._next == len(self._times) else self._times[self._next]
        self.due = min(self._start_s + at_s, self._again_s)

    def _skip_to(self, now: float) -> list[Message]:
        """Leave out what is too late, in step with the beat."""
        self._start_s += (now - self._start_s) // self._length_s * self._length_s
        self._next = bisect.bisect_left(self._times, now - self._start_s)
        self._plan()
        return self._releases()

    def _hold(self, message: Message) -> None:
        status, data1, data2 = message
        kind = status & 0xF0
        release = (status, data1, 0) if kind == 0xB0 else (0x80 | status & 0x0F, data1, 0)
        if data2 and kind != 0x80:
            self._held[release] = message
        else:
            self._held.pop(release, None)

    def _releases(self) -> list[Message]:
        """The releases of what sounds, the pedal's first so that the others take effect."""
        released = sorted(self._held, reverse=True)
        self._held.clear()
        return released


def _scaled(message: Message, level: float) -> Message:
    status, data1, data2 = message
    if status & 0xF0 != 0x90:
        return message
    return status, data1, min(max(round(data2 * level), 1), 127)
