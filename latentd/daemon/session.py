"""What a rig plays, kept so that a crash, a kill or a power cut loses nothing: point, tweaks, freeze, model, wander."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.instrument.motion import Glide, Wander
from latentd.instrument.pad import XY
from latentd.synth.amsynth import INDEX, NAMES
from latentd.system import files

log = logging.getLogger(__name__)

# While something changes it is written twice a second, in the background.
_INTERVAL_S = 0.5
_RETRY_S = 30.0  # after a failure, which is logged once
_MAX_BYTES = 65536


@dataclass(frozen=True)
class Session:
    """What plays.

    Attributes:
        configured: the model that the configuration named then. Another one now wins over `model`.
        model: the folder of the model that plays.
        xy: the pad point; None before the first.
        held: parameter -> the value (0..1) that it is held at, by a lock or by hand; None: where it is first put.
        frozen: all input is ignored.
        wander: the point walks by itself.
    """

    configured: str
    model: str
    xy: XY | None = None
    held: Mapping[str, float | None] = field(default_factory=dict)
    frozen: bool = False
    wander: bool = False

    def __str__(self) -> str:
        parts = [f"model {Path(self.model).name}"]
        if self.xy is not None:
            parts.append(f"point {self.xy[0]:.3f} {self.xy[1]:.3f}")
        if self.held:
            parts.append(f"held {', '.join(self.held)}")
        parts += ["frozen"] * self.frozen + ["wandering"] * self.wander
        return ", ".join(parts)


def path(folder: Path, port: int) -> Path:
    """The file of the daemon that listens at this port."""
    return folder / f"session-{port}.json"


def load(file: Path) -> Session | None:
    """The session that was kept; None where there is none.

    A damaged file is put aside and logged, and the session before it is used.
    """
    try:
        return _read(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s): kept as %s.damaged", file, error, file.name)
    try:
        file.replace(file.with_name(f"{file.name}.damaged"))
        return _read(files.old(file))
    except (OSError, ValueError):
        return None


def _read(file: Path) -> Session:
    with file.open("rb") as opened:
        try:
            data = json.loads(opened.read(_MAX_BYTES))
        except RecursionError:
            raise ValueError("it is nested too deep") from None
    match data:
        case {
            "configured": str(configured), "model": str(model), "xy": xy, "held": dict(held),
            "frozen": bool(frozen), "wander": bool(wander),
        }:  # fmt: skip
            values = {name: None if value is None else _unit(value) for name, value in held.items() if name in INDEX}
            return Session(configured, model, _point(xy), values, frozen, wander)
    raise ValueError("it holds no session")


def _point(xy: object) -> XY | None:
    match xy:
        case None:
            return None
        case [x, y]:
            return _unit(x), _unit(y)
    raise ValueError(f"{xy!r} is no point")


def _unit(value: object) -> float:
    if isinstance(value, (int, float)) and math.isfinite(value) and 0.0 <= value <= 1.0:
        return float(value)
    raise ValueError(f"{value!r} is not within 0..1")


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
