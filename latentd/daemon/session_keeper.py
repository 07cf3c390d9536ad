"""Keeps the session: written in the background while it changes, and restored when the daemon starts again."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.daemon.session import Session
from latentd.instrument.motion import Glide, Wander
from latentd.synth.amsynth import INDEX, NAMES
from latentd.system import files

log = logging.getLogger(__name__)

# While something changes it is written twice a second, in the background.
_INTERVAL_S = 0.5
_RETRY_S = 30.0  # after a failure, which is logged once


def restore(session: Session, engine: Engine, now: float) -> None:
    """Have the engine play what it played; its model is there already."""
    engine.shaping.take_own({INDEX[name]: value for name, value in session.held.items()})
    if session.xy is not None:
        engine.place(session.xy, now)
    if session.wander:
        engine.begin(Wander(engine.xy or engine.gesture.xy, now), now)
    engine.frozen = session.frozen


class SessionKeeper:
    """Writes the session while it changes. Runs on the engine's thread, the writing in the background."""

    def __init__(self, file: Path, configured: str, background: Background) -> None:
        self._file = file
        self._configured = configured
        self._background = background
        self._kept: Session | None = None
        self._looked = -math.inf
        self._writing = self._failed = False

    def step(self, engine: Engine, now: float) -> float | None:
        """Look whether anything has changed; returns when to look again, None when all is kept."""
        due = self._looked + (_RETRY_S if self._failed else _INTERVAL_S)
        if now < due:
            return due
        self._looked = now
        session = self._present(engine)
        if session == self._kept or self._writing:
            return now + _INTERVAL_S if self._writing else None
        self._write(session)
        return now + _INTERVAL_S

    def finish(self, engine: Engine) -> None:
        """At the end: what has changed since the last look is written before the background ends."""
        if (session := self._present(engine)) != self._kept:
            self._write(session)

    def _present(self, engine: Engine) -> Session:
        motion = engine.motion
        by_itself = motion is not None and not isinstance(motion, Glide)
        held = {NAMES[index]: value for index, value in engine.shaping.own_values().items()}
        # A walk goes on from anywhere: its every step need not wear out a memory card.
        xy = self._kept.xy if by_itself and self._kept is not None else engine.xy
        return Session(self._configured, str(engine.model.folder), xy, held, engine.frozen, isinstance(motion, Wander))

    def _write(self, session: Session) -> None:
        data = json.dumps(asdict(session)).encode()

        def written(result: Any) -> None:
            self._writing = False
            failed = isinstance(result, Exception)
            if failed and not self._failed:
                log.warning("%s was not written: %s. A restart will not find what plays now", self._file, result)
            self._failed = failed
            if not failed:
                self._kept = session

        self._writing = True
        if not self._background.submit(_job(self._file, data), written):
            self._writing = False  # too many jobs wait: the next look tries again


def _job(file: Path, data: bytes) -> Callable[[], None]:
    def write() -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.replace(file, data, keep=True)

    return write
