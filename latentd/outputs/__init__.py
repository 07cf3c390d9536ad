"""What every output obeys. The engine knows this interface and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from latentd.instrument.point import Change

if TYPE_CHECKING:  # the JACK port's process imports this package and shall stay small: no numpy there
    import numpy as np
    from numpy.typing import NDArray

    from latentd.synth.amsynth import Array


class Output(Protocol):
    """A way into the synth. All methods run on the engine's thread and return at once; none may wait.

    An output holds a state, not a queue: `send` overwrites what it still owes, so the newest value wins.
    """

    name: str
    # Smallest difference in params (41,) that this output can express: 1/127 for MIDI, ~1e-6 for floats.
    resolution: Array
    # Which parameters (41,) this output can set at all; False ones are named once in the log by `run`.
    reachable: NDArray[np.bool_]
    # Shortest time between two `send` calls that makes sense, seconds.
    interval_s: float
    # Most values a second that this way in takes, where the configuration names no budget; None: no limit of its own.
    budget_per_s: float | None

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Take the new values; write them now if the way is free, else as soon as it is."""

    def resend_all(self, now: float) -> None:
        """Write every value ever sent again, as if the synth had forgotten them all."""

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Play one note or channel message; False where this output cannot carry notes."""

    def poll(self, now: float) -> float | None:
        """Housekeeping: acknowledgements, retries, restarts, reconnects. Returns when it next wants a call."""

    def settled(self) -> bool:
        """True when the synth is known (or, where nothing can be known, assumed) to hold all that was sent."""

    def filenos(self) -> Sequence[int]:
        """File descriptors that, when readable, call for `poll`. May change from call to call."""

    def facts(self) -> dict[str, object]:
        """For status: a fresh plain dict (connected, acknowledged, retried, xruns, ...)."""

    def close(self) -> None:
        """Leave the synth sane (no hanging note), end every child, remove temporary files."""
