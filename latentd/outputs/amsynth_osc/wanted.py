"""The patch that the synth should hold, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from latentd.instrument.point import Change
from latentd.synth.amsynth import DEFAULT, MINIMUM, SPAN

_LOW: list[float] = MINIMUM.tolist()
_SPAN: list[float] = SPAN.tolist()


class PatchState(Enum):
    """See `WantedPatch`. `owed`: the values have to go out; `settled`: nothing is left to do."""

    # name = what it means, owed, settled
    UNSET = "the engine has not sent anything", False, True
    OWED = "no file holds these values", True, False
    FILED = "the file does, and the synth was asked to load it", False, False
    HELD = "the synth has acknowledged that", False, True

    def __init__(self, _meaning: str, owed: bool, settled: bool) -> None:
        self.owed = owed
        self.settled = settled


_UNSET, _OWED = PatchState.UNSET, PatchState.OWED  # for the hot path: an Enum's member takes 50 ns to look up


class WantedPatch:
    """The newest value of every parameter. What is not in this table changes nothing, or cannot happen:

        state | event        | next state
        UNSET | new values   | OWED
        OWED  | filed        | FILED
        FILED | new values   | OWED
        FILED | acknowledged | HELD
        FILED | lost         | OWED
        HELD  | new values   | OWED
        HELD  | lost         | OWED

    Attributes:
        values: (41,) in the synth's own units; the synth's defaults where the engine has sent nothing.
    """

    __slots__ = ("state", "values")

    def __init__(self) -> None:
        self.values: list[float] = DEFAULT.tolist()
        self.state = PatchState.UNSET

    def update(self, changes: Sequence[Change]) -> bool:
        """Take new values; those beyond 0..1 are clipped, NaN is left out. False: nothing is new."""
        values = self.values
        new = self.state is _UNSET
        for parameter, value in changes:
            if not 0.0 <= value <= 1.0:
                if value != value:  # NaN
                    continue
                value = 0.0 if value < 0.0 else 1.0
            patch = _LOW[parameter] + value * _SPAN[parameter]
            if values[parameter] != patch:
                values[parameter] = float(patch)
                new = True
        if new:
            self.state = _OWED
        return new

    def filed(self) -> None:
        """The file holds these values now."""
        assert self.state is PatchState.OWED
        self.state = PatchState.FILED

    def acknowledged(self) -> None:
        """The synth has loaded the file."""
        if self.state is PatchState.FILED:
            self.state = PatchState.HELD

    def lost(self) -> None:
        """The synth refused the file, was replaced or may have forgotten it: send the values again."""
        if self.state is not PatchState.UNSET:
            self.state = PatchState.OWED
