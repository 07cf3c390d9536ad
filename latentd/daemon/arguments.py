"""What an argument of a control message can be: a number, a flag, a name, one of a few names. Pure."""

from __future__ import annotations

import difflib
import functools
import math
import re
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

# Names end up as file names or in files: letters, digits and a few signs, no path, not hidden.
_NAME = re.compile(r"\w[\w .+-]{0,63}")
_GREATEST = sys.float_info.max
_LONGEST_COMPARED = 40


class WrongValueError(Exception):
    """A value that a message does not take. The text is the next step; the message's usage comes before it."""


def is_name(text: str) -> bool:
    """True for what a performer may call a landmark, a bank or a model."""
    return _NAME.fullmatch(text) is not None


@functools.lru_cache(256)  # a misspelled fader sends it with every movement, and comparing takes up to 1 ms
def nearest(text: str, known: tuple[str, ...]) -> str:
    """The most similar of these; empty when none is."""
    return next(iter(difflib.get_close_matches(text[:_LONGEST_COMPARED], known, n=1)), "")


@dataclass(frozen=True)
class Argument(ABC):
    """One argument of a message.

    Attributes:
        name: what usages call it, in capitals.
        optional: it may be left out; only the last arguments of a message may.
        tag: its OSC type tag.
        kind: its type in `latentd messages --json`.
        is_name: it can be part of the address.
    """

    name: str
    optional: bool = False
    tag: ClassVar[str]
    kind: ClassVar[str]
    is_name: ClassVar[bool] = False

    @property
    @abstractmethod
    def legal(self) -> str:
        """What it takes, as in `0 to 1`."""

    @property
    def limits(self) -> str:
        """The same where that is less than its type says; empty where it is not."""
        return ""

    @abstractmethod
    def read(self, value: object) -> object:
        """The value for the handler.

        Raises:
            WrongValueError: the argument does not take it.
        """

    def facts(self) -> dict[str, object]:
        """The argument for programs."""
        return {"name": self.name, "type": self.kind, "tag": self.tag, "optional": self.optional, "legal": self.legal}

    def _refusal(self) -> WrongValueError:
        return WrongValueError(f"{self.name} is {self.legal}")


@dataclass(frozen=True)
class Number(Argument):
    """A finite number from `low` to `high`, in `unit`.

    Attributes:
        clipped: a number beyond is clipped, not refused.
        nil: nil is taken, too, as None.
    """

    low: float = -_GREATEST
    high: float = _GREATEST
    unit: str = ""
    clipped: bool = False
    nil: bool = False
    tag = "f"
    kind = "number"

    @property
    def legal(self) -> str:
        """Its range and unit."""
        limits = "a number" if self.high == _GREATEST else f"{self.low:g} to {self.high:g}"
        return f"{limits}{self.unit and f' {self.unit}'}"

    @property
    def limits(self) -> str:
        """Its range and unit, where it has a range."""
        return "" if self.high == _GREATEST else self.legal + ", clipped" * self.clipped

    def read(self, value: object) -> float | None:
        """A number in its range; None for nil."""
        if type(value) is float and self.low <= value <= self.high:
            return value  # the usual case, as cheap as can be
        if isinstance(value, (int, float)):
            if self.low <= value <= self.high:
                return float(value)
            if self.clipped and math.isfinite(value):
                return self.low if value < self.low else self.high
        if value is None and self.nil:
            return None
        raise self._refusal()

    def facts(self) -> dict[str, object]:
        """With its range, null where it has none."""
        low, high = (None, None) if self.high == _GREATEST else (self.low, self.high)
        return super().facts() | {
            "minimum": low,
            "maximum": high,
            "unit": self.unit,
            "clipped": self.clipped,
            "nil": self.nil,
        }


@dataclass(frozen=True)
class Flag(Argument):
    """1 or 0; also 1.0 and 0.0, true and false."""

    tag = "i"
    kind = "flag"

    @property
    def legal(self) -> str:
        """The two values."""
        return "1 or 0"

    def read(self, value: object) -> bool:
        """True for 1."""
        if value not in (0, 1):
            raise self._refusal()
        return bool(value)


@dataclass(frozen=True)
class Name(Argument):
    """A name that the performer chooses."""

    tag = "s"
    kind = "name"
    is_name = True

    @property
    def legal(self) -> str:
        """The rule of `is_name`."""
        return "a name of up to 64 letters, digits, spaces and . + - _"

    def read(self, value: object) -> str:
        """A name that a file can have, too."""
        if not isinstance(value, str) or not is_name(value):
            raise self._refusal()
        return value


@dataclass(frozen=True)
class Choice(Argument):
    """One of a few names. `what` says of what, `listed` where they are listed."""

    values: tuple[str, ...] = ()
    what: str = ""
    listed: str = ""
    tag = "s"
    kind = "choice"
    is_name = True

    @property
    def legal(self) -> str:
        """What the names are those of."""
        return self.what

    def read(self, value: object) -> str:
        """One of the names."""
        if not isinstance(value, str):
            raise self._refusal()
        if value not in self.values:
            near = nearest(value, self.values)
            raise WrongValueError(f"Did you mean {near!r}?" if near else self.listed)
        return value

    def facts(self) -> dict[str, object]:
        """With the names."""
        return super().facts() | {"choices": list(self.values)}
