"""Keeps the session: written in the background while it changes, and restored when the daemon starts again."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.daemon.session import Session
from latentd.instrument.motion import Playback, Wander
from latentd.instrument.shaping import WHOLE, Range
from latentd.synth.amsynth import INDEX, NAMES
from latentd.system import files

log = logging.getLogger(__name__)

# While something changes it is written twice a second, in the background. A point that does not come to rest, such as a
# tilt sensor's, is written less and less often: it may move for months, and a memory card wears out.
_INTERVAL_S = 0.5
_MOVING_S = 10.0
_RETRY_S = 30.0  # after a failure, which is logged once


def restore(session: Session, engine: Engine, now: float) -> None:
    """Have the engine play what it played; its model is there already."""
    held = {INDEX[name]: value for name, value in session.held.items()}
    engine.shaping.take_own(engine.shaping.own_values() | held)  # beside the locks of the configuration
    limits = engine.shaping.limits | {INDEX[name]: ends or WHOLE for name, ends in session.limits.items()}
    engine.shaping.take_limits(limits)
    if session.xy is not None:
        engine.place(session.xy, now)
    if session.wander:
        engine.begin(Wander(engine.xy or engine.gesture.xy, now), now)
    engine.frozen = session.frozen


class SessionKeeper:
    """Writes the session once it changes. Runs on the engine's thread, the writing in the background.

    Args:
        configured: the model that the configuration names.
        loaded: the name or folder that the engine's present model was loaded by.
        limits: those of the configuration.
    """

    def __init__(
        self,
        file: Path,
        configured: str,
        loaded: str,
        engine: Engine,
        background: Background,
        limits: Mapping[int, Range] = MappingProxyType({}),
    ) -> None:
        self._file = file
        self._configured = configured
        self._loaded = loaded, engine.model.folder
        self._background = background
        self._limits = limits
        self._kept: Session | None = None
        self._kept = self._present(engine)
        self._looked = -math.inf
        self._seen = self._kept.xy  # the point at the last look
        self._next_moving, self._pause = -math.inf, _INTERVAL_S  # when a moving point is written, and how long after it
        self._writing = self._failed = False

    def step(self, engine: Engine, now: float) -> float | None:
        """Look whether anything has changed; returns when to look again, None when all is kept."""
        due = self._looked + (_RETRY_S if self._failed else _INTERVAL_S)
        if now < due:
            return due
        self._looked = now
        session = self._present(engine)
        moves, self._seen = session.xy != self._seen, session.xy
        if session == self._kept and not self._writing:
            return None
        if not self._writing and not self._waits(session, moves, now):
            self._write(session)
        return now + _INTERVAL_S

    def _waits(self, session: Session, moves: bool, now: float) -> bool:
        """Whether only the point has changed, which goes on moving and was written a moment ago."""
        if not moves or self._kept is None or replace(self._kept, xy=session.xy) != session:
            return False
        if now < self._next_moving:
            return True
        if now > self._next_moving + _MOVING_S:  # it has rested
            self._pause = _INTERVAL_S
        self._next_moving, self._pause = now + self._pause, min(2 * self._pause, _MOVING_S)
        return False

    def finish(self, engine: Engine) -> None:
        """At the end: what has changed since the last look is written before the background ends."""
        if (session := self._present(engine, at_the_end=True)) != self._kept:
            self._write(session)

    def _present(self, engine: Engine, at_the_end: bool = False) -> Session:
        motion, xy = engine.motion, engine.xy
        held = {NAMES[index]: value for index, value in engine.shaping.own_values().items()}
        name, folder = self._loaded
        model = name if engine.model.folder == folder else str(engine.model.folder)
        if self._kept is not None and self._kept.xy is not None and not engine.frozen and not at_the_end:
            # What moves by itself for months need not wear out a memory card: its first point will do.
            xy = self._kept.xy if isinstance(motion, Wander | Playback) else xy
        wanders = isinstance(motion, Wander) and not motion.idle
        return Session(self._configured, model, xy, held, engine.frozen, wanders, self._changed_limits(engine))

    def _changed_limits(self, engine: Engine) -> dict[str, Range | None]:
        now, before = engine.shaping.limits, self._limits
        changed = {i for i in now.keys() | before.keys() if now.get(i) != before.get(i)}
        return {NAMES[i]: now.get(i) for i in sorted(changed)}

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
