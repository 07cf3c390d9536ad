"""All inputs together: messages in, the newest point of every source out. Pure: no socket, no clock, no queue."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence

from latentd.inputs.linnstrument import LinnStrumentReader
from latentd.inputs.mapping import DeviceMapping
from latentd.inputs.midi_controls import MidiReader
from latentd.inputs.midi_spec import PAIR_WAIT_S
from latentd.inputs.mpe import MpeReader
from latentd.inputs.osc_messages import OscReader
from latentd.inputs.pad_range import PadRange
from latentd.inputs.source import Fingers, Source
from latentd.inputs.tuio import Tuio11, Tuio20
from latentd.instrument.point import Point
from latentd.midi.messages import SYSEX, Splitter, channel_message
from latentd.osc import packets
from latentd.osc.packets import Message
from latentd.status import Counters
from latentd.system.port_patterns import name_part

_Read = Callable[[Message, float], bool]
_MidiReader = MidiReader | MpeReader | LinnStrumentReader

# JACK mixes everything that is connected to this port and does not say which port a message came from: mappings of
# any port read it.
JACK_PORT = "latentd:midi_in"

# Addresses, and ports, whose readers are known. Cleared when full: random addresses cannot make it grow.
MAX_KNOWN = 1_024
# If one part of a mapping's address stands for more names than this, incoming patterns do not find it: the limit bounds
# the time of a search.
_MAX_LITERALS = 256
_PIECE = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[^\[{]+")
# The characters of names in OSC 1.0: printable ASCII without the special ones.
_NAME_CHARS = [chr(code) for code in range(33, 127) if chr(code) not in "#*,/?[]{}"]


class Inputs:
    """The readers and sources of all mappings.

    Counts malformed, superseded and system exclusive messages. A message that no mapping uses (the methods return
    False) is left to the caller.

    Attributes:
        clipped: mappings and their first values that do not lie on the pad, in words. Each mapping comes once; the
            caller may remove it.
    """

    def __init__(self, mappings: Sequence[DeviceMapping], counters: Counters) -> None:
        self.clipped: list[tuple[str, str]] = []
        self._counters = counters
        self._sources: list[Source] = []
        self._routes: list[tuple[str, _Read, Source]] = []  # the mapping's address, with its wildcards
        self._known: dict[str, tuple[tuple[_Read, Source], ...]] = {}
        # what finds a part of the port's name; None: any port
        self._midi: list[tuple[re.Pattern[str] | None, _MidiReader, Source]] = []
        self._midi_known: dict[str, tuple[tuple[_MidiReader, Source], ...]] = {}
        self._midi_readers: list[MidiReader] = []
        self._splitter = Splitter()
        for mapping in mappings:
            self._add(mapping)

    def osc(self, message: Message, now: float, arrived: float | None = None) -> bool:
        """Use one OSC message that is read at `now` (monotonic s) and `arrived` before. False if no mapping uses it."""
        readers = self._known.get(message.address)
        if readers is None:
            readers = self._find(message.address)
        used = False
        for read, source in readers:
            if read(message, now):
                used = True
                source.arrived = arrived
        return used

    def midi(self, data: bytes, port: str, now: float, arrived: float | None = None) -> bool:
        """Use the MIDI messages of one event of `port`. False if no mapping uses them.

        True also for system exclusive and malformed ones, which have counters of their own.
        """
        readers = self._midi_known.get(port)
        if readers is None:
            readers = self._find_midi(port)
        used = False
        splitter, malformed = self._splitter, self._splitter.malformed
        for whole in splitter.split(data):
            message = channel_message(whole)
            if message is None:
                if whole[0] == SYSEX:
                    self._counters.sysex += 1
                    used = True
                continue
            for reader, source in readers:
                if reader.read(message, now):
                    used = True
                    source.arrived = arrived
        if splitter.malformed != malformed:
            self._counters.malformed += 1
            used = True
        return used

    def take(self, now: float | None = None) -> list[Point]:
        """The newest point of every source that changed since the last call.

        With `now`, an MSB or LSB that has waited too long for the other one is used first.
        """
        if now is not None:
            for reader in self._midi_readers:
                reader.late(now)
        return [point for source in self._sources if (point := source.take()) is not None]

    def due(self) -> float | None:
        """When to call `take` without input, for an MSB or LSB that waits for the other one; None if none does."""
        waits = [since for reader in self._midi_readers if (since := reader.waits_since) is not None]
        return min(waits) + PAIR_WAIT_S if waits else None

    def _find(self, address: str) -> tuple[tuple[_Read, Source], ...]:
        """The readers of an address: a mapping's wildcards match addresses, and incoming patterns match mappings."""
        matches = _overlap if packets.is_pattern(address) else _matches
        readers = tuple((read, source) for mine, read, source in self._routes if matches(mine, address))
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[address] = readers
        return readers

    def _find_midi(self, port: str) -> tuple[tuple[_MidiReader, Source], ...]:
        """The readers of a port."""
        mixed = port == JACK_PORT
        readers = tuple((r, source) for part, r, source in self._midi if mixed or part is None or part.search(port))
        if len(self._midi_known) >= MAX_KNOWN:
            self._midi_known.clear()
        self._midi_known[port] = readers
        return readers

    def _add(self, mapping: DeviceMapping) -> None:
        file = mapping.file
        relative = file.osc.relative if file.osc else bool(file.midi and file.midi.x and file.midi.x.relative_axis)
        source = Source(mapping.name, self._counters, relative)
        if not relative:
            source.watch(PadRange(mapping.gesture), self.clipped)
        self._sources.append(source)
        if file.osc:
            fingers = Fingers(source, newest=file.osc.lead == "newest")
            for message in file.osc.messages:
                osc_reader = OscReader(file.osc, message, source, fingers, self._counters)
                self._routes.append((message.address, osc_reader.read, source))
        if file.tuio:
            tuio = (Tuio11 if file.tuio.version == 1 else Tuio20)(source, self._counters)
            self._routes += [(address, read, source) for address, read in tuio.routes().items()]
        if file.midi:
            reader = MidiReader(file.midi, source)
            self._midi_readers.append(reader)
            self._add_midi(file.midi.port, reader, source)
        if file.mpe:
            self._add_midi(file.mpe.port, MpeReader(file.mpe, source), source)
        if file.linnstrument:
            self._add_midi(file.linnstrument.port, LinnStrumentReader(file.linnstrument, source), source)

    def _add_midi(self, port: str | None, reader: _MidiReader, source: Source) -> None:
        self._midi.append((name_part(port) if port else None, reader, source))


def _matches(mine: str, address: str) -> bool:
    """Does a mapping's address match this literal one?"""
    return mine == address or packets.matches(mine, address)


def _overlap(mine: str, pattern: str) -> bool:
    """Do a mapping's address and an incoming pattern match a common address?

    Compared part by part, since nothing in a pattern crosses a `/`. If both parts are patterns, the mapping's must
    stand for a few literal names, as `xy[1-9]` or `{left,right}` does: with `*` or `?` in both they do not overlap.
    """
    ours, theirs = mine.split("/"), pattern.split("/")
    return len(ours) == len(theirs) and all(map(_parts_overlap, ours, theirs))


def _parts_overlap(ours: str, theirs: str) -> bool:
    if not packets.is_pattern(theirs):
        return packets.matches(ours, theirs)
    return any(packets.matches(theirs, name) for name in _literals(ours))


@functools.lru_cache(maxsize=256)
def _literals(part: str) -> tuple[str, ...]:
    """All names that one part of a mapping's address stands for; empty if there are too many to list."""
    if "*" in part or "?" in part:
        return ()
    pieces = [_choices(piece) for piece in _PIECE.findall(part)]
    if math.prod(map(len, pieces)) > _MAX_LITERALS:
        return ()
    names = map("".join, itertools.product(*pieces))
    return tuple(name for name in names if packets.matches(part, name))  # empty if a bracket does not close


def _choices(piece: str) -> list[str]:
    """The names that a piece in brackets stands for; any other piece stands for itself."""
    if piece.startswith("["):
        return [char for char in _NAME_CHARS if packets.matches(piece, char)]
    return piece[1:-1].split(",") if piece.startswith("{") else [piece]
