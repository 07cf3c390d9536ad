"""What the handler of a control message works with: the engine, the client to answer, what messages have changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.daemon.history import History
from latentd.daemon.idle import IdleMotion
from latentd.daemon.message_spec import Command, UsageError
from latentd.daemon.mistakes import Mistakes
from latentd.daemon.monitor import Monitors
from latentd.daemon.own_notes import OwnNotes
from latentd.daemon.sender import Sender
from latentd.daemon.subscribers import Feedback
from latentd.errors import LatentdError
from latentd.instrument.landmarks import UserLandmarks
from latentd.instrument.motion import Recording
from latentd.system import files

log = logging.getLogger(__name__)


class Host(Protocol):
    """What carrying out a message needs of the daemon."""

    engine: Engine
    background: Background
    feedback: Feedback
    monitors: Monitors
    idle: IdleMotion
    notes: OwnNotes

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        """Answer a client."""

    def ask_status(self, sender: Sender) -> None:
        """Answer a client with the status, once this turn's input is answered."""

    def panic(self, now: float) -> None:
        """End every note."""


class Context:
    """What outlives a message. Everything runs on the engine's thread; what takes time goes to the background.

    Attributes:
        landmarks: the performer's own.
        recording: the gesture that was recorded last.
        history: what can be undone.
    """

    def __init__(self, host: Host, folder: Path, landmarks: UserLandmarks) -> None:
        self.host = host
        self.engine = host.engine
        self.folder = folder
        self.landmarks = landmarks
        self.recording: Recording | None = None
        self.history: History[Call] = History()
        self._mistakes = Mistakes()

    def refuse(self, error: LatentdError, sender: Sender, now: float) -> None:
        """Answer a mistake, and log it if it is a new one: many senders do not look at answers."""
        self.host.reply(sender, "/latentd/error", str(error))
        mistake = error.mistake if isinstance(error, UsageError) else str(error)
        if self._mistakes.is_new((sender.host, mistake), now):
            log.warning("from %s: %s", sender, error)


@dataclass(slots=True)
class Call:
    """One message that is carried out: what a handler gets before its arguments."""

    context: Context
    engine: Engine
    command: Command
    sender: Sender
    now: float
    arrived: float  # in the kernel

    def reply(self, address: str, *args: str | float) -> None:
        """Answer the client."""
        self.context.host.reply(self.sender, address, *args)

    def refuse(self, error: LatentdError) -> None:
        """Answer what went wrong, and where."""
        self.context.refuse(LatentdError(f"{self.command.path}: {error.message}", error.hint), self.sender, self.now)

    def undo_with(self, entry: Callable[[Call], None], gesture: Hashable = None) -> None:
        """Have `/latentd/undo` call this, once for a whole gesture; it gets the call of the undo."""
        self.context.history.add(entry, gesture, self.now)

    def in_background(self, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run `job()` in the background, then `then` with its result, or its exception, on the engine's thread.

        Raises:
            LatentdError: too many jobs wait.
        """
        if not self.context.host.background.submit(job, then):
            raise LatentdError("the disk does not keep up", "Try again in a moment")

    def write(self, name: str, data: Callable[[], bytes], then: Callable[[], None] | None = None) -> None:
        """Have `data()` made and written to a file of the state folder in the background; a failure is answered."""
        path = self.context.folder / name

        def written(result: Any) -> None:
            if isinstance(result, Exception):
                self.not_written(path, result)
            elif then is not None:
                then()

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(path, data(), keep=True)

        self.in_background(write, written)

    def not_written(self, path: Path, error: Exception) -> None:
        """Answer why a file of the state folder was not written."""
        if isinstance(error, LatentdError):
            self.refuse(error)
            return
        why = f"{path} was not written: {getattr(error, 'strerror', None) or error}"
        self.refuse(LatentdError(why, "Make room, or set `state:` to another folder"))
