"""TUIO cursors to points: 1.1 (`/tuio/2Dcur`) and 2.0 (`/tuio2/...`). Pure.

Rules: the TUIO 1.1 and 2.0 specifications (tuio.org) and the reference sender mkalten/TUIO11_CPP. x and y are 0..1
from the top left corner, so mappings say `invert_y: true`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from latentd.inputs.osc_messages import Unusable, number
from latentd.inputs.source import MAX_FINGERS, Fingers, Source
from latentd.osc import Message
from latentd.status import Counters

# Frame numbers that fall back by more than a reordered network explains, or after a silence, come from a new sender.
_FAR_BACK = 64
_SILENCE_S = 1.0


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


class Tuio11:
    """`/tuio/2Dcur`: `alive` and `set` are gathered and applied on `fseq`; the first finger leads."""

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._fingers = Fingers(source, newest=False)
        self._frames = _Frames()
        self._alive: frozenset[Hashable] | None = None
        self._set: dict[int, tuple[float, float]] = {}
        self._touched = False

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> what reads it."""
        return {"/tuio/2Dcur": self.hear}

    def hear(self, message: Message, now: float) -> bool:
        """Use one message of the cursor profile."""
        args = message.args
        try:
            match args[0] if args else None:
                case "set":
                    self._gather(args)
                case "alive":
                    self._alive = frozenset(args[1:])
                case "fseq":
                    self._apply(int(number(args, 1)), now)
                case "source":
                    pass
                case _:
                    return False
        except Unusable:
            self._counters.malformed += 1
        return True

    def _gather(self, args: tuple[object, ...]) -> None:
        if len(self._set) >= MAX_FINGERS:
            raise Unusable
        self._set[int(number(args, 1))] = number(args, 2), number(args, 3)

    def _apply(self, frame: int, now: float) -> None:
        """End of a bundle. -1 marks the first, the last and the full-state bundles: always used."""
        alive, places = self._alive, self._set
        self._alive, self._set = None, {}
        if frame != -1 and not self._frames.is_news(frame, now):
            return
        if frame == -1 and not alive:
            self._frames.restart()
        if alive is not None:
            self._fingers.keep(alive)
        for finger, (x, y) in places.items():
            if alive is None or finger in alive:
                self._fingers.put(finger, x, y)
        if len(self._fingers) or self._touched:
            self._touched = len(self._fingers) > 0
            self._fingers.tell(now)


class Tuio20:
    """`/tuio2/frm`, `/tuio2/ptr`, `/tuio2/alv`: pointers are gathered and applied on `alv`; the first one leads."""

    def __init__(self, source: Source, counters: Counters) -> None:
        self._counters = counters
        self._fingers = Fingers(source, newest=False)
        self._frames = _Frames()
        self._frame: int | None = None
        self._set: dict[int, tuple[float, float]] = {}
        self._touched = False

    def routes(self) -> dict[str, Callable[[Message, float], bool]]:
        """Address -> what reads it."""
        return {
            "/tuio2/frm": self._guarded(self._begin),
            "/tuio2/ptr": self._guarded(self._gather),
            "/tuio2/alv": self._guarded(self._apply),
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
        self._frame, self._set = int(number(args, 0)), {}

    def _gather(self, args: tuple[object, ...], now: float) -> None:
        if len(self._set) >= MAX_FINGERS:
            raise Unusable
        self._set[int(number(args, 0))] = number(args, 3), number(args, 4)

    def _apply(self, args: tuple[object, ...], now: float) -> None:
        """End of a frame: all that lives. It also names tokens and bounds; only pointers are fingers here."""
        alive = frozenset(args)
        frame, places = self._frame, self._set
        self._frame, self._set = None, {}
        if frame is not None and not self._frames.is_news(frame, now):
            return
        self._fingers.keep(alive)
        for finger, (x, y) in places.items():
            if finger in alive:
                self._fingers.put(finger, x, y)
        if len(self._fingers) or self._touched:
            self._touched = len(self._fingers) > 0
            self._fingers.tell(now)
