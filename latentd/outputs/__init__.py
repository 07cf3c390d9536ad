"""The interface of every output; the engine knows nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from latentd.instrument.point import Change

if TYPE_CHECKING:  # the JACK port's process imports this package and shall stay small: no numpy there
    import numpy as np
    from numpy.typing import NDArray

    from latentd.synth.amsynth import Array


class Output(Protocol):
    """A connection to the synth. All methods run on the engine's thread and return at once; none may wait.

    An output holds a state, not a queue: `send` overwrites what has not gone out yet, so the newest value wins.
    """

    name: str
    # Smallest difference in params (41,) that this output can express: 1/127 for MIDI, ~1e-6 for floats.
    resolution: Array
    # Which parameters (41,) this output can set; `run` logs the others once.
    reachable: NDArray[np.bool_]
    # Shortest time between two `send` calls that makes sense, seconds.
    interval_s: float
    # Most values a second, unless the configuration sets a budget; None: no limit.
    budget_per_s: float | None

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Take new values and write them, now or as soon as the synth can take them."""

    def resend_all(self, now: float) -> None:
        """Write every value ever sent again, as if the synth had forgotten them all."""

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Send one note or channel message; False: it was not sent."""

    def poll(self, now: float) -> float | None:
        """Housekeeping: acknowledgements, retries, restarts. Returns when to call again; None: no deadline."""

    def settled(self) -> bool:
        """True when the synth holds all that was sent, as far as this output can know."""

    def filenos(self) -> Sequence[int]:
        """File descriptors; when one is readable, call `poll`. They may change from call to call."""

    def facts(self) -> dict[str, object]:
        """For status: a fresh plain dict (connected, acknowledged, retried, xruns, ...)."""

    def close(self) -> None:
        """Leave no hanging note, no process and no temporary file."""
