"""MIDI bytes to messages, and the registered parameters (RPN, NRPN) that span several messages. Pure.

Small, because the JACK process imports it.
"""

from __future__ import annotations

from typing import NamedTuple

NOTE_OFF, NOTE_ON, POLY_PRESSURE, CC, PROGRAM, PRESSURE, BEND = range(0x80, 0xF0, 0x10)
SYSEX = 0xF0

DATA_MSB, DATA_LSB = 6, 38
DATA_INCREMENT, DATA_DECREMENT = 96, 97
NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB = 98, 99, 100, 101
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123


def _length(status: int) -> int:
    if status < 0x80:
        return 0
    if status < SYSEX:
        return 2 if status & 0xE0 == 0xC0 else 3
    return {0xF1: 2, 0xF2: 3, 0xF3: 2, 0xF6: 1}.get(status, 0)


# First byte -> bytes of the whole message; 0 for system exclusive, real-time, undefined and data bytes.
LENGTHS = bytes(map(_length, range(256)))
REAL_TIME = 0xF8  # and above: clock, start, continue, stop, active sensing, reset


class Splitter:
    """Splits the events of a port into whole messages.

    An event may hold several messages, with running status (Csound writes a whole period into one). Clock and other
    real-time messages are dropped, wherever they stand: no mapping reads them.

    Attributes:
        malformed: events so far with data bytes outside a message, or a message cut short.
    """

    __slots__ = ("_in_sysex", "malformed")

    def __init__(self) -> None:
        self._in_sysex = False
        self.malformed = 0

    def split(self, event: bytes) -> list[bytes]:
        """The messages of an event, each with its status byte. Of a system exclusive message only the status is left.

        A system exclusive message may go on in the next event, as ALSA splits long ones.
        """
        if event and LENGTHS[event[0]] == len(event) and event[1:].isascii():  # the usual case
            self._in_sysex = False
            return [event]
        messages: list[bytes] = []
        status = needed = 0  # data bytes of a message with this status
        data: list[int] = []
        incomplete = malformed = False
        for byte in event:
            if byte >= REAL_TIME:
                continue
            if byte >= 0x80:
                malformed = malformed or incomplete
                self._in_sysex = byte == SYSEX
                status, needed, data = byte, max(LENGTHS[byte] - 1, 0), []
                incomplete = needed > 0
                if byte == SYSEX or LENGTHS[byte] == 1:
                    messages.append(bytes((byte,)))
            elif needed:
                data.append(byte)
                incomplete = len(data) < needed
                if not incomplete:
                    messages.append(bytes((status, *data)))
                    data = []
                    needed = needed if status < SYSEX else 0  # no running status for system messages
            elif not self._in_sysex:
                malformed = True
        self.malformed += malformed or incomplete
        return messages


class ChannelMessage(NamedTuple):
    """One MIDI channel message. A note-on with velocity 0 is a note-off here."""

    kind: int  # the status byte without its channel
    channel: int  # 1..16
    data1: int
    data2: int  # 0 for a message with one data byte

    @property
    def bend(self) -> int:
        """The value of a pitch bend, 0..16383: the LSB comes first."""
        return self.data2 << 7 | self.data1


def channel_message(message: bytes) -> ChannelMessage | None:
    """A whole message as a channel message; None for a system message."""
    status = message[0]
    if status >= SYSEX:
        return None
    kind = status & 0xF0
    second = message[2] if len(message) > 2 else 0
    if kind == NOTE_ON and second == 0:
        kind = NOTE_OFF
    return ChannelMessage(kind, (status & 0x0F) + 1, message[1], second)


class Entry(NamedTuple):
    """One data byte for a parameter, or one step of it."""

    registered: bool  # RPN, not NRPN
    number: int  # 0..16383
    is_msb: bool
    value: int
    step: int = 0  # 1 or -1 for data increment and decrement, which have no value


class Registers:
    """The parameter that each channel has selected, and the data that arrive for it.

    MSB and LSB of a number come in either order, and a parameter stays selected until another one is.
    """

    __slots__ = ("_selected",)

    def __init__(self) -> None:
        # Channel -> registered, MSB and LSB of the number (None while unknown).
        self._selected: dict[int, tuple[bool, int | None, int | None]] = {}

    def feed(self, message: ChannelMessage) -> Entry | None:
        """Take one control change; returns the entry if it was data for a selected parameter."""
        control, value = message.data1, message.data2
        if control in (NRPN_MSB, NRPN_LSB, RPN_MSB, RPN_LSB):
            self._select(message.channel, control in (RPN_MSB, RPN_LSB), control in (NRPN_MSB, RPN_MSB), value)
            return None
        if control not in (DATA_MSB, DATA_LSB, DATA_INCREMENT, DATA_DECREMENT):
            return None
        registered, msb, lsb = self._selected.get(message.channel, (False, None, None))
        if msb is None or lsb is None or (msb, lsb) == (127, 127):  # 127, 127 deselects
            return None
        step = {DATA_INCREMENT: 1, DATA_DECREMENT: -1}.get(control, 0)
        return Entry(registered, msb << 7 | lsb, control == DATA_MSB, value, step)

    def _select(self, channel: int, registered: bool, is_msb: bool, value: int) -> None:
        was_registered, msb, lsb = self._selected.get(channel, (registered, None, None))
        if was_registered != registered:
            msb = lsb = None
        self._selected[channel] = (registered, value, lsb) if is_msb else (registered, msb, value)
