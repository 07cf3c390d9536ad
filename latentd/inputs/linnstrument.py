"""LinnStrument User Firmware Mode to points: all rows together are one pad. Pure.

Source: `user_firmware_mode.md` of rogerlinndesign/linnstrument-firmware. The row is the channel, 1..8 from the bottom;
the column is the note, 0..25. x has 14 bits on CC column and CC column + 32, over the whole width; y is CC column + 64,
within its cell.
"""

from __future__ import annotations

from latentd.inputs.mapping import LinnStrumentSection
from latentd.inputs.source import Fingers, Source
from latentd.midi import messages as midi
from latentd.midi.messages import ChannelMessage

_COLUMNS = 26
_SLIDE = 119


class LinnStrumentReader:
    """One `linnstrument:` section. The first finger leads; it keeps the lead when it slides into another cell."""

    def __init__(self, section: LinnStrumentSection, source: Source) -> None:
        self._rows = section.rows
        self._width = section.width
        self._fingers = Fingers(source, newest=False)
        self._msbs: dict[tuple[int, int], int] = {}  # cell -> MSB of x
        self._sliding: tuple[int, int] | None = None

    def read(self, message: ChannelMessage, now: float) -> bool:
        """Use one message; False if it does not belong to this mode."""
        row = message.channel
        if row > self._rows:
            return False
        if message.kind in (midi.NOTE_ON, midi.NOTE_OFF) and message.data1 < _COLUMNS:
            return self._cell(message, (row, message.data1), now)
        if message.kind != midi.CC:
            return False
        if message.data1 == _SLIDE:
            self._sliding = (row, message.data2)
            return True
        return self._axis(row, message.data1, message.data2, now)

    def _cell(self, message: ChannelMessage, cell: tuple[int, int], now: float) -> bool:
        if message.kind == midi.NOTE_OFF:
            self._fingers.lift(cell)
            self._msbs.pop(cell, None)
        elif self._sliding is not None and self._sliding[0] == cell[0] and self._sliding in self._fingers:
            self._fingers.rename(self._sliding, cell)
        else:
            self._fingers.put(cell)
        if message.kind == midi.NOTE_ON:
            self._sliding = None
        self._fingers.report(now)
        return True

    def _axis(self, row: int, control: int, value: int, now: float) -> bool:
        kind, column = divmod(control, 32)
        cell = row, column
        if kind > 2 or column >= _COLUMNS:
            return False
        if cell not in self._fingers:
            return True  # the note-on of this cell was lost, or its note-off came first
        if kind == 0:
            self._msbs[cell] = value
            return True  # the LSB always follows
        if kind == 1:
            self._fingers.put(cell, x=(self._msbs.get(cell, 0) << 7 | value) / self._width)
        else:
            self._fingers.put(cell, y=(row - 1 + value / 127) / self._rows)
        if cell == self._fingers.leader():
            self._fingers.report(now)
        return True
