"""What `/latentd/undo` takes back, newest first. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from latentd.errors import LatentdError, UserError

# An entry holds names and numbers, never a whole model: 64 of those are 300 MB.
MAX_CHANGES = 64
# A fader sends a change with every movement. After a pause of this length it begins another gesture.
GESTURE_S = 1.0

T = TypeVar("T")


class History(Generic[T]):
    """The last 64 changes, as functions that take them back. Each is called with what `undo` is given."""

    def __init__(self) -> None:
        self._entries: list[Callable[[T], None]] = []
        # What moves at present, and when it last did. Besides these nothing has changed since each began.
        self._gestures: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Callable[[T], None], gesture: Hashable = None, now: float = 0.0) -> None:
        """A change was made; the oldest of too many is forgotten.

        Args:
            entry: takes it back.
            gesture: what is moved, if it may be moved on and on: the whole gesture is one change, whose first entry
                takes it back. Any change without one ends the gestures.
            now: when, monotonic seconds.
        """
        if gesture is None:
            self._gestures.clear()
        else:
            moved_s = self._gestures.get(gesture, -math.inf)
            self._gestures[gesture] = now
            if now < moved_s + GESTURE_S:
                return
        self._entries.append(entry)
        del self._entries[:-MAX_CHANGES]

    def discard(self, entry: Callable[[T], None]) -> None:
        """The change did not happen after all."""
        if entry in self._entries:
            self._entries.remove(entry)

    def undo(self, call: T) -> None:
        """Take the newest change back.

        Raises:
            UserError: there is none.
            LatentdError: it could not be taken back now, and is kept.
        """
        if not self._entries:
            raise UserError("there is nothing to undo")
        self._gestures.clear()
        entry = self._entries.pop()
        try:
            entry(call)
        except UserError:
            raise
        except LatentdError:
            self._entries.append(entry)
            raise
