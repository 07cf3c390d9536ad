"""MIDI controls as a mapping names them: 7 and 14-bit control changes, NRPN, pitch bend, pressure, encoders.

Every position leaves here as 0..1, whatever its width, so that mappings of MIDI devices need no range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from latentd.schema.documents import Strict
from latentd.schema.messages import Clash

# Value of a relative encoder -> detents. Source: ReaLearn's user guide; the negated sign: the X-Touch One's table.
CODINGS: dict[str, Callable[[int], int]] = {
    "twos-complement": lambda v: v if v <= 63 else v - 128,
    "binary-offset": lambda v: v - 64,
    "sign-magnitude": lambda v: v if v <= 64 else 64 - v,
    "inverted-twos-complement": lambda v: -v if v <= 63 else 128 - v,
    "inverted-sign-magnitude": lambda v: -v if v <= 64 else v - 64,
    "centred-16": lambda v: v - 16,
}
Coding = Literal[
    "twos-complement",
    "binary-offset",
    "sign-magnitude",
    "inverted-twos-complement",
    "inverted-sign-magnitude",
    "centred-16",
]

# How long half of a 14-bit value waits for its other half (MIDI over a cable needs 1 ms for it).
HALF_WAITS_S = 0.01


class Control(Strict):
    """Base of all controls. `key` is the key that tells the kind."""

    key: ClassVar[str]
    channel: Annotated[int, Field(ge=1, le=16, strict=True)] | None = Field(
        default=None, description="if another than the section's"
    )

    @property
    def relative_axis(self) -> bool:
        """It sends movements, not positions."""
        return False


class Cc(Control):
    """A control change, absolute (7 or 14 bits) or relative."""

    key = "cc"
    cc: int = Field(
        ge=0, le=127, strict=True, examples=[12], description="number of the control; of its upper half for 14 bits"
    )
    bits: Literal[7, 14] = Field(default=7, description="14: the lower half comes on cc + 32; never guessed")
    lsb_first: bool = Field(default=False, description="14 bits: the device sends the lower half first")
    relative: Coding | None = Field(default=None, description="coding of an endless encoder")
    step: float = Field(default=1 / 128, gt=0.0, le=1.0, description="relative: pad widths for one detent")

    def clashes(self) -> Iterator[Clash]:
        """14 bits are two controls of the lower 64, and no encoder's."""
        if self.bits == 14 and self.cc > 31:
            yield Clash("14 bits need a cc of 0 to 31, since the lower half is on cc + 32", ("bits", "cc"))
        if self.bits == 14 and self.relative:
            yield Clash("relative encoders have 7 bits", ("bits", "relative"))
        if self.lsb_first and self.bits == 7:
            yield Clash("lsb_first needs bits: 14", ("bits", "lsb_first"))

    @property
    def relative_axis(self) -> bool:
        """It is an endless encoder."""
        return self.relative is not None


class Nrpn(Control):
    """A non-registered parameter: CC 99 and 98 pick the number (in either order), CC 6 and 38 carry the value.

    CC 96 and 97 move it by one step, once a value was heard.
    """

    key = "nrpn"
    nrpn: int = Field(ge=0, le=16383, strict=True, description="number of the parameter")
    data: Literal["both", "msb", "lsb"] = Field(
        default="both", description="both: 14 bits; msb: 7 bits in CC 6 alone; lsb: 7 bits in CC 38 alone"
    )
    lsb_first: bool = Field(default=False, description="both: the device sends CC 38 before CC 6")


class Bend(Control):
    """Pitch bend, 14 bits; its centre 8192 is exactly 0.5."""

    key = "bend"
    bend: Literal[True]


class Pressure(Control):
    """Channel pressure (aftertouch)."""

    key = "pressure"
    pressure: Literal[True]


class Difference(Control):
    """Two controls that push one axis to either side; both at rest is the middle."""

    key = "plus"
    plus: int = Field(ge=0, le=127, strict=True, description="control change that pushes up or to the right")
    minus: int = Field(ge=0, le=127, strict=True, description="control change that pushes down or to the left")


def bend_position(value: int) -> float:
    """Pitch bend 0..16383 as 0..1; the lower half has one step more than the upper, and 8192 is the middle."""
    return value / 16384 if value < 8192 else 0.5 + (value - 8192) / 16382


class Halves:
    """A 14-bit value that comes in two halves.

    The half that the device sends first waits for the other one up to `HALF_WAITS_S`, but only once that device has
    ever sent both; then it counts alone. Time is an argument: `late` says when a waiting half has waited enough.
    """

    __slots__ = ("_low", "_low_seen", "_lsb_first", "_top", "waits_since")

    def __init__(self, lsb_first: bool) -> None:
        self._lsb_first = lsb_first
        self._top: int | None = None
        self._low = 0
        self._low_seen = False
        self.waits_since: float | None = None

    def msb(self, value: int, now: float) -> float | None:
        """The upper half came: the position 0..1, or None while the lower half is awaited."""
        self._top = value
        if self._lsb_first:
            return self._whole()
        if not self._low_seen:
            return self._alone()
        self._low = 0  # the MIDI rule: a new upper half resets the lower one
        if self.waits_since is None:
            self.waits_since = now
        return None

    def lsb(self, value: int, now: float) -> float | None:
        """The lower half came: the position 0..1, or None while the upper half is awaited or unknown."""
        self._low, self._low_seen = value, True
        if not self._lsb_first:
            return self._whole()
        if self.waits_since is None:
            self.waits_since = now
        return None

    def late(self, now: float) -> float | None:
        """The position once a waiting half has waited in vain; None before, or where nothing waits."""
        if self.waits_since is None or now - self.waits_since < HALF_WAITS_S:
            return None
        return self._whole()

    def step(self, by: int) -> float | None:
        """The position `by` steps further, steps of the width that was heard so far; None before any value."""
        if self._top is None:
            return None
        if not self._low_seen:
            self._top = min(max(self._top + by, 0), 127)
        else:
            self._top, self._low = divmod(min(max((self._top << 7 | self._low) + by, 0), 16383), 128)
        return self._whole()

    def _whole(self) -> float | None:
        self.waits_since = None
        if self._top is None:
            return None
        if not self._low_seen:
            return self._alone()
        return (self._top << 7 | self._low) / 16383

    def _alone(self) -> float:
        """Without lower half ever, the upper one spans 0..1 by itself."""
        assert self._top is not None
        return self._top / 127
