"""TUIO cursors to points: 1.1 (`/tuio/2Dcur`) and 2.0 (`/tuio2/...`). Pure.

Rules: the TUIO 1.1 and 2.0 specifications (tuio.org) and the reference sender mkalten/TUIO11_CPP. x and y are 0..1
from the top left corner, so mappings have `invert_y: true`. Several trackers can share a port: each sends its name
(1.1: `source NAME@ADDRESS`, 2.0: in `/tuio2/frm`), has its own frame numbers and ids, and ends no cursor of another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from latentd.inputs.osc_messages import Unusable, number
from latentd.inputs.source import MAX_FINGERS, Fingers, Source
from latentd.osc.packets import Message
from latentd.status import Counters

# Frame numbers that jump back further than reordered packets explain, or after a silence, come from a restarted sender.
_FAR_BACK = 64
_SILENCE_S = 1.0
# More trackers than any rig has on one port. Beyond that, one without a cursor is forgotten, or the one silent longest.
MAX_TRACKERS = 16
# A tracker with cursors down that has been silent for this long was unplugged, and loses the lead to another one. A
# finger that rests for longer without a message comes back with its next move.
_GONE_S = 5.0


class _Frames:
    """Which frames are current: newer ones, parts of the last one, and all from a restarted sender."""

    __slots__ = ("_last", "_t")

    def __init__(self) -> None:
        self._last = -1
        self._t = 0.0

    def is_current(self, frame: int, now: float) -> bool:
        """Record a frame number; False for a frame that arrives after a newer one."""
        behind = self._last - frame
        if 0 < behind <= _FAR_BACK and now - self._t < _SILENCE_S:
            return False
        self._last, self._t = frame, now
        return True

    def restart(self) -> None:
        """The next frame is current, whatever its number."""
        self._last = -1


class _Tracker:
    """One sender: the frame it is sending, and its cursors that are down."""

    __slots__ = ("alive", "down", "frame", "frames", "last_t", "name", "places")

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.frames = _Frames()
        self.frame: int | None = None  # TUIO 2.0 sends it first
        self.alive: frozenset[Hashable] | None = None
        self.places: dict[int, tuple[float, float]] = {}
        self.down: set[Hashable] = set()
        self.last_t = now

    def gather(self, finger: int, x: float, y: float) -> None:
        """Keep one cursor's place until the frame ends.

        Raises:
            Unusable: more cursors than any surface tracks.
        """
        if len(self.places) >= MAX_FINGERS:
            raise Unusable
        self.places[finger] = x, y


class _Trackers:
    """All senders by name, and their cursors in the order in which they went down: the first one of all leads."""

    def __init__(self, source: Source) -> None:
        self._fingers = Fingers(source, newest=False)
        self._trackers: dict[str, _Tracker] = {}
        self._touched = False

    def get(self, name: object, now: float) -> _Tracker:
        """The tracker of this name, known or new.

        Raises:
            Unusable: the name is not text.
        """
        if not isinstance(name, str):
            raise Unusable
        tracker = self._trackers.get(name)
        if tracker is None:
            if len(self._trackers) >= MAX_TRACKERS:
                self._fingers.source.exceeded()
                self._forget(min(self._trackers.values(), key=lambda t: (bool(t.down), t.last_t)))
            tracker = self._trackers[name] = _Tracker(name, now)
        return tracker

    def end_frame(self, tracker: _Tracker, now: float) -> None:
        """Use the tracker's frame: lift the cursors that are not alive any more, move those that were set."""
        alive, places = tracker.alive, tracker.places
        tracker.last_t = now
        if alive is not None:
            self._lift(tracker, tracker.down - alive)
        for finger, (x, y) in places.items():
            if alive is None or finger in alive:
                self._put(tracker, finger, x, y)
        if tracker.down and len(self._trackers) > 1:
            self._forget_gone(now)
        if len(self._fingers) or self._touched:
            self._touched = len(self._fingers) > 0
            self._fingers.report(now)

    def _put(self, tracker: _Tracker, finger: Hashable, x: float, y: float) -> None:
        key = tracker.name, finger
        self._fingers.put(key, x, y)
        if key in self._fingers:  # not if too many are down
            tracker.down.add(finger)

    def _lift(self, tracker: _Tracker, gone: set[Hashable]) -> None:
        for finger in gone:
            self._fingers.lift((tracker.name, finger))
        tracker.down -= gone

    def _forget_gone(self, now: float) -> None:
        for tracker in [t for t in self._trackers.values() if now - t.last_t > _GONE_S]:
            self._forget(tracker)

    def _forget(self, tracker: _Tracker) -> None:
        self._lift(tracker, set(tracker.down))
        del self._trackers[tracker.name]


class Tuio11:
    """`/tuio/2Dcur`: `alive` and `set` are gathered and applied on `fseq`.

    They belong to the tracker in the last `source` message; before the first one, to a tracker without a name.
    """

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._trackers = _Trackers(source)
        self._name = ""

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> its reader."""
        return {"/tuio/2Dcur": self.read}

    def read(self, message: Message, now: float) -> bool:
        """Use one message of the cursor profile."""
        args = message.args
        what = args[0] if args else None
        if what not in ("source", "alive", "set", "fseq"):
            return False
        try:
            if what == "source":
                self._name = self._trackers.get(args[1] if len(args) > 1 else None, now).name
                return True
            tracker = self._trackers.get(self._name, now)
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
        """End of a bundle. Frame -1 marks the first, the last and full-state bundles, which always count."""
        if frame == -1 or tracker.frames.is_current(frame, now):
            if frame == -1 and not tracker.alive:
                tracker.frames.restart()
            self._trackers.end_frame(tracker, now)
        tracker.alive, tracker.places = None, {}


class Tuio20:
    """`/tuio2/frm`, `/tuio2/ptr`, `/tuio2/alv`: pointers are gathered and applied on `alv`.

    They belong to the tracker in the last `/tuio2/frm`; if that has no name, to a tracker without one.
    """

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._trackers = _Trackers(source)
        self._name = ""

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> its reader."""
        return {
            "/tuio2/frm": self._guarded(self._begin),
            "/tuio2/ptr": self._guarded(self._gather),
            "/tuio2/alv": self._guarded(self._end),
        }

    def _guarded(self, use: Callable[[tuple[object, ...], float], None]) -> Callable[[Message, float], bool]:
        def read(message: Message, now: float) -> bool:
            try:
                use(message.args, now)
            except Unusable:
                self._counters.malformed += 1
            return True

        return read

    def _begin(self, args: tuple[object, ...], now: float) -> None:
        frame = int(number(args, 0))
        has_name = len(args) > 3 and isinstance(args[3], str)
        tracker = self._trackers.get(args[3] if has_name else "", now)
        tracker.frame, tracker.places = frame, {}
        self._name = tracker.name

    def _gather(self, args: tuple[object, ...], now: float) -> None:
        tracker = self._trackers.get(self._name, now)
        tracker.gather(int(number(args, 0)), number(args, 3), number(args, 4))

    def _end(self, args: tuple[object, ...], now: float) -> None:
        """End of a frame, with all ids that are alive: of pointers, and of tokens and bounds, which are ignored."""
        tracker = self._trackers.get(self._name, now)
        if tracker.frame is None or tracker.frames.is_current(tracker.frame, now):
            tracker.alive = frozenset(args)
            self._trackers.end_frame(tracker, now)
        tracker.frame, tracker.alive, tracker.places = None, None, {}
