"""The amSynth at the other end: its address, and whether it answers."""

from __future__ import annotations

from enum import Enum

from latentd.osc.address import Address

_ANSWER_S = 0.25  # an answer takes 0.3 ms; one that takes this long is missing
_PROBE_S = 0.5  # how often a synth that is gone is asked
_GONE_AFTER = 3
_PORT_GOES_S = 1.0  # for so long JACK may still show the MIDI port of a process that has ended


class PeerState(Enum):
    """See `Peer`.

    Attributes:
        connected: it is up, as far as we know.
        free: it may be sent a request.
        problem: what keeps it from playing, for people.
    """

    # name     = what it means, connected, free, problem
    UNKNOWN = "no address", False, False, "no amSynth has announced itself"
    KNOWN = "an address, remembered or found; never asked", False, True, ""
    ASKED = "asked for the first time; no answer yet", False, False, ""
    READY = "greeted, or it has answered everything", True, True, ""
    WAITING = "a request is unanswered", True, False, ""
    DRAINING = "of several requests one was answered: the other answers are late or lost", True, False, ""
    GONE = "three requests in a row are unanswered", False, False, "amSynth does not answer"
    ENDED = "its process has ended; it is not asked any more", False, False, "amSynth has ended"

    def __init__(self, _meaning: str, connected: bool, free: bool, problem: str) -> None:
        self.connected = connected
        self.free = free
        self.problem = problem


class Peer:
    """The conversation with one amSynth. What is not in this table changes nothing, or cannot happen:

        state    | event                       | next state
        any      | new address                 | KNOWN
        any      | its process ended           | ENDED
        KNOWN    | greeted                     | READY
        KNOWN    | asked                       | ASKED
        READY    | asked                       | WAITING
        ASKED    | answered                    | READY
        ASKED    | answered, others unanswered | DRAINING
        ASKED    | third overdue               | GONE
        WAITING  | answered                    | READY
        WAITING  | answered, others unanswered | DRAINING
        WAITING  | third overdue               | GONE
        DRAINING | answered                    | READY
        DRAINING | overdue                     | READY
        GONE     | answered, others unanswered | DRAINING

    Attributes:
        address: host and UDP port; None while UNKNOWN.
        unanswered: requests under way.
        due_s: when to call `overdue`, if any are.
        requests: how many were sent to this address.
    """

    __slots__ = ("_asked_s", "_ended_s", "address", "due_s", "requests", "state", "unanswered")

    def __init__(self, address: Address | None) -> None:
        self.state = PeerState.UNKNOWN if address is None else PeerState.KNOWN
        self.address = address
        self.due_s = 0.0
        self.requests = 0
        self.unanswered = 0
        self._asked_s = 0.0
        self._ended_s = 0.0

    def gone(self, now: float) -> bool:
        """It does not answer, or it has ended and had the time to leave JACK, too."""
        return self.state is PeerState.GONE or (self.state is PeerState.ENDED and now >= self._ended_s + _PORT_GOES_S)

    def adopt(self, address: Address) -> None:
        """Play the synth at this address from now on."""
        self.address = address
        self.state = PeerState.KNOWN
        self.requests = self.unanswered = 0

    def ended(self, now: float) -> None:
        """Its process has ended, so what is unanswered stays so."""
        self.state = PeerState.ENDED
        self.unanswered = 0
        self._ended_s = now

    def greeted(self) -> None:
        """Its announcement was answered: it is up."""
        assert self.state is PeerState.KNOWN
        self.state = PeerState.READY

    def asked(self, now: float) -> None:
        """A request was sent, for the first time or again."""
        if not self.unanswered:
            assert self.state.free
            self._asked_s = now
            self.state = PeerState.ASKED if self.state is PeerState.KNOWN else PeerState.WAITING
        self.requests += 1
        self.unanswered += 1
        self.due_s = now + (_PROBE_S if self.state is PeerState.GONE else _ANSWER_S)

    def answered(self, now: float) -> float | None:
        """An answer came. Returns the round trip in seconds; None after a repeated request: it may answer either."""
        assert self.unanswered
        repeated = self.unanswered > 1 or self.state is PeerState.DRAINING
        self.unanswered -= 1
        self.state = PeerState.DRAINING if self.unanswered else PeerState.READY
        self.due_s = now + _ANSWER_S
        return None if repeated else now - self._asked_s

    def overdue(self) -> bool:
        """No answer came in time. True: ask again. False: no need to, one of several requests was answered."""
        assert self.unanswered
        if self.state is PeerState.DRAINING:
            self.unanswered = 0
            self.state = PeerState.READY
            return False
        if self.unanswered >= _GONE_AFTER:
            self.state = PeerState.GONE
        return True
