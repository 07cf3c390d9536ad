"""All inputs at once: messages in, the newest point of every source out. Pure: no socket, no clock, no queue."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence

from latentd.inputs.linnstrument import LinnStrumentReader
from latentd.inputs.mapping import DeviceMapping
from latentd.inputs.midi import BadMidi, parse
from latentd.inputs.midi_controls import MidiReader
from latentd.inputs.midi_spec import HALF_WAITS_S
from latentd.inputs.mpe import MpeReader
from latentd.inputs.osc_messages import OscReader
from latentd.inputs.source import Fingers, Source
from latentd.inputs.tuio import Tuio11, Tuio20
from latentd.instrument.point import Point
from latentd.osc import packets
from latentd.osc.packets import Message
from latentd.status import Counters

_Hear = Callable[[Message, float], bool]
_Reader = MidiReader | MpeReader | LinnStrumentReader

# What is connected to it in JACK comes mixed, and nothing says whose it is: mappings of any port hear it.
JACK_PORT = "latentd:midi_in"

# Addresses whose readers are known. Cleared when full, so that made-up addresses cannot grow it.
_MAX_KNOWN = 1_024
# Names that one part of a mapping's address may stand for to be found by incoming patterns: it bounds a search's time.
_MAX_LITERALS = 256
_PIECE = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[^\[{]+")
# What OSC 1.0 allows in a name: printable ASCII without its special characters.
_NAME_CHARS = [chr(code) for code in range(33, 127) if chr(code) not in "#*,/?[]{}"]


class Inputs:
    """Every mapping's readers and sources.

    Counts what is malformed or superseded. What nobody here wants (the methods return False) is for the caller to
    offer elsewhere and to count.
    """

    def __init__(self, mappings: Sequence[DeviceMapping], counters: Counters) -> None:
        self._counters = counters
        self._sources: list[Source] = []
        self._routes: list[tuple[str, _Hear]] = []  # address as the mapping has it, wildcards and all
        self._known: dict[str, tuple[_Hear, ...]] = {}
        self._midi: list[tuple[str | None, _Reader]] = []  # part of the port's name in lower case, or any
        self._pairs: list[MidiReader] = []
        for mapping in mappings:
            self._add(mapping)

    def osc(self, message: Message, now: float) -> bool:
        """Use one OSC message that arrived at `now` (monotonic s). True when some mapping wanted it."""
        readers = self._known.get(message.address)
        if readers is None:
            readers = self._find(message.address)
        used = False
        for hear in readers:
            if hear(message, now):
                used = True
        return used

    def midi(self, data: bytes, port: str, now: float) -> bool:
        """Use one MIDI event, or several in a row, that came in on `port`. True when some mapping wanted it."""
        mixed, port = port == JACK_PORT, port.lower()
        readers = [reader for wanted, reader in self._midi if mixed or wanted is None or wanted in port]
        used = False
        try:
            for message in parse(data):
                for reader in readers:
                    used = reader.hear(message, now) or used
        except BadMidi:
            self._counters.malformed += 1
        return used

    def take(self, now: float | None = None) -> list[Point]:
        """The newest point of every source that changed since the last call.

        With `now`, halves of 14-bit values that have waited in vain for the other half are used first.
        """
        if now is not None:
            for pair in self._pairs:
                pair.late(now)
        return [point for source in self._sources if (point := source.take()) is not None]

    def due(self) -> float | None:
        """When `take` wants a call although nothing came in, for a half that may be alone; None: never."""
        waits = [since for pair in self._pairs if (since := pair.waits_since) is not None]
        return min(waits) + HALF_WAITS_S if waits else None

    def _find(self, address: str) -> tuple[_Hear, ...]:
        """Who reads this address: our wildcards name incoming addresses, incoming patterns those that we read."""
        meet = _meet if packets.is_pattern(address) else _names
        readers = tuple(hear for mine, hear in self._routes if meet(mine, address))
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[address] = readers
        return readers

    def _add(self, mapping: DeviceMapping) -> None:
        file = mapping.file
        relative = file.osc.relative if file.osc else bool(file.midi and file.midi.x and file.midi.x.relative_axis)
        source = Source(mapping.name, self._counters, relative)
        self._sources.append(source)
        if file.osc:
            fingers = Fingers(source, newest=file.osc.lead == "newest")
            for message in file.osc.messages:
                reader = OscReader(file.osc, message, source, fingers, self._counters)
                self._routes.append((message.address, reader.hear))
        if file.tuio:
            tuio = (Tuio11 if file.tuio.version == 1 else Tuio20)(source, self._counters)
            self._routes += tuio.routes().items()
        if file.midi:
            pair = MidiReader(file.midi, source)
            self._pairs.append(pair)
            self._listen(file.midi.port, pair)
        if file.mpe:
            self._listen(file.mpe.port, MpeReader(file.mpe, source))
        if file.linnstrument:
            self._listen(file.linnstrument.port, LinnStrumentReader(file.linnstrument, source))

    def _listen(self, port: str | None, reader: _Reader) -> None:
        self._midi.append((port.lower() if port else None, reader))


def _names(mine: str, address: str) -> bool:
    """Does a mapping's address name this literal one?"""
    return mine == address or packets.matches(mine, address)


def _meet(mine: str, pattern: str) -> bool:
    """Is there an address that both a mapping's address and an incoming pattern name?

    Looked for part by part, since nothing in a pattern crosses a `/`. Where both sides of a part are patterns, ours
    must stand for a few literal names, as `xy[1-9]` or `{left,right}` does: with `*` or `?` in both they do not meet.
    """
    ours, theirs = mine.split("/"), pattern.split("/")
    return len(ours) == len(theirs) and all(map(_parts_meet, ours, theirs))


def _parts_meet(ours: str, theirs: str) -> bool:
    if not packets.is_pattern(theirs):
        return packets.matches(ours, theirs)
    return any(packets.matches(theirs, name) for name in _literals(ours))


@functools.lru_cache(maxsize=256)
def _literals(part: str) -> tuple[str, ...]:
    """All names that one part of a mapping's address stands for; none where these are many, or any."""
    if "*" in part or "?" in part:
        return ()
    pieces = [_choices(piece) for piece in _PIECE.findall(part)]
    if math.prod(map(len, pieces)) > _MAX_LITERALS:
        return ()
    names = map("".join, itertools.product(*pieces))
    return tuple(name for name in names if packets.matches(part, name))  # none, if a bracket does not close


def _choices(piece: str) -> list[str]:
    """What a piece between brackets stands for; any other piece stands for itself."""
    if piece.startswith("["):
        return [char for char in _NAME_CHARS if packets.matches(piece, char)]
    return piece[1:-1].split(",") if piece.startswith("{") else [piece]
