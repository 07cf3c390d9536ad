"""What `/latentd/undo` takes back, newest first. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from latentd.errors import LatentdError, UserError

# An entry holds names and numbers, never a whole model: 64 of those are 300 MB.
MAX_CHANGES = 64

T = TypeVar("T")


class History(Generic[T]):
    """The last 64 changes, as functions that take them back. Each is called with what `undo` is given."""

    def __init__(self) -> None:
        self._entries: list[Callable[[T], None]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Callable[[T], None]) -> None:
        """A change was made; the oldest of too many is forgotten."""
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
        entry = self._entries.pop()
        try:
            entry(call)
        except UserError:
            raise
        except LatentdError:
            self._entries.append(entry)
            raise
