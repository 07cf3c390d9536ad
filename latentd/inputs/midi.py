"""MIDI bytes to channel messages, and the registers that NRPN and RPN need. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NOTE_OFF, NOTE_ON, POLY_PRESSURE, CC, PROGRAM, PRESSURE, BEND = range(0x80, 0xF0, 0x10)

_DATA_BYTES = {NOTE_OFF: 2, NOTE_ON: 2, POLY_PRESSURE: 2, CC: 2, PROGRAM: 1, PRESSURE: 1, BEND: 2}
# Data bytes of the system common messages; what is not here has none.
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}

DATA_MSB, DATA_LSB = 6, 38
DATA_INCREMENT, DATA_DECREMENT = 96, 97
NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB = 98, 99, 100, 101
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123


class ChannelMessage(NamedTuple):
    """One MIDI channel message. A note on of velocity 0 has become a note off."""

    kind: int  # the status byte without its channel
    channel: int  # 1..16
    data1: int
    data2: int  # 0 where the message has one data byte

    @property
    def bend(self) -> int:
        """The value of a pitch bend, 0..16383: the lower half comes first."""
        return self.data2 << 7 | self.data1


class BadMidi(Exception):
    """These bytes break the MIDI protocol; what was read before them counts."""


def parse(data: bytes) -> Iterator[ChannelMessage]:
    """The channel messages of one MIDI event or several in a row, running status included.

    System messages are read over: exclusive ones up to their end, clock and active sensing anywhere.

    Raises:
        BadMidi: data without a status, or a message cut short.
    """
    status = 0
    pending: list[int] = []
    exclusive = False
    for byte in data:
        if byte >= 0xF8:
            continue
        if byte >= 0x80:
            if pending:
                raise BadMidi("a message cut short")
            exclusive = byte == 0xF0
            status = byte
            continue
        if exclusive:
            continue
        wanted = _SYSTEM.get(status, 0) if status >= 0xF0 else _DATA_BYTES.get(status & 0xF0, 0)
        if not wanted:
            raise BadMidi("data without a status")
        pending.append(byte)
        if len(pending) < wanted:
            continue
        if status >= 0xF0:
            status = 0
        else:
            yield _message(status, pending)
        pending = []
    if pending or (data and not exclusive and status and data[-1] == status and _needs_data(status)):
        raise BadMidi("a message cut short")


def _needs_data(status: int) -> bool:
    return status < 0xF0 or status in _SYSTEM


def _message(status: int, data: list[int]) -> ChannelMessage:
    kind = status & 0xF0
    second = data[1] if len(data) > 1 else 0
    if kind == NOTE_ON and second == 0:
        kind = NOTE_OFF
    return ChannelMessage(kind, (status & 0x0F) + 1, data[0], second)


class Entry(NamedTuple):
    """One data byte for a parameter, or one step of it."""

    registered: bool  # RPN, not NRPN
    number: int  # 0..16383
    is_msb: bool
    value: int
    step: int = 0  # 1 or -1 for data increment and decrement, whose value means nothing


class Registers:
    """The parameter that each channel has selected, and the data that arrives for it.

    The two halves of a number come in either order, and a parameter stays selected until another is.
    """

    __slots__ = ("_selected",)

    def __init__(self) -> None:
        # Channel -> registered, upper and lower half of the number (None while unknown).
        self._selected: dict[int, tuple[bool, int | None, int | None]] = {}

    def feed(self, message: ChannelMessage) -> Entry | None:
        """Take one control change; the entry if it was data for a selected parameter."""
        control, value = message.data1, message.data2
        if control in (NRPN_MSB, NRPN_LSB, RPN_MSB, RPN_LSB):
            self._select(message.channel, control in (RPN_MSB, RPN_LSB), control in (NRPN_MSB, RPN_MSB), value)
            return None
        if control not in (DATA_MSB, DATA_LSB, DATA_INCREMENT, DATA_DECREMENT):
            return None
        registered, top, low = self._selected.get(message.channel, (False, None, None))
        if top is None or low is None or (top, low) == (127, 127):  # 127, 127 deselects
            return None
        step = {DATA_INCREMENT: 1, DATA_DECREMENT: -1}.get(control, 0)
        return Entry(registered, top << 7 | low, control == DATA_MSB, value, step)

    def _select(self, channel: int, registered: bool, is_msb: bool, value: int) -> None:
        was_registered, top, low = self._selected.get(channel, (registered, None, None))
        if was_registered != registered:
            top = low = None
        self._selected[channel] = (registered, value, low) if is_msb else (registered, top, value)
