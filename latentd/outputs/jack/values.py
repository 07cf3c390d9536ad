"""What the JACK port has written of each CC, what differs from it, and what is to be written once more.

A synth that misses a cycle loses its MIDI, and JACK says no more than that some client missed one (an xrun; measured:
with jackd at normal priority on a busy machine one walk in three left amSynth with a stale value). On a machine at its
limits the word comes late (measured: more than 0.3 s), and PipeWire does not even tell its clients of the first one
(read in its libjack; measured: of 53 servers stopped and continued on a busy machine, 3 lost a whole patch without a
word). So every value is written twice more, behind what is new, and again after an xrun.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

from latentd.outputs.jack.memory import CC_COUNT, UNSET

# A value is written again this long after it was written first, and this long after that.
REPEAT_AFTER_S = (0.25, 1.0)
# What was written at most this long before an xrun is written again XRUN_DELAY_S after it, and twice as long after each
# further one, up to so many doublings: a synth that hangs for seconds still gets it in the end.
XRUN_WINDOW_S = 1.0
XRUN_DELAY_S = 0.05
XRUN_DOUBLINGS = 4
# What was written again so often counts as done, whatever xruns there are.
MAX_REPEATS = 5


class ValueState(IntEnum):
    """How often the present value of a CC is still to be written. What this table does not list changes nothing:

        state    | event                       | next state
        any      | a new value is written      | WRITTEN
        WRITTEN  | it is written again         | REPEATED
        REPEATED | it is written again         | QUIET
        QUIET    | an xrun, soon after a write | DOUBTED
        DOUBTED  | it is written again         | QUIET
        any      | nobody wants it, once due   | QUIET

    Soon is at most XRUN_WINDOW_S. Whatever the state, an xrun soon after a write has the next one come sooner.
    """

    QUIET = 0  # not at all: it was written often enough, or never
    WRITTEN = 1  # twice, REPEAT_AFTER_S
    REPEATED = 2  # once, after the second time of REPEAT_AFTER_S
    DOUBTED = 3  # once, soon


# Plain numbers, because the process callback is no place for the price of an Enum.
_QUIET, _WRITTEN, _REPEATED, _DOUBTED = map(int, ValueState)


class Values:
    """What the process callback has written of each CC, and what it is to write. Belongs to JACK's thread alone.

    Args:
        order: the CCs that may be written, most audible first.

    Attributes:
        next_due: nothing is due before this time (monotonic s); infinite when nothing will be.
    """

    def __init__(self, order: Sequence[int]) -> None:
        self._order = tuple(order)
        self._start = 0  # where in the order the next search begins
        self._written = bytearray([UNSET]) * CC_COUNT
        self._written_t = [-math.inf] * CC_COUNT
        self._state = bytearray(CC_COUNT)
        self._repeats = bytearray(CC_COUNT)  # how often the value was written again
        self._due: dict[int, float] = {}  # all that are not QUIET
        self.next_due = math.inf

    def state(self, cc: int) -> ValueState:
        """How often the value of `cc` is still to be written."""
        return ValueState(self._state[cc])

    def forget(self) -> None:
        """The synth may have lost everything: whatever is wanted is new."""
        self._written[:] = bytes([UNSET]) * CC_COUNT

    def changed(self, wanted: bytes, limit: int) -> tuple[list[int], bool]:
        """The CCs whose wanted value is not written yet, at most `limit`; and whether these are all of them.

        Most audible first, but what did not fit goes first in the next cycle, so a stream of changes starves no CC.
        """
        order, written, start = self._order, self._written, self._start
        found = [
            cc
            for cc in (order[start:] + order[:start] if start else order)
            if wanted[cc] != written[cc] and wanted[cc] < CC_COUNT
        ]
        if len(found) <= limit:
            self._start = 0
            return found, True
        self._start = order.index(found[limit])
        return found[:limit], False

    def repeated(self, wanted: bytes, now: float, new: Sequence[int]) -> list[int]:
        """The CCs that are to be written once more now, those in `new` left out."""
        due = [cc for cc, at in self._due.items() if at <= now and cc not in new]
        for cc in [cc for cc in due if wanted[cc] >= CC_COUNT]:  # nobody wants a value of it any more
            due.remove(cc)
            del self._due[cc]
            self._state[cc], self._written_t[cc] = _QUIET, -math.inf
        # What is written now gets another time, so the next cycle looks once more and finds the right one.
        self.next_due = min(self._due.values(), default=math.inf)
        return due

    def wrote(self, ccs: Sequence[int], wanted: bytes, now: float) -> None:
        """These have been written with their wanted values."""
        written, written_t, state, repeats, due = self._written, self._written_t, self._state, self._repeats, self._due
        first, second = now + REPEAT_AFTER_S[0], now + REPEAT_AFTER_S[1]
        for cc in ccs:
            written_t[cc] = now
            if written[cc] != wanted[cc]:
                written[cc], state[cc] = wanted[cc], _WRITTEN
                repeats[cc], due[cc] = 0, first
            elif state[cc] == _WRITTEN:
                state[cc], repeats[cc], due[cc] = _REPEATED, 1, second
            else:
                state[cc], repeats[cc] = _QUIET, min(repeats[cc] + 1, 255)
                due.pop(cc, None)
        if first < self.next_due:
            self.next_due = first

    def xrun(self, now: float) -> float:
        """Some client missed a cycle at `now`. Returns until when what it may have lost keeps the patch from being done
        (minus infinity: it does not).
        """
        since, until = now - XRUN_WINDOW_S, -math.inf
        written_t, state, repeats, due = self._written_t, self._state, self._repeats, self._due
        for cc in self._order:
            if written_t[cc] >= since:
                at = now + XRUN_DELAY_S * (1 << min(repeats[cc], XRUN_DOUBLINGS))
                if state[cc] == _QUIET:
                    state[cc] = _DOUBTED
                due[cc] = min(due.get(cc, at), at)
                self.next_due = min(self.next_due, at)
                if repeats[cc] < MAX_REPEATS:
                    until = max(until, at)
        return until
