"""Messages about the performer's own landmarks, and the file that keeps them."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

from latentd.daemon.arguments import is_name
from latentd.daemon.context import Call
from latentd.errors import UserError
from latentd.instrument.pad import XY, clip

log = logging.getLogger(__name__)

FILE = "landmarks.json"
MOST = 128  # the status lists them all in one datagram


def save(call: Call, name: str) -> None:
    """Name the present point."""
    points, xy = call.context.landmarks.points, call.engine.xy
    if xy is None:
        raise UserError("there is no point yet", "Move the point first")
    if name not in points and len(points) >= MOST:
        raise UserError(f"{MOST} landmarks are kept at most", "Delete one first")
    _change(call, {**points, name: xy})


def delete(call: Call, name: str) -> None:
    """Forget a landmark."""
    landmarks = call.context.landmarks
    landmarks.find(name)
    _change(call, {key: xy for key, xy in landmarks.points.items() if key != name})


def goto(call: Call, name: str, glide_s: float = 0.0) -> None:
    """Move the point to a landmark."""
    goal, before = call.context.landmarks.find(name), call.engine.xy

    def back(undo: Call) -> None:
        if before is None:
            raise UserError(f"there was no point before {name!r} to go back to")
        undo.engine.go_to(before, 0.0, undo.now)

    call.undo_with(back)
    call.engine.go_to(goal, glide_s, call.now)


def _change(call: Call, points: dict[str, XY]) -> None:
    before = call.context.landmarks.points
    call.undo_with(lambda undo: _set(undo, before))
    _set(call, points)


def _set(call: Call, points: dict[str, XY]) -> None:
    call.context.landmarks.points = points
    call.write(FILE, lambda: json.dumps(points, indent=1).encode())


def load_landmarks(path: Path) -> dict[str, XY]:
    """The performer's landmarks. A damaged file is kept aside and logged; the instrument plays on."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {_checked(name): (clip(_finite(x)), clip(_finite(y))) for name, (x, y) in rows.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        log.warning("%s cannot be read (%s): kept as %s.damaged, starting without landmarks", path, error, path.name)
        try:
            path.replace(path.with_name(f"{path.name}.damaged"))
        except OSError as failure:
            log.warning("%s could not be put aside: %s", path, failure)
        return {}


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a landmark")
    return name


def _finite(value: object) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no coordinate")
    return float(value)
