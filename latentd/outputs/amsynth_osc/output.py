"""Output to amSynth's own OSC interface (NSM): whole patches as floats, each one acknowledged.

latentd is the NSM server that amSynth announces itself to. A patch is a bank file of one preset and an `open` of its
folder; amSynth answers `/reply "/nsm/client/open"` once it has loaded it. Held notes sound on, without a click
(measured with 1.13.2; only a change of `keyboard_mode` ends them).

    send -> wanted patch -> (synth free?) -> file + open -> ... acknowledgement -> (newer values?) -> file + open

The synth is free when no `open` is unanswered and the last patch is at least `interval_s` old. A missing answer is
counted and the request repeated with the file as it is, so every answer is about that file.

Four classes hold the states, each with its table: `Peer` (does the synth answer?), `WantedPatch` (does it hold the
newest values?), `Search` (for a synth whose announcement was missed) and `ProcessWatch` (has its process ended?).

amSynth never frees its copy of a request's client id (measured with 1.13.2: 32 bytes a request on 64-bit systems, so
29 MB for an hour of 250 patches a second). Nothing here can free it: `facts` shows how much it came to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.osc.address import Address, is_local, join_address
from latentd.outputs.amsynth_osc.discovery import recall, remember
from latentd.outputs.amsynth_osc.patch_folder import PatchFolder
from latentd.outputs.amsynth_osc.peer import Peer, PeerState
from latentd.outputs.amsynth_osc.process import ProcessWatch
from latentd.outputs.amsynth_osc.search import Search, Submit
from latentd.outputs.amsynth_osc.wanted import PatchState, WantedPatch
from latentd.status import Histogram
from latentd.synth.amsynth import COUNT, Array

log = logging.getLogger(__name__)

ANNOUNCE = "/nsm/server/announce"
OPEN = "/nsm/client/open"
_RETRY_S = 0.25  # after a patch that could not be written, or that the synth refused
_LEAK_BYTES = 32  # what amSynth never frees of one open, as long as our client id stays this short
_NSM_REFUSED = -1  # the protocol's general error
_LOG_S = 1.0  # at most one announcement is logged in this time: anyone may send any number
_COUNTED = (
    "connections", "patches", "acknowledged", "missing", "retried", "resent", "errors", "unsent", "unwritten", "strays",
)  # fmt: skip

SendTo = Callable[[bytes, Address], object]


def run_now(job: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Run the job at once: in place of `Background.submit` where no thread is wanted."""
    try:
        result = job()
    except Exception as error:  # as Background does: the follow-up decides what it means
        result = error
    then(result)


class AmsynthOsc:
    """Plays one amSynth: the one that announced itself last.

    A bank file sets all 41 parameters; those that the engine has not sent yet are set to amSynth's defaults. Before the
    first `send` no patch is sent, and a remembered synth is only asked whether it is running.

    Args:
        sendto: sends a datagram from the socket that amSynth knows, without blocking; an OSError is counted.
        folder: where patches are written (see `runtime_folder`); created here and removed by `close`.
        remembered: the file that keeps the synth's address for the next daemon.
        submit: `Background.submit`, which runs file writes and searches outside the engine's thread.
        port: the UDP port in amSynth's `NSM_URL`; None: never search for a running amSynth.

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
        self._patch = WantedPatch()
        self._peer = Peer(recall(remembered))
        self._search = Search(port, submit, self._found)
        self._watch = ProcessWatch(submit)
        if self._peer.address is not None:
            self._watch.watch(self._peer.address)
        self._free_s = float("-inf")  # earliest time of the next patch
        self._logged_s = float("-inf")
        self._closed = False
        self._round_trip = Histogram()
        self._count = dict.fromkeys(_COUNTED, 0)

    @property
    def connected(self) -> bool:
        """The synth announced itself or answered, and has not gone since."""
        return self._peer.state.connected

    def gone(self, now: float) -> bool:
        """The synth was asked several times and did not answer, or it has ended and left JACK, too."""
        return self._peer.gone(now)

    @property
    def address(self) -> Address | None:
        """Of the synth that is played or asked; None while none is known."""
        return self._peer.address

    def send(self, changes: Sequence[Change], now: float) -> None:
        """Take new values; values beyond 0..1 are clipped, NaN is left out."""
        if self._patch.update(changes) and self._peer.state.free:
            self._advance(now)

    def resend_all(self, now: float) -> None:
        """Load the whole patch once more."""
        self._count["resent"] += 1
        self._patch.lost()
        self._advance(now)

    def note(self, status: int, data1: int, data2: int) -> bool:
        """False: this output carries no notes."""
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
        """Notice missing answers and the synth's end, send what is owed. Returns when to call again; None: when a
        message arrives or a descriptor is readable.
        """
        peer = self._peer
        if self._watch.poll(now):
            self._ended(now)
        if peer.unanswered and now >= peer.due_s:
            self._overdue(now)
        if not peer.state.connected and peer.state is PeerState.KNOWN:
            self._open(now)
        self._advance(now)
        if not peer.state.connected:
            self._search.poll(now)
        return self._next_s()

    def settled(self) -> bool:
        """True when the synth has acknowledged the newest patch, or was never sent one."""
        return self._patch.state.settled

    def wake(self) -> None:
        """A descriptor is readable: the next `poll` looks whether it is one of these."""
        self._watch.wake()

    def filenos(self) -> Sequence[int]:
        """amSynth's process, readable when it has ended. Its datagrams arrive on the engine's socket."""
        return self._watch.filenos()

    def facts(self) -> dict[str, object]:
        """For status. `connected` of a synth that hangs dates from the last patch: it is not asked for the status."""
        address = self._peer.address
        return {
            "connected": self._peer.state.connected,
            "address": None if address is None else join_address(*address),
            "pid": self._watch.pid,
            "problem": self._peer.state.problem,
            **self._count,
            "synth_leak_mb": round(self._peer.requests * _LEAK_BYTES / 1e6, 3),
            "round_trip": self._round_trip.facts(),
        }

    def close(self) -> None:
        """Remove the folder; the synth keeps its last patch."""
        if not self._closed:
            self._closed = True
            self._search.stop()
            self._watch.stop()
            self._folder.close()

    def _advance(self, now: float) -> None:
        """Write the newest patch and have it loaded, if it is owed and the synth is free."""
        if not self._patch.state.owed or not self._peer.state.free or now < self._free_s:
            return
        self._free_s = now + self.interval_s
        try:
            self._folder.write(self._patch.values)
        except OSError:
            self._count["unwritten"] += 1
            self._free_s = now + _RETRY_S
            return
        self._patch.filed()
        self._count["patches"] += 1
        self._open(now)
        self._folder.prepare()

    def _open(self, now: float) -> None:
        """Ask the synth to load the file as it is now."""
        peer = self._peer
        assert peer.address is not None
        # An amSynth that was never greeted crashes when it answers (measured): send the greeting first.
        if peer.state.connected or self._transmit(self._greeting, peer.address):
            self._transmit(self._opens[self._count["patches"] % 2], peer.address)
        peer.asked(now)

    def _transmit(self, datagram: bytes, address: Address) -> bool:
        try:
            self._sendto(datagram, address)
        except OSError:
            self._count["unsent"] += 1
            return False
        return True

    def _answered(self, message: packets.Message, sender: Address, now: float, *, acknowledged: bool) -> None:
        """The synth's answer to an `open`. Answers from others, or to no request, are counted and ignored."""
        peer = self._peer
        if sender != peer.address or message.args[:1] != (OPEN,) or not peer.unanswered:
            self._count["strays"] += 1
            return
        back = not peer.state.connected
        round_trip_s = peer.answered(now)
        if back:
            self._count_connection()
            log.info("%s answers", self._synth())
        if acknowledged:
            self._count["acknowledged"] += 1
            self._patch.acknowledged()
            if round_trip_s is not None:
                self._round_trip.add(round_trip_s)
        else:
            self._count["errors"] += 1
            self._patch.lost()
            self._free_s = now + _RETRY_S
        self._advance(now)

    def _overdue(self, now: float) -> None:
        """No answer in time: ask again, unless one of several requests was answered."""
        peer = self._peer
        before = peer.state
        if peer.overdue():
            if peer.state is PeerState.GONE is not before:
                log.warning("%s does not answer; latentd goes on asking it", self._synth())
            self._count["missing"] += 1
            self._count["retried"] += 1
            self._open(now)

    def _ended(self, now: float) -> None:
        """Its process has ended. The next amSynth announces itself, or the search finds it."""
        log.warning("%s has ended; latentd plays the next one that starts", self._synth())
        self._logged_s = float("-inf")  # the log shall have its return, however soon
        self._peer.ended(now)
        self._patch.lost()
        self._search.hurry()

    def _synth(self) -> str:
        """The synth that is played or asked, for the log."""
        assert self._peer.address is not None
        pid = f" (pid {self._watch.pid})" if self._watch.pid else ""
        return f"amSynth at {join_address(*self._peer.address)}{pid}"

    def _announced(self, message: packets.Message, sender: Address, now: float) -> None:
        """An NSM client has started: the newest amSynth on this machine is the one to play."""
        if not (len(message.args) >= 3 and all(isinstance(arg, str) for arg in message.args[:3])):
            self._count["errors"] += 1
        elif not any("amsynth" in str(message.args[i]).lower() for i in (0, 2)):
            self._refuse("latentd only plays amSynth", message, sender, now)
        elif not is_local(sender[0]):
            reason = "latentd only plays an amSynth on its own machine: patches are handed over as files"
            self._refuse(reason, message, sender, now)
        else:
            if sender != self._peer.address or not self._peer.state.connected:
                self._log_limited(
                    logging.INFO,
                    now,
                    "amSynth started at %s; from now on latentd plays this one",
                    join_address(*sender),
                )
            self._adopt(sender)
            if self._transmit(self._greeting, sender):
                self._peer.greeted()
                self._count_connection()
            self._advance(now)

    def _count_connection(self) -> None:
        """The synth has started, or come back: then it is sent the whole patch again."""
        self._count["connections"] += 1
        if self._count["connections"] > 1 and self._patch.state is not PatchState.UNSET:
            self._count["resent"] += 1

    def _refuse(self, reason: str, message: packets.Message, sender: Address, now: float) -> None:
        self._transmit(packets.write("/error", ANNOUNCE, _NSM_REFUSED, reason), sender)
        name = str(message.args[0])[:40]
        self._log_limited(
            logging.WARNING, now, "%r at %s announced itself and was refused: %s", name, sender[0], reason
        )

    def _adopt(self, synth: Address) -> None:
        """Play this synth from now on; it holds nothing of ours yet."""
        if synth != self._peer.address:
            self._submit(lambda: remember(self._remembered, synth), self._remembering_failed)
        self._peer.adopt(synth)
        self._watch.watch(synth)
        self._search.hurry()
        self._patch.lost()

    def _remembering_failed(self, result: object) -> None:
        if isinstance(result, OSError):
            log.warning("cannot remember amSynth's address in %s: %s", self._remembered, result.strerror)

    def _found(self, addresses: list[Address]) -> None:
        peer = self._peer
        known = peer.address in addresses and peer.state is not PeerState.ENDED
        if addresses and not peer.state.connected and not known:
            self._adopt(addresses[-1])  # the next poll asks it

    def _next_s(self) -> float | None:
        peer = self._peer
        times = []
        if peer.unanswered:
            times.append(peer.due_s)
        elif peer.state.free and self._patch.state.owed:
            times.append(self._free_s)
        if (watch_s := self._watch.due_s) is not None:
            times.append(watch_s)
        if not peer.state.connected and (search_s := self._search.due_s) is not None:
            times.append(search_s)
        return min(times, default=None)

    def _log_limited(self, level: int, now: float, text: str, *args: object) -> None:
        if now >= self._logged_s + _LOG_S:
            self._logged_s = now
            log.log(level, text, *args)
