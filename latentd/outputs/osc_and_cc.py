"""amSynth's own OSC interface, with the parameters that amSynth ignores in presets sent by CC beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from latentd.instrument.point import Change
from latentd.outputs import Output
from latentd.outputs.jack.port import JackPort
from latentd.synth.amsynth import COUNT, Array


class OscAndCc:
    """The `osc` output of an amSynth with `ignored_parameters` in its config file: see `Output`.

    The link to the synth opens, polls and closes both outputs; this one only divides the values between them.

    Args:
        osc: takes the whole patch.
        jack: takes those that amSynth ignores in a patch, as far as a CC reaches them.
        ignored: their indices.
    """

    name = "osc"

    def __init__(self, osc: Output, jack: JackPort, ignored: Collection[int]) -> None:
        self._osc = osc
        self._jack = jack
        self._ignored = frozenset(ignored)
        by_cc = np.zeros(COUNT, dtype=np.bool_)
        by_cc[list(self._ignored)] = True
        self.resolution: Array = np.where(by_cc, jack.resolution, osc.resolution)
        self.reachable = np.where(by_cc, jack.reachable, osc.reachable)
        self.interval_s = osc.interval_s
        self.budget_per_s = osc.budget_per_s
        self._by_cc = False  # a value has been sent by CC

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Hand each value to the output that reaches it; the patch has all of them."""
        self._osc.send(changes, now)
        controllers = [change for change in changes if change.parameter in self._ignored]
        if controllers:
            self._by_cc = True
            self._jack.send(controllers, now)

    def resend_all(self, now: float) -> None:
        """Send the patch and the controllers again."""
        self._osc.resend_all(now)
        self._jack.resend_all(now)

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Play one channel message, through the JACK port."""
        return self._jack.note(status, data1, data2)

    def poll(self, now: float) -> float | None:
        """Nothing: the link polls both outputs."""
        return None

    def settled(self) -> bool:
        """True when the synth has acknowledged the patch, and the controllers are written to a connected port."""
        return self._osc.settled() and (not self._by_cc or self._jack.settled())

    def filenos(self) -> Sequence[int]:
        """None: the link watches those of both outputs."""
        return ()

    def facts(self) -> dict[str, object]:
        """Those of the OSC interface."""
        return self._osc.facts()

    def close(self) -> None:
        """Nothing: the link closes both outputs."""
