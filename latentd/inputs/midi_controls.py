"""MIDI messages to points, as the `midi:` section of a mapping says. Pure."""

from __future__ import annotations

from collections.abc import Callable

from latentd.inputs import midi
from latentd.inputs.mapping import MidiSection, MidiTouch, Pads
from latentd.inputs.midi import ChannelMessage, Entry, Registers
from latentd.inputs.midi_spec import CODINGS, Bend, Cc, Control, Difference, Halves, Nrpn, Pressure, bend_position
from latentd.inputs.source import Fingers, Source

# Takes the rest of a message (channel already right): kind-specific data bytes and the time.
_Handler = Callable[[ChannelMessage, float], None]
_Tell = Callable[[float, float], None]  # position or movement of one axis, time


class MidiReader:
    """One `midi:` section. `hear` takes channel messages; `late` lends time to halves of 14-bit values."""

    def __init__(self, section: MidiSection, source: Source) -> None:
        self._channel = section.channel
        self._source = source
        self._handlers: dict[tuple[int, int | None], list[tuple[int | None, _Handler]]] = {}
        self._registers = Registers()
        self._parameters: list[tuple[Nrpn, int | None, _Tell, Halves]] = []
        self._halves: list[tuple[Halves, _Tell]] = []
        if section.pads is not None:
            self._add_pads(section.pads)
        if section.x is not None and section.y is not None:
            self._add(section.x, lambda value, now: source.hear(value, None, None, now))
            self._add(section.y, lambda value, now: source.hear(None, value, None, now))
        if section.touch is not None:
            self._add_touch(section.touch)

    def hear(self, message: ChannelMessage, now: float) -> bool:
        """Use one message; False when this section does not name it."""
        used = False
        for key in ((message.kind, message.data1), (message.kind, None)):
            for channel, handle in self._handlers.get(key, ()):
                if channel is None or channel == message.channel:
                    handle(message, now)
                    used = True
        if self._parameters and message.kind == midi.CC:
            used = self._hear_parameter(message, now) or used
        return used

    @property
    def waits_since(self) -> float | None:
        """When the half of a 14-bit value that has waited longest came; None where none waits."""
        return min((h.waits_since for h, _ in self._halves if h.waits_since is not None), default=None)

    def late(self, now: float) -> None:
        """Use the halves that have waited long enough for the other."""
        for halves, tell in self._halves:
            value = halves.late(now)
            if value is not None:
                tell(value, now)

    def _on(self, kind: int, data1: int | None, channel: int | None, handle: _Handler) -> None:
        self._handlers.setdefault((kind, data1), []).append((channel or self._channel, handle))

    def _add(self, control: Control, tell: _Tell) -> None:
        channel = control.channel
        match control:
            case Cc(relative=None, bits=7):
                self._on(midi.CC, control.cc, channel, lambda m, now: tell(m.data2 / 127, now))
            case Cc(relative=None):
                self._add_pair(control, tell)
            case Cc():
                decode, step = CODINGS[str(control.relative)], control.step
                self._on(midi.CC, control.cc, channel, lambda m, now: tell(decode(m.data2) * step, now))
            case Nrpn():
                halves = Halves(control.lsb_first)
                self._parameters.append((control, channel or self._channel, tell, halves))
                self._halves.append((halves, tell))
            case Bend():
                self._on(midi.BEND, None, channel, lambda m, now: tell(bend_position(m.bend), now))
            case Pressure():
                self._on(midi.PRESSURE, None, channel, lambda m, now: tell(m.data1 / 127, now))
            case Difference():
                self._add_difference(control, tell)

    def _add_pair(self, control: Cc, tell: _Tell) -> None:
        halves = Halves(control.lsb_first)
        self._halves.append((halves, tell))

        def top(message: ChannelMessage, now: float) -> None:
            _tell_if(tell, halves.msb(message.data2, now), now)

        def low(message: ChannelMessage, now: float) -> None:
            _tell_if(tell, halves.lsb(message.data2, now), now)

        self._on(midi.CC, control.cc, control.channel, top)
        self._on(midi.CC, control.cc + 32, control.channel, low)

    def _add_difference(self, control: Difference, tell: _Tell) -> None:
        push = {control.plus: 0, control.minus: 0}

        def pushed(message: ChannelMessage, now: float) -> None:
            push[message.data1] = message.data2
            tell(0.5 + (push[control.plus] - push[control.minus]) / 254, now)

        for number in push:
            self._on(midi.CC, number, control.channel, pushed)

    def _hear_parameter(self, message: ChannelMessage, now: float) -> bool:
        entry = self._registers.feed(message)
        selects = message.data1 in (midi.NRPN_MSB, midi.NRPN_LSB)
        if entry is None or entry.registered:
            return selects
        used = False
        for control, channel, tell, halves in self._parameters:
            if entry.number != control.nrpn or channel not in (None, message.channel):
                continue
            used = True
            _tell_if(tell, _parameter(control, halves, entry, now), now)
        return used

    def _add_touch(self, touch: MidiTouch) -> None:
        source, on_from = self._source, touch.on_from
        if touch.cc is not None:
            self._on(midi.CC, touch.cc, touch.channel, lambda m, now: source.hear(None, None, m.data2 >= on_from, now))
        elif touch.pressure:
            self._on(
                midi.PRESSURE, None, touch.channel, lambda m, now: source.hear(None, None, m.data1 >= on_from, now)
            )
        else:
            self._add_note_touch(touch)

    def _add_note_touch(self, touch: MidiTouch) -> None:
        """On while one of the notes sounds."""
        sounding: set[tuple[int, int]] = set()
        notes = [None] if touch.note == "any" else touch.note if isinstance(touch.note, list) else [touch.note]

        def note(message: ChannelMessage, now: float) -> None:
            key = message.channel, message.data1
            if message.kind == midi.NOTE_ON:
                sounding.add(key)
            else:
                sounding.discard(key)
            self._source.hear(None, None, bool(sounding), now)

        def silence(_message: ChannelMessage, now: float) -> None:
            sounding.clear()
            self._source.hear(None, None, False, now)

        for number in notes:
            self._on(midi.NOTE_ON, number, touch.channel, note)
            self._on(midi.NOTE_OFF, number, touch.channel, note)
        self._on(midi.CC, midi.ALL_NOTES_OFF, touch.channel, silence)
        self._on(midi.CC, midi.ALL_SOUND_OFF, touch.channel, silence)

    def _add_pads(self, pads: Pads) -> None:
        fingers = Fingers(self._source, newest=True)
        step = pads.row_step or pads.columns

        def pad(message: ChannelMessage, now: float) -> None:
            if message.kind == midi.NOTE_ON:
                row, column = divmod(message.data1 - pads.lowest, step)
                fingers.put(message.data1, column / (pads.columns - 1), row / (pads.rows - 1))
            else:
                fingers.lift(message.data1)
            fingers.tell(now)

        for row in range(pads.rows):
            for column in range(pads.columns):
                self._on(midi.NOTE_ON, pads.lowest + row * step + column, None, pad)
                self._on(midi.NOTE_OFF, pads.lowest + row * step + column, None, pad)


def _parameter(control: Nrpn, halves: Halves, entry: Entry, now: float) -> float | None:
    """The position of a parameter after one entry; None where it says nothing, or not yet."""
    if entry.step:
        return halves.step(entry.step)
    if control.data == "both":
        return halves.msb(entry.value, now) if entry.is_msb else halves.lsb(entry.value, now)
    return halves.msb(entry.value, now) if entry.is_msb == (control.data == "msb") else None


def _tell_if(tell: _Tell, value: float | None, now: float) -> None:
    if value is not None:
        tell(value, now)
