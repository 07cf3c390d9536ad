"""What the mappings make of one datagram or MIDI message, in words. Runs the code that plays. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from latentd.inputs.mapping import DeviceMapping, load_mapping, shipped_mappings
from latentd.inputs.pad_range import PadRange
from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture import Gesture
from latentd.instrument.point import Point
from latentd.midi.messages import SYSEX, Splitter
from latentd.midi.names import describe as describe_message
from latentd.osc import packets
from latentd.status import Counters

_MAX_ADVICE = 256  # addresses and MIDI messages whose advice is remembered
_MAX_SUGGESTED = 3  # mappings in one line
_MAX_WHOLE = 1e15  # whole numbers below are shown with every digit


class PadPoint(NamedTuple):
    """The point of one source, on the pad. x or y is None until a message sets it: the pad's own value counts then."""

    source: str
    x: float | None
    y: float | None
    touch: bool | None
    clipped: str  # the device's values outside the mapping's range, in words

    def __str__(self) -> str:
        if self.x is None and self.y is None:
            place = ""
        else:
            x, y = ("not set yet" if value is None else f"{value:.3f}" for value in (self.x, self.y))
            place = f" x {x} y {y}"
        touch = {True: " touch on", False: " touch off", None: ""}[self.touch]
        clipped = f" (clipped: {self.clipped})" if self.clipped else ""
        return f"{self.source}:{place}{touch}{clipped}"


class Trace(NamedTuple):
    """One message and its effect."""

    what: str
    points: list[PadPoint]
    outcome: str  # without a point: the reason
    mappings: tuple[str, ...] = ()  # those that use the message
    address: str = ""  # of an OSC message
    args: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}  ->  {', '.join(map(str, self.points)) or self.outcome}"


class _Mapped:
    """One mapping, as a daemon would run it alone."""

    def __init__(self, mapping: DeviceMapping) -> None:
        self.name = mapping.name
        self.counters = Counters()
        self.inputs = Inputs([mapping], self.counters)
        self._range = PadRange(mapping.gesture)
        self._swap = mapping.gesture.swap
        plain = mapping.gesture.model_copy(update={"filter": None, "pickup": "jump"})
        self._gesture = Gesture({mapping.name: plain})

    def take(self, now: float) -> list[PadPoint]:
        """The new point, if there is one."""
        return [self._on_pad(point) for point in self.inputs.take(now)]

    def _on_pad(self, point: Point) -> PadPoint:
        self._gesture.step([point], point.t)
        known = [point.relative or value is not None for value in (point.x, point.y)]
        x, y = (
            value if is_known else None
            for value, is_known in zip(self._gesture.xy, known[:: -1 if self._swap else 1], strict=True)
        )
        return PadPoint(point.source, x, y, point.touch, self._range.excess(point))


def _needs_daemon(_address: str) -> str:
    return "latentd's control interface, which needs a running daemon"


class Tracer:
    """Reads messages as a daemon with these mappings would.

    Args:
        control: the outcome of a message to latentd's own control interface, by its address.
    """

    def __init__(self, mappings: Sequence[DeviceMapping], control: Callable[[str], str] = _needs_daemon) -> None:
        self._mappings = list(mappings)
        self._mapped = [_Mapped(mapping) for mapping in mappings]
        self._control = control
        self._advice: dict[str, str] = {}
        self._shipped: list[DeviceMapping] | None = None

    def datagram(self, data: bytes, now: float) -> list[Trace]:
        """A trace of each message in a datagram; one with the reason if the datagram cannot be read."""
        return _each(data, lambda message: self._message(message, now))

    @staticmethod
    def refused(data: bytes, reason: str) -> list[Trace]:
        """The same for a datagram that no mapping may use."""
        return _each(data, lambda message: Trace(describe(message), [], reason))

    def midi(self, data: bytes, port: str, now: float) -> Trace:
        """A trace of one MIDI event of a port."""
        what = describe_midi(data)
        if data[:1] == bytes((SYSEX,)):
            return Trace(what, [], "ignored: mappings do not read system exclusive messages")
        trace = self._use(what, lambda inputs: inputs.midi(data, port, now), now)
        if trace.outcome == _MALFORMED:
            return trace._replace(outcome="malformed MIDI", mappings=())
        return trace if trace.mappings else trace._replace(outcome=_UNUSED + self._others_for_midi(data, port, now))

    def _message(self, message: packets.Message, now: float) -> Trace:
        trace = self._use(describe(message), lambda inputs: inputs.osc(message, now), now)
        if trace.outcome == _MALFORMED:
            names = ", ".join(trace.mappings)
            return trace._replace(outcome=f"malformed: the arguments are not the numbers that {names} reads")
        if trace.mappings:
            return trace
        if message.address.startswith("/latentd/"):
            return trace._replace(outcome=self._control(message.address))
        if message.address.startswith("/nsm/"):
            return trace._replace(outcome="session management (NSM), from a synth")
        return trace._replace(outcome=_UNUSED + self._others_for_osc(message, now))

    def _use(self, what: str, use: Callable[[Inputs], bool], now: float) -> Trace:
        """Let every mapping use a message."""
        users: list[str] = []
        points: list[PadPoint] = []
        malformed = False
        for mapped in self._mapped:
            before = mapped.counters.malformed
            if use(mapped.inputs):
                users.append(mapped.name)
            malformed = malformed or mapped.counters.malformed != before
            points += mapped.take(now)
        outcome = "" if points else _MALFORMED if malformed else f"used by {', '.join(users)}; sets no point alone"
        return Trace(what, points, outcome, tuple(users))

    # -- advice --------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Read all shipped mappings now (0.3 s), so that no message has to wait for it."""
        self._others()

    def _others_for_osc(self, message: packets.Message, now: float) -> str:
        """Shipped mappings that would use a message, or the most similar address of our mappings."""

        def find() -> str:
            users = [m.name for m in self._others() if Inputs([m], Counters()).osc(message, now)]
            return _suggest(users) or self._similar_address(message.address)

        return self._remembered(message.address, find)

    def _others_for_midi(self, data: bytes, port: str, now: float) -> str:
        """Shipped mappings that would use a MIDI message, whatever its value."""

        def find() -> str:
            return _suggest([m.name for m in self._others() if Inputs([m], Counters()).midi(data, port, now)])

        return self._remembered(f"{port} {data[:2].hex()}", find)

    def _remembered(self, key: str, find: Callable[[], str]) -> str:
        if key not in self._advice:
            if len(self._advice) >= _MAX_ADVICE:
                self._advice.clear()
            self._advice[key] = find()
        return self._advice[key]

    def _similar_address(self, address: str) -> str:
        known = {
            m.address: mapping.name for mapping in self._mappings if mapping.file.osc for m in mapping.file.osc.messages
        }
        near = difflib.get_close_matches(address, known, n=1, cutoff=0.3)
        return f"; similar: {near[0]} ({known[near[0]]})" if near else ""

    def _others(self) -> list[DeviceMapping]:
        if self._shipped is None:
            names = {m.name for m in self._mappings}
            self._shipped = [load_mapping(path.stem) for path in shipped_mappings() if path.stem not in names]
        return self._shipped


_MALFORMED, _UNUSED = "malformed", "no mapping uses this"


def _each(data: bytes, trace: Callable[[packets.Message], Trace]) -> list[Trace]:
    try:
        messages = packets.read(data)
    except packets.Malformed as error:
        return [Trace(f"{len(data)} bytes{_start(data)}", [], f"malformed: {error}")]
    traces = [trace(message)._replace(address=message.address, args=message.args) for message in messages]
    return traces or [Trace("an empty bundle", [], "nothing in it")]


def _suggest(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MAX_SUGGESTED} more" if len(names) > _MAX_SUGGESTED else ""
    return f"; --mapping {' or '.join(names[:_MAX_SUGGESTED])}{more} would"


def describe(message: packets.Message) -> str:
    """Address and arguments, as one would type them."""
    if message.untagged is not None:
        return f"{_printable(message.address)} {len(message.untagged)} bytes without type tags"
    more = ["…"] if len(message.args) > 16 else []
    return " ".join([_printable(message.address), *map(_argument, message.args[:16]), *more])


def _argument(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nil"}[value]
    if isinstance(value, float):
        # NaN and infinity are not integers; larger numbers would fill the screen with digits.
        return f"{value:.1f}" if value.is_integer() and abs(value) < _MAX_WHOLE else f"{value:.6g}"
    if isinstance(value, str):
        return f'"{_printable(value)}"'
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _printable(text: str) -> str:
    """Printable and short: a terminal would carry out control characters."""
    cut = text if len(text) <= 100 else text[:99] + "…"
    return "".join(c if c.isprintable() else "�" for c in cut)


def _start(data: bytes) -> str:
    return f" ({_printable(data[:24].decode('latin-1'))}{'…' if len(data) > 24 else ''})" if data else ""


def describe_midi(data: bytes) -> str:
    """The messages of a MIDI event by name; its bytes if there are none."""
    messages = Splitter().split(data)
    return ", ".join(map(describe_message, messages)) or f"bytes {data[:16].hex(' ')}{' …' if len(data) > 16 else ''}"
