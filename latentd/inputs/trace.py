"""What mappings make of one datagram or MIDI message, in words: the same code that plays, asked why. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from latentd.inputs import midi
from latentd.inputs.mapping import DeviceMapping, load_mapping, shipped_mappings
from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.point import Point
from latentd.osc import packets
from latentd.status import Counters

_MOST_ADVICE = 256  # messages whose advice is remembered
_MOST_NAMED = 3
_MOST_WHOLE = 1e15  # whole numbers below are shown with every digit
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class Seen(NamedTuple):
    """A mapping's point, on the pad; x and y are None while they have not been heard."""

    source: str
    x: float | None
    y: float | None
    touch: bool | None

    def __str__(self) -> str:
        place = "no point yet: the other half has not come" if self.x is None or self.y is None else ""
        touch = {True: " touch on", False: " touch off", None: ""}[self.touch]
        return f"{self.source}: {place or f'x {self.x:.3f} y {self.y:.3f}'}{touch}"


class Heard(NamedTuple):
    """One message and what became of it."""

    what: str
    points: list[Seen]
    outcome: str  # where there is no point: why
    address: str = ""  # of an OSC message
    args: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}  ->  {', '.join(map(str, self.points)) or self.outcome}"


class Explainer:
    """Hears messages as a daemon with these mappings would.

    Args:
        daemon: a daemon hears the same, so that messages to it are no riddle.
    """

    def __init__(self, mappings: Sequence[DeviceMapping], daemon: bool = False) -> None:
        self._counters = Counters()
        self._inputs = Inputs(mappings, self._counters)
        self._mappings = list(mappings)
        self._daemon = daemon
        # One gesture for each source, so that none waits for another; where each would put the point.
        self._gestures = {
            m.name: Gesture({m.name: m.gesture.model_copy(update={"filter": None, "pickup": "jump"})}) for m in mappings
        }
        self._advice: dict[str, str] = {}
        self._shipped: list[DeviceMapping] | None = None

    def datagram(self, data: bytes, now: float) -> list[Heard]:
        """All messages of one datagram; one line that says why where it cannot be read."""
        try:
            messages = packets.read(data)
        except packets.Malformed as error:
            return [Heard(f"{len(data)} bytes{_start(data)}", [], f"malformed: {error}")]
        explained = [self._message(m, now)._replace(address=m.address, args=m.args) for m in messages]
        return explained or [Heard("an empty bundle", [], "nothing in it")]

    def midi(self, data: bytes, port: str, now: float) -> Heard:
        """One MIDI event from a port."""
        what = describe_midi(data)
        bad = self._counters.malformed
        wanted = self._inputs.midi(data, port, now)
        if self._counters.malformed != bad:
            return Heard(what, [], "malformed MIDI")
        points = self._points(now)
        if points or wanted:
            return Heard(what, points, "" if points else "wanted; no point from it alone")
        return Heard(what, [], "no mapping wants this" + self._would_midi(data, port, now))

    def _message(self, message: packets.Message, now: float) -> Heard:
        what = describe(message)
        bad = self._counters.malformed
        wanted = self._inputs.osc(message, now)
        if self._counters.malformed != bad:
            return Heard(what, [], "malformed: the arguments are not the numbers that the mapping reads")
        points = self._points(now)
        if points:
            return Heard(what, points, "")
        if wanted:
            return Heard(what, [], "wanted; no point from it alone")
        if message.address.startswith("/latentd/"):
            return Heard(what, [], "the control interface" if self._daemon else "for a running daemon")
        if message.address.startswith("/nsm/"):
            return Heard(what, [], "a synth's own")
        return Heard(what, [], "no mapping wants this" + self._nearest(message, now))

    def _points(self, now: float) -> list[Seen]:
        return [self._on_pad(point) for point in self._inputs.take(now)]

    def _on_pad(self, point: Point) -> Seen:
        gesture = self._gestures[point.source]
        gesture.step([point], point.t)
        half = not point.relative and (point.x is None or point.y is None) and point.touch is None
        x, y = (None, None) if half else gesture.xy
        return Seen(point.source, x, y, point.touch)

    # -- what would help ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Read all shipped mappings now (a third of a second), so that no message has to wait for it."""
        self._others()

    def _nearest(self, message: packets.Message, now: float) -> str:
        """Shipped mappings that would want it, else the nearest address that one of ours knows."""

        def find() -> str:
            willing = [m.name for m in self._others() if Inputs([m], Counters()).osc(message, now)]
            return _try_these(willing) or self._nearest_address(message.address)

        return self._remembered(message.address, find)

    def _would_midi(self, data: bytes, port: str, now: float) -> str:
        """Shipped mappings that would want such a message, whatever its value."""

        def find() -> str:
            return _try_these([m.name for m in self._others() if Inputs([m], Counters()).midi(data, port, now)])

        return self._remembered(f"{port} {data[:2].hex()}", find)

    def _remembered(self, key: str, find: Callable[[], str]) -> str:
        if key not in self._advice:
            if len(self._advice) >= _MOST_ADVICE:
                self._advice.clear()
            self._advice[key] = find()
        return self._advice[key]

    def _nearest_address(self, address: str) -> str:
        known = {
            m.address: mapping.name for mapping in self._mappings if mapping.file.osc for m in mapping.file.osc.messages
        }
        near = difflib.get_close_matches(address, known, n=1, cutoff=0.3)
        return f"; nearest: {near[0]} ({known[near[0]]})" if near else ""

    def _others(self) -> list[DeviceMapping]:
        if self._shipped is None:
            names = {m.name for m in self._mappings}
            self._shipped = [load_mapping(path.stem) for path in shipped_mappings() if path.stem not in names]
        return self._shipped


def _try_these(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"; --mapping {' or '.join(names[:_MOST_NAMED])}{more} would"


def describe(message: packets.Message) -> str:
    """Address and arguments as one would write them down."""
    if message.untagged is not None:
        return f"{_shown(message.address)} {len(message.untagged)} bytes without type tags"
    return " ".join([_shown(message.address), *map(_argument, message.args[:16]), *["…"] * (len(message.args) > 16)])


def _argument(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nil"}[value]
    if isinstance(value, float):
        # Neither NaN nor infinity is an integer; greater ones would fill the screen with digits.
        return f"{value:.1f}" if value.is_integer() and abs(value) < _MOST_WHOLE else f"{value:.6g}"
    if isinstance(value, str):
        return f'"{_shown(value)}"'
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _shown(text: str) -> str:
    """Printable, and no longer than one can read: terminals obey what they are sent."""
    cut = text if len(text) <= 100 else text[:99] + "…"
    return "".join(c if c.isprintable() else "�" for c in cut)


def _start(data: bytes) -> str:
    return f" ({_shown(data[:24].decode('latin-1'))}{'…' if len(data) > 24 else ''})" if data else ""


def describe_midi(data: bytes) -> str:
    """MIDI bytes by name; as numbers where they mean nothing to a mapping."""
    try:
        messages = [_channel_message(message) for message in midi.parse(data)]
    except midi.BadMidi:
        messages = []
    return ", ".join(messages) or f"bytes {data[:16].hex(' ')}{' …' if len(data) > 16 else ''}"


def _channel_message(message: midi.ChannelMessage) -> str:
    note = f"{_NOTES[message.data1 % 12]}{message.data1 // 12 - 1} ({message.data1})"
    said = {
        midi.NOTE_OFF: f"note {note} off",
        midi.NOTE_ON: f"note {note} on, velocity {message.data2}",
        midi.POLY_PRESSURE: f"pressure {message.data2} on {note}",
        midi.CC: f"CC {message.data1} = {message.data2}",
        midi.PROGRAM: f"program {message.data1}",
        midi.PRESSURE: f"pressure {message.data1}",
        midi.BEND: f"bend {message.bend}",
    }
    return f"channel {message.channel}: {said[message.kind]}"
