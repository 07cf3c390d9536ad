"""Way into amSynth through its own OSC interface (NSM): whole patches in floats, each one acknowledged.

We are the NSM server that amSynth announces itself to. A patch is a bank file of one preset and an `open` of its
folder; amSynth answers `/reply "/nsm/client/open"` when it is in force. Held notes sound on, without a click
(measured with 1.13.2; only a change of `keyboard_mode` ends them).

    send -> wanted -> (way free?) -> file + open -> ... acknowledgement -> (newer wanted?) -> file + open

The way is free when no `open` is unanswered and the last patch is `interval_s` old. An answer that does not come is
missed, counted and asked for again with the file as it is, so whichever of the requests is answered, the answer is
about that file. After `_GONE_AFTER` misses the synth counts as gone and is asked twice a second.

amSynth keeps a copy of every request's client id for good (measured with 1.13.2: 32 bytes a request on 64-bit systems,
so 29 MB for an hour of 250 patches a second). Nothing here can free it: `facts` tells how much it came to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs.amsynth_osc.discovery import Address, is_local, recall, remember, running
from latentd.outputs.amsynth_osc.patch_folder import PatchFolder
from latentd.status import Histogram
from latentd.synth.amsynth import COUNT, DEFAULT, MINIMUM, SPAN, Array

log = logging.getLogger(__name__)

ANNOUNCE = "/nsm/server/announce"
OPEN = "/nsm/client/open"
_ANSWER_S = 0.25  # an answer takes 0.3 ms; one that takes this long is missing
_PROBE_S = 0.5  # how often a synth that is gone is asked
_GONE_AFTER = 3
_SEARCH_S = (2.0, 30.0)  # how often the system is asked for a synth while none answers: at first, and at last
_LEAK_BYTES = 32  # what amSynth never frees of one open, as long as our client id stays this short
_NSM_REFUSED = -1  # the protocol's general error
_OWED = -1  # `_filed` when no file stands for what the synth should hold
_COUNTED = (
    "connections", "patches", "acknowledged", "missing", "retried", "resent", "errors", "unsent", "unwritten", "strays",
)  # fmt: skip
_LOW: list[float] = MINIMUM.tolist()
_SPAN: list[float] = SPAN.tolist()

SendTo = Callable[[bytes, Address], object]
Submit = Callable[[Callable[[], Any], Callable[[Any], None]], object]


def run_now(job: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Stands for `Background.submit` where no thread is wanted: runs the job at once."""
    try:
        result = job()
    except Exception as error:  # as Background does: the follow-up decides what it means
        result = error
    then(result)


class AmsynthOsc:
    """Drives one amSynth; the one that announced itself last.

    A bank file sets all 41 parameters. Those that the engine has not sent yet go out at amSynth's defaults; before
    its first `send` nothing goes out at all, and a remembered synth is only asked whether it is there.

    Args:
        sendto: sends a datagram from the socket that amSynth knows, without blocking; an OSError is counted.
        folder: where patches are written (see `runtime_folder`); made, and removed at the end.
        remembered: file that keeps the synth's address for the next daemon.
        submit: `Background.submit`, which keeps file writes and searches off the engine's thread.
        port: the UDP port that amSynth's `NSM_URL` names; without it no running amSynth is searched for.

    Raises:
        LatentdError: the folder cannot be used.
    """

    name = "osc"
    interval_s = 0.004
    budget_per_s: float | None = None  # a patch costs the same however many of its values are new

    def __init__(
        self, sendto: SendTo, folder: Path, remembered: Path, submit: Submit = run_now, port: int | None = None
    ) -> None:
        self.resolution: Array = np.full(COUNT, 1e-6)
        self.reachable = np.ones(COUNT, dtype=np.bool_)
        self._sendto = sendto
        self._folder = PatchFolder(folder)
        self._opens = [packets.write(OPEN, path, "latentd", "latentd") for path in self._folder.paths]
        self._greeting = packets.write("/reply", ANNOUNCE, "latentd plays this synth", "latentd", "")
        self._remembered = remembered
        self._submit = submit
        self._port = port
        self._wanted: list[float] = DEFAULT.tolist()
        self._version = 0  # of `_wanted`; 0: the engine has not sent anything
        self._filed = _OWED  # version in the bank file
        self._held = False  # the synth acknowledged an open of that file
        self._synth: Address | None = recall(remembered)
        self._present = False  # it announced itself or answered, and has not gone since
        self._requests = 0  # opens that the present synth was sent
        self._unanswered = 0  # of these, under way
        self._heard = False  # an answer came since the last open
        self._misses = 0  # in a row
        self._sent_s = 0.0  # when the last open went that was no repetition
        self._due_s = 0.0  # when an unanswered open counts as missing
        self._free_s = float("-inf")  # earliest time of the next patch
        self._search_s = float("-inf")  # earliest time of the next search
        self._search_gap_s = _SEARCH_S[0]
        self._searching = False
        self._asked = False  # a remembered or found synth has been asked for
        self._said_s = float("-inf")
        self._closed = False
        self._round_trip = Histogram()
        self._count = dict.fromkeys(_COUNTED, 0)

    @property
    def connected(self) -> bool:
        """The synth announced itself or answered, and has not gone since."""
        return self._present

    @property
    def gone(self) -> bool:
        """The synth was asked several times and did not answer."""
        return self._misses >= _GONE_AFTER

    @property
    def address(self) -> Address | None:
        """The synth that is played or looked for; None when none was ever heard of."""
        return self._synth

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Take new values; values beyond 0..1 are clipped, not-a-numbers left out."""
        wanted = self._wanted
        changed = not self._version
        for parameter, value in changes:
            if not 0.0 <= value <= 1.0:
                if value != value:  # NaN
                    continue
                value = 0.0 if value < 0.0 else 1.0
            patch = _LOW[parameter] + value * _SPAN[parameter]
            if wanted[parameter] != patch:
                wanted[parameter] = float(patch)
                changed = True
        if changed:
            self._version += 1
            self._advance(now)

    def resend_all(self, now: float) -> None:
        """Load the whole patch once more."""
        self._count["resent"] += 1
        self._filed = _OWED
        self._advance(now)

    def note(self, status: int, data1: int, data2: int) -> bool:
        """This way in carries no notes."""
        return False

    def receive(self, message: packets.Message, sender: Address, now: float) -> bool:
        """Take a datagram's message if it is an NSM client's; False for every other address."""
        if message.address == "/reply":
            self._answered(message, sender, now, acknowledged=True)
        elif message.address == "/error":
            self._answered(message, sender, now, acknowledged=False)
        elif message.address == ANNOUNCE:
            self._announced(message, sender, now)
        else:
            return False
        return True

    def poll(self, now: float) -> float | None:
        """Notice missing answers, send what is owed. Returns when it next wants a call; None: only when told."""
        if self._unanswered and now >= self._due_s:
            self._overdue(now)
        if self._synth is not None and not (self._present or self._asked or self._unanswered):
            self._asked = True
            self._open(now)
        self._advance(now)
        self._search(now)
        return self._next_s()

    def settled(self) -> bool:
        """True when the synth has acknowledged the newest patch, or was never sent one."""
        return not self._version or (self._held and self._filed == self._version)

    def filenos(self) -> Sequence[int]:
        """None of its own: amSynth's datagrams arrive on the engine's socket."""
        return ()

    def facts(self) -> dict[str, object]:
        """For status. `connected` is as of the last patch: a synth is not disturbed just to know."""
        return {
            "connected": self._present,
            "address": None if self._synth is None else f"{self._synth[0]}:{self._synth[1]}",
            **self._count,
            "synth_leak_mb": round(self._requests * _LEAK_BYTES / 1e6, 3),
            "round_trip": self._round_trip.facts(),
        }

    def close(self) -> None:
        """Remove the folder; the synth keeps its last patch."""
        if not self._closed:
            self._closed = True
            self._folder.close()

    def _advance(self, now: float) -> None:
        """Write and open the newest patch if it is owed and the way is free."""
        owed = self._version and self._filed != self._version
        if not owed or self._synth is None or self._unanswered or now < self._free_s:
            return
        self._free_s = now + self.interval_s
        try:
            self._folder.write(self._wanted)
        except OSError:
            self._count["unwritten"] += 1
            self._free_s = now + _ANSWER_S
            return
        self._filed = self._version
        self._held = False
        self._count["patches"] += 1
        self._open(now)
        self._folder.prepare()

    def _open(self, now: float) -> None:
        """Ask the synth to load the file as it is now."""
        assert self._synth is not None
        # An amSynth that was never greeted crashes when it answers (measured): first things first.
        if self._present or self._transmit(self._greeting, self._synth):
            self._transmit(self._opens[self._count["patches"] % 2], self._synth)
        if not self._unanswered:
            self._sent_s = now
        self._requests += 1
        self._unanswered += 1
        self._heard = False
        self._due_s = now + (_ANSWER_S if self._misses < _GONE_AFTER else _PROBE_S)

    def _transmit(self, datagram: bytes, address: Address) -> bool:
        try:
            self._sendto(datagram, address)
        except OSError:
            self._count["unsent"] += 1
            return False
        return True

    def _answered(self, message: packets.Message, sender: Address, now: float, *, acknowledged: bool) -> None:
        """The synth's answer to an `open`. Others' answers, and answers to nobody's question, change nothing."""
        if sender != self._synth or message.args[:1] != (OPEN,) or not self._unanswered:
            self._count["strays"] += 1
            return
        if acknowledged and not self._misses and not self._heard:  # which of several requests it answers, nobody knows
            self._round_trip.add(now - self._sent_s)
        self._unanswered -= 1
        self._misses = 0
        self._heard = True
        self._came()
        self._due_s = now + _ANSWER_S
        if acknowledged:
            self._count["acknowledged"] += 1
            self._held = True
        else:
            self._count["errors"] += 1
            self._filed = _OWED
            self._free_s = now + _ANSWER_S
        self._advance(now)

    def _overdue(self, now: float) -> None:
        """No answer in time: ask again; or, where one of several requests was answered, give the others up."""
        if self._heard:
            self._unanswered = 0
            return
        self._count["missing"] += 1
        self._misses += 1
        if self._misses == _GONE_AFTER:
            self._present = False
        self._count["retried"] += 1
        self._open(now)

    def _announced(self, message: packets.Message, sender: Address, now: float) -> None:
        """A client of the protocol came up: the newest amSynth on this machine is the one we play."""
        if not (len(message.args) >= 3 and all(isinstance(arg, str) for arg in message.args[:3])):
            self._count["errors"] += 1
        elif not any("amsynth" in str(message.args[i]).lower() for i in (0, 2)):
            self._refuse("latentd plays amSynth alone", message, sender, now)
        elif not is_local(sender[0]):
            self._refuse("latentd plays an amSynth on its own machine alone: it hands patches over as files",
                         message, sender, now)  # fmt: skip
        else:
            if sender != self._synth:
                self._say(now, "amSynth came up at %s:%d and is the one played from now on", *sender)
            self._adopt(sender)
            if self._transmit(self._greeting, sender):
                self._came()
            self._advance(now)

    def _came(self) -> None:
        """The synth is there; from an absence it comes back to the whole patch."""
        if not self._present:
            self._present = True
            self._count["connections"] += 1
            if self._count["connections"] > 1 and self._version:
                self._count["resent"] += 1

    def _refuse(self, reason: str, message: packets.Message, sender: Address, now: float) -> None:
        self._transmit(packets.write("/error", ANNOUNCE, _NSM_REFUSED, reason), sender)
        self._say(now, "%r at %s announced itself and was refused: %s", str(message.args[0])[:40], sender[0], reason)

    def _adopt(self, synth: Address) -> None:
        """Play this synth from now on; it holds nothing of ours yet."""
        if synth != self._synth:
            self._submit(lambda: remember(self._remembered, synth), self._remembering_failed)
        self._synth = synth
        self._present = self._asked = False
        self._search_gap_s = _SEARCH_S[0]
        self._requests = self._unanswered = self._misses = 0
        self._filed = _OWED

    def _remembering_failed(self, result: object) -> None:
        if isinstance(result, OSError):
            log.warning("cannot remember amSynth's address in %s: %s", self._remembered, result.strerror)

    def _search(self, now: float) -> None:
        """While no synth answers, ask the system for one that was started for us and whose announcement we missed."""
        if self._port is None or self._present or self._searching or now < self._search_s:
            return
        port = self._port
        self._search_s = now + self._search_gap_s
        self._search_gap_s = min(2.0 * self._search_gap_s, _SEARCH_S[1])
        self._searching = True
        if self._submit(lambda: running(port), self._found) is False:
            self._searching = False

    def _found(self, found: object) -> None:
        self._searching = False
        if not isinstance(found, list) or not found or self._present or self._synth in found or self._closed:
            return
        self._adopt(found[-1])  # the next poll asks for it

    def _next_s(self) -> float | None:
        times = []
        if self._unanswered:
            times.append(self._due_s)
        elif self._synth is not None and self._version and self._filed != self._version:
            times.append(self._free_s)
        if self._port is not None and not self._present and not self._searching:
            times.append(self._search_s)
        return min(times, default=None)

    def _say(self, now: float, text: str, *args: object) -> None:
        """Log, at most once a second: announcements may come from anyone at any rate."""
        if now >= self._said_s + 1.0:
            self._said_s = now
            log.warning(text, *args)
