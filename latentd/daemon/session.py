"""What a rig plays, as it is kept through a crash, a kill or a power cut: point, tweaks, freeze, model, wander."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from latentd.instrument.pad import XY
from latentd.instrument.shaping import Range
from latentd.synth.amsynth import INDEX
from latentd.system import files

log = logging.getLogger(__name__)

MAX_BYTES = 65536


@dataclass(frozen=True)
class Session:
    """What plays.

    Attributes:
        configured: the model that the configuration named then. Another one now wins over `model`.
        model: the model that plays: as the configuration names it, or its folder.
        xy: the pad point; None before the first.
        held: parameter -> the value (0..1) that it is held at, by a lock or by hand; None: where it is first put.
        frozen: all input is ignored.
        wander: the point walks by itself.
        limits: parameter -> the part of its range (0..1) that it stays in, if not as configured; None: all of it.
    """

    configured: str
    model: str
    xy: XY | None = None
    held: Mapping[str, float | None] = field(default_factory=dict)
    frozen: bool = False
    wander: bool = False
    limits: Mapping[str, Range | None] = field(default_factory=dict)

    def plays(self, configured: str) -> str:
        """The model to play: what played, unless the configuration names another model than it did then."""
        return self.model if configured == self.configured else configured

    def __str__(self) -> str:
        parts = []
        if self.xy is not None:
            parts.append(f"point {self.xy[0]:.3f} {self.xy[1]:.3f}")
        if self.held:
            parts.append(f"held {', '.join(self.held)}")
        if self.limits:
            parts.append(f"limits of {', '.join(self.limits)}")
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
    except OSError as error:
        log.warning("%s cannot be read: %s", file, error.strerror)
        return None
    except ValueError as error:
        log.warning("%s cannot be read (%s): kept as %s.damaged", file, error, file.name)
    try:
        file.replace(file.with_name(f"{file.name}.damaged"))
        return _read(files.old(file))
    except (OSError, ValueError):
        return None


def _read(file: Path) -> Session:
    try:
        data = json.loads(files.read(file, MAX_BYTES))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    match data:
        case {
            "configured": str(configured), "model": str(model), "xy": xy, "held": dict(held),
            "frozen": bool(frozen), "wander": bool(wander),
        } if isinstance(data.get("limits", {}), dict):  # fmt: skip
            values = {name: None if value is None else _unit(value) for name, value in held.items() if name in INDEX}
            limits = {name: _range(ends) for name, ends in data.get("limits", {}).items() if name in INDEX}
            return Session(configured, model, _point(xy), values, frozen, wander, limits)
    raise ValueError("it holds no session")


def _point(xy: object) -> XY | None:
    match xy:
        case None:
            return None
        case [x, y]:
            return _unit(x), _unit(y)
    raise ValueError(f"{xy!r} is no point")


def _range(ends: object) -> Range | None:
    match ends:
        case None:
            return None
        case [low, high] if _unit(low) <= _unit(high):
            return _unit(low), _unit(high)
    raise ValueError(f"{ends!r} is no range")


def _unit(value: object) -> float:
    if isinstance(value, (int, float)) and 0.0 <= value <= 1.0:
        return float(value)
    raise ValueError(f"{value!r} is not within 0..1")
