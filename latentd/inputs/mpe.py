"""MPE zones to points: the note that started last leads. Pure.

Rules: MIDI Polyphonic Expression, as quoted in francoisgeorgy/mpe-tester. RPN 6 on the manager channel sets the number
of member channels, RPN 0 the bend range. Bend, slide (CC 74) and pressure of a channel may come before its note. The
manager's bend applies to the whole zone and adds to that of each note. The manager's slide and pressure are ignored:
MPE leaves it to the receiver how they combine with those of a note.
"""

from __future__ import annotations

from dataclasses import dataclass

from latentd.inputs.mapping import MpeSection
from latentd.inputs.source import Source
from latentd.midi import messages as midi
from latentd.midi.messages import ChannelMessage, Entry, Registers

_SLIDE = 74
_BEND_RANGE, _CONFIGURATION = 0, 6  # RPN numbers
_DEFAULT_BEND_SEMITONES, _DEFAULT_MANAGER_SEMITONES = 48.0, 2.0
_MAX_BEND_SEMITONES = 96.0
# More notes than anybody holds; beyond that, the oldest is forgotten.
MAX_NOTES = 64


@dataclass(slots=True)
class _Channel:
    """The last values of one channel, kept while no note sounds on it."""

    bend: int = 8192
    slide: int = 64
    pressure: int = 0


class MpeReader:
    """One `mpe:` section: its member channels and sounding notes."""

    def __init__(self, section: MpeSection, source: Source) -> None:
        self._section = section
        self._source = source
        self._lower = section.zone == "lower"
        self._manager = 1 if self._lower else 16
        self._members = section.members
        self._bend_range = section.bend_semitones
        self._manager_range = _DEFAULT_MANAGER_SEMITONES
        self._channels = {n: _Channel() for n in range(1, 17)}
        self._notes: dict[tuple[int, int], None] = {}  # (channel, note), oldest first
        self._registers = Registers()

    def read(self, message: ChannelMessage, now: float) -> bool:
        """Use one message; False if it does not belong to this zone."""
        if message.kind == midi.CC and self._configure(message, now):
            return True
        if not self._is_member(message.channel) and message.channel != self._manager:
            return False
        if message.kind in (midi.NOTE_ON, midi.NOTE_OFF):
            return self._note(message, now)
        if not self._note_expression(message):
            return False
        leader = next(reversed(self._notes), None)
        if leader is not None and message.channel in (leader[0], self._manager):
            self._report(now)
        return True

    def _is_member(self, channel: int) -> bool:
        distance = channel - 1 if self._lower else 16 - channel
        return 0 < distance <= self._members

    def _note(self, message: ChannelMessage, now: float) -> bool:
        if not self._is_member(message.channel):
            return False
        key = message.channel, message.data1
        self._notes.pop(key, None)
        if message.kind == midi.NOTE_ON:
            self._notes[key] = None
            if len(self._notes) > MAX_NOTES:
                del self._notes[next(iter(self._notes))]
                self._source.exceeded()
        self._report(now)
        return True

    def _note_expression(self, message: ChannelMessage) -> bool:
        """Keep a channel's bend, pressure or slide; False if the message is another one."""
        channel = self._channels[message.channel]
        match message.kind:
            case midi.BEND:
                channel.bend = message.bend
            case midi.PRESSURE:
                channel.pressure = message.data1
            case midi.CC if message.data1 == _SLIDE:
                channel.slide = message.data2
            case _:
                return False
        return True

    def _configure(self, message: ChannelMessage, now: float) -> bool:
        """All notes off, and the RPNs that configure a zone."""
        if message.data1 in (midi.ALL_NOTES_OFF, midi.ALL_SOUND_OFF):
            return self._silence(now, None if message.channel == self._manager else message.channel)
        entry = self._registers.feed(message)
        if entry is None or not entry.registered:
            return False
        if entry.number == _CONFIGURATION and entry.is_msb and message.channel in (1, 16):
            self._resize(message.channel, min(entry.value, 15), now)
            return True
        return entry.number == _BEND_RANGE and self._set_bend_range(message.channel, entry)

    def _resize(self, manager: int, members: int, now: float) -> None:
        """A zone gets this many members: its bend ranges return to the defaults, and a zone in its way shrinks."""
        if manager != self._manager:
            if members:
                self._members = max(min(self._members, 14 - members), 0)
            return
        self._members = members
        self._bend_range, self._manager_range = _DEFAULT_BEND_SEMITONES, _DEFAULT_MANAGER_SEMITONES
        self._silence(now, None)

    def _set_bend_range(self, channel: int, entry: Entry) -> bool:
        """RPN 0 applies to all members of the zone at once, or to the manager. Its LSB, in cents, is ignored."""
        if not self._is_member(channel) and channel != self._manager:
            return False
        if entry.is_msb:
            semitones = min(float(entry.value), _MAX_BEND_SEMITONES)
            if channel == self._manager:
                self._manager_range = semitones
            else:
                self._bend_range = semitones
        return True

    def _silence(self, now: float, channel: int | None) -> bool:
        """End all notes of one channel, or of the zone; False if none sounded."""
        left = {key: None for key in self._notes if channel is not None and key[0] != channel}
        if len(left) == len(self._notes):
            return False
        self._notes = left
        self._report(now)
        return True

    def _report(self, now: float) -> None:
        leader = next(reversed(self._notes), None)
        if leader is None:
            self._source.update(None, None, False, now)
            return
        x, y = self._axis(self._section.x, *leader), self._axis(self._section.y, *leader)
        self._source.update(x, y, True, now)

    def _axis(self, kind: str, channel: int, note: int) -> float:
        state, zone = self._channels[channel], self._channels[self._manager]
        if kind == "slide":
            return state.slide / 127
        if kind == "pressure":
            return state.pressure / 127
        bend = _semitones(state.bend, self._bend_range) + _semitones(zone.bend, self._manager_range)
        return bend if kind == "bend" else note + bend


def _semitones(bend: int, reach: float) -> float:
    """There is one step less above the centre, and both ends reach the full range."""
    return (bend - 8192) / (8192 if bend < 8192 else 8191) * reach
