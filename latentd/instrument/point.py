"""What comes in and what goes out: a `Point` from an input, a `Change` of one parameter for an output."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """The newest position of one source, in the source's own range (`gesture` brings it to the pad's 0..1).

    Attributes:
        x, y: position; None while the source has not sent that axis yet. For a relative source the sum of the
            movements since the point was last taken.
        touch: True on, False off, None when the source has no touch.
        source: the name of the mapping that understood the message.
        t: monotonic seconds at which the last datagram or MIDI message of it was read.
        relative: x and y are movements, not positions.
        arrived: monotonic seconds at which that arrived in the kernel or at JACK, for the latency; None: at `t`.
    """

    x: float | None
    y: float | None
    touch: bool | None
    source: str
    t: float
    relative: bool = False
    arrived: float | None = None


class Change(NamedTuple):
    """One parameter's new value: its index in `amsynth.PARAMETERS`, params value 0..1 (steps already rounded)."""

    parameter: int
    value: float
