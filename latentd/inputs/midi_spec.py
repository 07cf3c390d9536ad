"""The MIDI controls of a mapping: 7 and 14-bit control changes, NRPN, pitch bend, pressure, encoders.

Every position becomes 0..1, whatever its number of bits, so that mappings of MIDI devices need no range.
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

# How long the MSB or LSB of a 14-bit value waits for the other one (which takes 1 ms over a MIDI cable).
PAIR_WAIT_S = 0.01


class MidiControl(Strict):
    """Base of all controls. `key` is the key that identifies the kind."""

    key: ClassVar[str]
    channel: Annotated[int, Field(ge=1, le=16)] | None = Field(
        default=None, description="if it differs from the section's"
    )

    @property
    def relative_axis(self) -> bool:
        """It sends movements, not positions."""
        return False


class Cc(MidiControl):
    """A control change, absolute (7 or 14 bits) or relative."""

    key = "cc"
    cc: int = Field(ge=0, le=127, examples=[12], description="number of the control; for 14 bits, that of the MSB")
    bits: Literal[7, 14] = Field(default=7, description="14: the LSB comes on cc + 32; never guessed")
    lsb_first: bool = Field(default=False, description="14 bits: the device sends the LSB first")
    relative: Coding | None = Field(default=None, description="coding of an endless encoder")
    step: float = Field(default=1 / 128, gt=0.0, le=1.0, description="relative: pad widths for one detent")

    def clashes(self) -> Iterator[Clash]:
        """A 14-bit control uses two of the controls 0 to 63, and is no encoder."""
        if self.bits == 14 and self.cc > 31:
            yield Clash("14 bits need a cc of 0 to 31, since the LSB is on cc + 32", ("bits", "cc"))
        if self.bits == 14 and self.relative:
            yield Clash("relative encoders have 7 bits", ("bits", "relative"))
        if self.lsb_first and self.bits == 7:
            yield Clash("lsb_first needs bits: 14", ("bits", "lsb_first"))

    @property
    def relative_axis(self) -> bool:
        """It is an endless encoder."""
        return self.relative is not None


class Nrpn(MidiControl):
    """A non-registered parameter: CC 99 and 98 select the number (in either order), CC 6 and 38 set the value.

    CC 96 and 97 move it by one step, once a value was received.
    """

    key = "nrpn"
    nrpn: int = Field(ge=0, le=16383, description="number of the parameter")
    data: Literal["both", "msb", "lsb"] = Field(
        default="both", description="both: 14 bits; msb: 7 bits in CC 6 alone; lsb: 7 bits in CC 38 alone"
    )
    lsb_first: bool = Field(default=False, description="both: the device sends CC 38 before CC 6")


class Bend(MidiControl):
    """Pitch bend, 14 bits; the centre, 8192, is exactly 0.5."""

    key = "bend"
    bend: Literal[True]


class Pressure(MidiControl):
    """Channel pressure (aftertouch)."""

    key = "pressure"
    pressure: Literal[True]


class Difference(MidiControl):
    """Two controls that push one axis in opposite directions; with both at 0 it is in the middle."""

    key = "plus"
    plus: int = Field(ge=0, le=127, description="control change that pushes up or to the right")
    minus: int = Field(ge=0, le=127, description="control change that pushes down or to the left")


def bend_position(value: int) -> float:
    """Pitch bend 0..16383 as 0..1; 8192 is the middle, with one step more below it than above."""
    return value / 16384 if value < 8192 else 0.5 + (value - 8192) / 16382


class MsbLsb:
    """A 14-bit value that comes as an MSB and an LSB.

    Once the device has sent both, the byte that it sends first waits up to `PAIR_WAIT_S` for the other one, then counts
    alone. Time is an argument: `late` uses a byte that has waited long enough.
    """

    __slots__ = ("_lsb", "_lsb_first", "_lsb_seen", "_msb", "waits_since")

    def __init__(self, lsb_first: bool) -> None:
        self._lsb_first = lsb_first
        self._msb: int | None = None
        self._lsb = 0
        self._lsb_seen = False
        self.waits_since: float | None = None

    def msb(self, value: int, now: float) -> float | None:
        """The MSB came: the position 0..1, or None while the LSB is awaited."""
        self._msb = value
        if self._lsb_first:
            return self._whole()
        if not self._lsb_seen:
            return self._msb_alone()
        self._lsb = 0  # the MIDI rule: a new MSB resets the LSB
        if self.waits_since is None:
            self.waits_since = now
        return None

    def lsb(self, value: int, now: float) -> float | None:
        """The LSB came: the position 0..1, or None while the MSB is awaited or unknown."""
        self._lsb, self._lsb_seen = value, True
        if not self._lsb_first:
            return self._whole()
        if self.waits_since is None:
            self.waits_since = now
        return None

    def late(self, now: float) -> float | None:
        """The position if a byte has waited too long for the other one, otherwise None."""
        if self.waits_since is None or now - self.waits_since < PAIR_WAIT_S:
            return None
        return self._whole()

    def step(self, by: int) -> float | None:
        """The position `by` steps further, at the resolution received so far; None before any value."""
        if self._msb is None:
            return None
        if not self._lsb_seen:
            self._msb = min(max(self._msb + by, 0), 127)
        else:
            self._msb, self._lsb = divmod(min(max((self._msb << 7 | self._lsb) + by, 0), 16383), 128)
        return self._whole()

    def _whole(self) -> float | None:
        self.waits_since = None
        if self._msb is None:
            return None
        if not self._lsb_seen:
            return self._msb_alone()
        return (self._msb << 7 | self._lsb) / 16383

    def _msb_alone(self) -> float:
        """Until an LSB comes, the MSB alone spans 0..1."""
        assert self._msb is not None
        return self._msb / 127
