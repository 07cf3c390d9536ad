"""TUIO cursors to points: 1.1 (`/tuio/2Dcur`) and 2.0 (`/tuio2/...`). Pure.

Rules: the TUIO 1.1 and 2.0 specifications (tuio.org) and the reference sender mkalten/TUIO11_CPP. x and y are 0..1
from the top left corner, so mappings say `invert_y: true`. Several trackers can share a port: each names itself
(1.1: `source NAME@ADDRESS`, 2.0: in `/tuio2/frm`), counts its own frames and ids, and ends no cursor of another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from latentd.inputs.osc_messages import Unusable, number
from latentd.inputs.source import MAX_FINGERS, Fingers, Source
from latentd.osc.packets import Message
from latentd.status import Counters

# Frame numbers that fall back by more than a reordered network explains, or after a silence, come from a new sender.
_FAR_BACK = 64
_SILENCE_S = 1.0
# More trackers than any rig has on one port. Beyond, one that has no cursor down is forgotten, or the most silent one.
_MAX_TRACKERS = 16
# A tracker that was this long silent, cursors down, leaves the lead to one that speaks: it was unplugged. A finger that
# rests longer without a message comes back with its next move.
_GONE_S = 5.0


class _Frames:
    """Which frames are news: newer ones, parts of the present one, and everything from a restarted sender."""

    __slots__ = ("_last", "_t")

    def __init__(self) -> None:
        self._last = -1
        self._t = 0.0

    def is_news(self, frame: int, now: float) -> bool:
        """Take note of a frame number; False for one that was overtaken."""
        behind = self._last - frame
        if 0 < behind <= _FAR_BACK and now - self._t < _SILENCE_S:
            return False
        self._last, self._t = frame, now
        return True

    def restart(self) -> None:
        """Whatever comes next is news."""
        self._last = -1


class _Tracker:
    """One sender: its frame under way, and which of its cursors are down."""

    __slots__ = ("alive", "down", "frame", "frames", "heard_t", "name", "places")

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.frames = _Frames()
        self.frame: int | None = None  # 2.0 says it first
        self.alive: frozenset[Hashable] | None = None
        self.places: dict[int, tuple[float, float]] = {}
        self.down: set[Hashable] = set()
        self.heard_t = now

    def gather(self, finger: int, x: float, y: float) -> None:
        """Keep one cursor's place until the frame ends.

        Raises:
            Unusable: more cursors than any surface tells apart.
        """
        if len(self.places) >= MAX_FINGERS:
            raise Unusable
        self.places[finger] = x, y


class _Trackers:
    """All senders by name, and their cursors in the order in which they came down: the first one leads, whose ever."""

    def __init__(self, source: Source) -> None:
        self._fingers = Fingers(source, newest=False)
        self._trackers: dict[str, _Tracker] = {}
        self._touched = False

    def named(self, name: object, now: float) -> _Tracker:
        """The tracker of this name, known or new.

        Raises:
            Unusable: this is no name.
        """
        if not isinstance(name, str):
            raise Unusable
        tracker = self._trackers.get(name)
        if tracker is None:
            if len(self._trackers) >= _MAX_TRACKERS:
                self._forget(min(self._trackers.values(), key=lambda t: (bool(t.down), t.heard_t)))
            tracker = self._trackers[name] = _Tracker(name, now)
        return tracker

    def end_frame(self, tracker: _Tracker, now: float) -> None:
        """Use what the tracker gathered: its cursors that live no more are lifted, those that were set are here."""
        alive, places = tracker.alive, tracker.places
        tracker.heard_t = now
        if alive is not None:
            self._lift(tracker, tracker.down - alive)
        for finger, (x, y) in places.items():
            if alive is None or finger in alive:
                self._put(tracker, finger, x, y)
        if tracker.down and len(self._trackers) > 1:
            self._forget_gone(now)
        if len(self._fingers) or self._touched:
            self._touched = len(self._fingers) > 0
            self._fingers.tell(now)

    def _put(self, tracker: _Tracker, finger: Hashable, x: float, y: float) -> None:
        key = tracker.name, finger
        self._fingers.put(key, x, y)
        if key in self._fingers:  # not where too many are down
            tracker.down.add(finger)

    def _lift(self, tracker: _Tracker, gone: set[Hashable]) -> None:
        for finger in gone:
            self._fingers.lift((tracker.name, finger))
        tracker.down -= gone

    def _forget_gone(self, now: float) -> None:
        for tracker in [t for t in self._trackers.values() if now - t.heard_t > _GONE_S]:
            self._forget(tracker)

    def _forget(self, tracker: _Tracker) -> None:
        self._lift(tracker, set(tracker.down))
        del self._trackers[tracker.name]


class Tuio11:
    """`/tuio/2Dcur`: `alive` and `set` are gathered and applied on `fseq`.

    They belong to the tracker that the last `source` named; to a nameless one before the first.
    """

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._trackers = _Trackers(source)
        self._name = ""

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> what reads it."""
        return {"/tuio/2Dcur": self.hear}

    def hear(self, message: Message, now: float) -> bool:
        """Use one message of the cursor profile."""
        args = message.args
        what = args[0] if args else None
        if what not in ("source", "alive", "set", "fseq"):
            return False
        try:
            if what == "source":
                self._name = self._trackers.named(args[1] if len(args) > 1 else None, now).name
                return True
            tracker = self._trackers.named(self._name, now)
            if what == "set":
                tracker.gather(int(number(args, 1)), number(args, 2), number(args, 3))
            elif what == "alive":
                tracker.alive = frozenset(args[1:])
            else:
                self._end(tracker, int(number(args, 1)), now)
        except Unusable:
            self._counters.malformed += 1
        return True

    def _end(self, tracker: _Tracker, frame: int, now: float) -> None:
        """End of a bundle. -1 marks the first, the last and the full-state bundles: always used."""
        if frame == -1 or tracker.frames.is_news(frame, now):
            if frame == -1 and not tracker.alive:
                tracker.frames.restart()
            self._trackers.end_frame(tracker, now)
        tracker.alive, tracker.places = None, {}


class Tuio20:
    """`/tuio2/frm`, `/tuio2/ptr`, `/tuio2/alv`: pointers are gathered and applied on `alv`.

    They belong to the tracker that the last `/tuio2/frm` named; to a nameless one if it names none.
    """

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._trackers = _Trackers(source)
        self._name = ""

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> what reads it."""
        return {
            "/tuio2/frm": self._guarded(self._begin),
            "/tuio2/ptr": self._guarded(self._gather),
            "/tuio2/alv": self._guarded(self._end),
        }

    def _guarded(self, use: Callable[[tuple[object, ...], float], None]) -> Callable[[Message, float], bool]:
        def hear(message: Message, now: float) -> bool:
            try:
                use(message.args, now)
            except Unusable:
                self._counters.malformed += 1
            return True

        return hear

    def _begin(self, args: tuple[object, ...], now: float) -> None:
        frame = int(number(args, 0))
        named = len(args) > 3 and isinstance(args[3], str)
        tracker = self._trackers.named(args[3] if named else "", now)
        tracker.frame, tracker.places = frame, {}
        self._name = tracker.name

    def _gather(self, args: tuple[object, ...], now: float) -> None:
        tracker = self._trackers.named(self._name, now)
        tracker.gather(int(number(args, 0)), number(args, 3), number(args, 4))

    def _end(self, args: tuple[object, ...], now: float) -> None:
        """End of a frame: all that lives. It also names tokens and bounds; only pointers are fingers here."""
        tracker = self._trackers.named(self._name, now)
        if tracker.frame is None or tracker.frames.is_news(tracker.frame, now):
            tracker.alive = frozenset(args)
            self._trackers.end_frame(tracker, now)
        tracker.frame, tracker.alive, tracker.places = None, None, {}
