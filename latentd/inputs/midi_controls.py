"""MIDI messages to points, by the `midi:` section of a mapping. Pure."""

from __future__ import annotations

from collections.abc import Callable

from latentd.inputs.mapping import MidiSection, MidiTouch, Pads
from latentd.inputs.midi_spec import CODINGS, Bend, Cc, Difference, MidiControl, MsbLsb, Nrpn, Pressure, bend_position
from latentd.inputs.source import Fingers, Source
from latentd.midi import messages as midi
from latentd.midi.messages import ChannelMessage, Entry, Registers

# Takes a message of the right kind, number and channel, and the time.
_Handler = Callable[[ChannelMessage, float], None]
_SetAxis = Callable[[float, float], None]  # takes the position or movement of one axis, and the time


class MidiReader:
    """One `midi:` section. `read` takes channel messages; `late` uses halves of 14-bit values that have waited."""

    def __init__(self, section: MidiSection, source: Source) -> None:
        self._channel = section.channel
        self._source = source
        self._handlers: dict[tuple[int, int | None], list[tuple[int | None, _Handler]]] = {}
        self._registers = Registers()
        self._parameters: list[tuple[Nrpn, int | None, _SetAxis, MsbLsb]] = []
        self._pairs: list[tuple[MsbLsb, _SetAxis]] = []
        if section.pads is not None:
            self._add_pads(section.pads)
        if section.x is not None and section.y is not None:
            self._add(section.x, lambda value, now: source.update(value, None, None, now))
            self._add(section.y, lambda value, now: source.update(None, value, None, now))
        if section.touch is not None:
            self._add_touch(section.touch)

    def read(self, message: ChannelMessage, now: float) -> bool:
        """Use one message; False if this section does not list it."""
        used = False
        for key in ((message.kind, message.data1), (message.kind, None)):
            for channel, handle in self._handlers.get(key, ()):
                if channel is None or channel == message.channel:
                    handle(message, now)
                    used = True
        if self._parameters and message.kind == midi.CC:
            used = self._read_parameter(message, now) or used
        return used

    @property
    def waits_since(self) -> float | None:
        """When the MSB or LSB that has waited longest for the other one came; None if none waits."""
        return min((pair.waits_since for pair, _ in self._pairs if pair.waits_since is not None), default=None)

    def late(self, now: float) -> None:
        """Use every MSB or LSB that has waited long enough for the other one."""
        for pair, set_axis in self._pairs:
            _set_if(set_axis, pair.late(now), now)

    def _on(self, kind: int, data1: int | None, channel: int | None, handle: _Handler) -> None:
        self._handlers.setdefault((kind, data1), []).append((channel or self._channel, handle))

    def _add(self, control: MidiControl, set_axis: _SetAxis) -> None:
        channel = control.channel
        match control:
            case Cc(relative=None, bits=7):
                self._on(midi.CC, control.cc, channel, lambda m, now: set_axis(m.data2 / 127, now))
            case Cc(relative=None):
                self._add_pair(control, set_axis)
            case Cc():
                decode, step = CODINGS[str(control.relative)], control.step
                self._on(midi.CC, control.cc, channel, lambda m, now: set_axis(decode(m.data2) * step, now))
            case Nrpn():
                pair = MsbLsb(control.lsb_first)
                self._parameters.append((control, channel or self._channel, set_axis, pair))
                self._pairs.append((pair, set_axis))
            case Bend():
                self._on(midi.BEND, None, channel, lambda m, now: set_axis(bend_position(m.bend), now))
            case Pressure():
                self._on(midi.PRESSURE, None, channel, lambda m, now: set_axis(m.data1 / 127, now))
            case Difference():
                self._add_difference(control, set_axis)

    def _add_pair(self, control: Cc, set_axis: _SetAxis) -> None:
        pair = MsbLsb(control.lsb_first)
        self._pairs.append((pair, set_axis))

        def msb(message: ChannelMessage, now: float) -> None:
            _set_if(set_axis, pair.msb(message.data2, now), now)

        def lsb(message: ChannelMessage, now: float) -> None:
            _set_if(set_axis, pair.lsb(message.data2, now), now)

        self._on(midi.CC, control.cc, control.channel, msb)
        self._on(midi.CC, control.cc + 32, control.channel, lsb)

    def _add_difference(self, control: Difference, set_axis: _SetAxis) -> None:
        push = {control.plus: 0, control.minus: 0}

        def pushed(message: ChannelMessage, now: float) -> None:
            push[message.data1] = message.data2
            set_axis(0.5 + (push[control.plus] - push[control.minus]) / 254, now)

        for number in push:
            self._on(midi.CC, number, control.channel, pushed)

    def _read_parameter(self, message: ChannelMessage, now: float) -> bool:
        entry = self._registers.feed(message)
        selects = message.data1 in (midi.NRPN_MSB, midi.NRPN_LSB)
        if entry is None or entry.registered:
            return selects
        used = False
        for control, channel, set_axis, pair in self._parameters:
            if entry.number != control.nrpn or channel not in (None, message.channel):
                continue
            used = True
            _set_if(set_axis, _parameter(control, pair, entry, now), now)
        return used

    def _add_touch(self, touch: MidiTouch) -> None:
        def set_touch(value: int, now: float) -> None:
            self._source.update(None, None, value >= touch.on_from, now)

        if touch.cc is not None:
            self._on(midi.CC, touch.cc, touch.channel, lambda m, now: set_touch(m.data2, now))
        elif touch.pressure:
            self._on(midi.PRESSURE, None, touch.channel, lambda m, now: set_touch(m.data1, now))
        else:
            self._add_note_touch(touch)

    def _add_note_touch(self, touch: MidiTouch) -> None:
        """Touch is on while one of the notes sounds."""
        sounding: set[tuple[int, int]] = set()
        notes = [None] if touch.note == "any" else touch.note if isinstance(touch.note, list) else [touch.note]

        def note(message: ChannelMessage, now: float) -> None:
            key = message.channel, message.data1
            if message.kind == midi.NOTE_ON:
                sounding.add(key)
            else:
                sounding.discard(key)
            self._source.update(None, None, bool(sounding), now)

        def silence(_message: ChannelMessage, now: float) -> None:
            sounding.clear()
            self._source.update(None, None, False, now)

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
            fingers.report(now)

        for row in range(pads.rows):
            for column in range(pads.columns):
                self._on(midi.NOTE_ON, pads.lowest + row * step + column, None, pad)
                self._on(midi.NOTE_OFF, pads.lowest + row * step + column, None, pad)


def _parameter(control: Nrpn, pair: MsbLsb, entry: Entry, now: float) -> float | None:
    """The position of a parameter after one entry; None if the entry does not change it, or not yet."""
    if entry.step:
        return pair.step(entry.step)
    if control.data == "both":
        return pair.msb(entry.value, now) if entry.is_msb else pair.lsb(entry.value, now)
    return pair.msb(entry.value, now) if entry.is_msb == (control.data == "msb") else None


def _set_if(set_axis: _SetAxis, value: float | None, now: float) -> None:
    if value is not None:
        set_axis(value, now)
