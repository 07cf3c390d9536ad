"""OSC messages to points, by the `osc:` section of a mapping. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from latentd.inputs.mapping import OscMessage, OscSection
from latentd.inputs.source import ABSURD, Fingers, Source
from latentd.osc.packets import Malformed, Message, read_untagged
from latentd.status import Counters


class Unusable(Exception):
    """An argument is missing, not a number, not finite or absurdly large."""


def number(args: tuple[object, ...], index: int) -> float:
    """Argument `index` as a number, whichever numeric type the sender chose.

    Raises:
        Unusable: it is not one.
    """
    value = args[index] if index < len(args) else None
    if isinstance(value, (float, int)) and -ABSURD <= value <= ABSURD:  # false for NaN
        return float(value)
    raise Unusable


def position(args: tuple[object, ...], index: int) -> float | None:
    """As `number`, but nil is None: the sender leaves this axis where it is."""
    if index >= len(args):
        raise Unusable
    value = args[index]
    if isinstance(value, (float, int)) and -ABSURD <= value <= ABSURD:
        return float(value)
    if value is None:
        return None
    raise Unusable


class OscReader:
    """One message of a mapping: sets the mapping's source from its arguments."""

    __slots__ = ("_counters", "_fingers", "_message", "_only", "_plain", "_source", "_step")

    def __init__(
        self, section: OscSection, message: OscMessage, source: Source, fingers: Fingers, counters: Counters
    ) -> None:
        self._message = message
        self._source = source
        self._fingers = fingers
        self._counters = counters
        self._step = section.step if section.relative else 1.0
        self._only = tuple(message.only.items())
        self._plain = not message.only and not message.finger and message.touch is None and self._step == 1.0

    def read(self, message: Message, now: float) -> bool:
        """Use one message of the right address; False if `only` or missing type tags make it another control's."""
        args = message.args
        spec = self._message
        try:
            if self._plain and args:  # the usual case, kept fast
                x = None if spec.x is None else position(args, spec.x)
                y = None if spec.y is None else position(args, spec.y)
                self._source.update(x, y, None, now)
                return True
            if message.untagged is not None:
                if spec.untagged is not None:
                    args = read_untagged(message.untagged, spec.untagged)
                elif message.untagged.strip(b"\0"):
                    return False  # more than padding, and the mapping does not declare its types
            if not self._applies(args):
                return False
            self._use(args, now)
        except (Unusable, Malformed):
            self._counters.malformed += 1
        return True

    def _applies(self, args: tuple[object, ...]) -> bool:
        """False without arguments, unless the message itself is touch, and if `only` wants other values."""
        if not args and not isinstance(self._message.touch, bool):
            return False
        return all(i < len(args) and args[i] == wanted for i, wanted in self._only)

    def _use(self, args: tuple[object, ...], now: float) -> None:
        spec = self._message
        touch = spec.touch
        if touch is not None and not isinstance(touch, bool):
            touch = number(args, touch) > spec.touch_above
        x = y = None
        # With touch off, many senders send no position, or a meaningless one.
        if touch is not False or _has(args, spec.x, spec.y):
            x, y = self._axis(args, spec.x), self._axis(args, spec.y)
        if not spec.finger:
            self._source.update(x, y, touch, now)
            return
        finger = _finger(args, spec.finger)
        if touch is False:
            self._fingers.lift(finger)
        else:
            self._fingers.put(finger, x, y)
        self._fingers.report(now)

    def _axis(self, args: tuple[object, ...], index: int | None) -> float | None:
        value = None if index is None else position(args, index)
        return None if value is None else value * self._step


def _has(args: tuple[object, ...], x: int | None, y: int | None) -> bool:
    return max(x or 0, y or 0) < len(args)


def _finger(args: tuple[object, ...], indexes: list[int]) -> Hashable:
    return tuple(number(args, index) for index in indexes)
