"""Messages about the performer's own landmarks."""

from __future__ import annotations

from typing import Any

from latentd.daemon import landmark_file
from latentd.daemon.context import Call
from latentd.daemon.landmark_file import MAX_LANDMARKS
from latentd.errors import LatentdError, UserError
from latentd.instrument.landmarks import LandmarkChange

# Names whose changes the disk has not taken are kept for the next try; a deleted one counts, too.
MAX_UNWRITTEN = 256


def save(call: Call, name: str) -> None:
    """Name the present point."""
    points, xy = call.context.landmarks.points, call.engine.xy
    if xy is None:
        raise UserError("there is no point yet", "Move the point first")
    if name not in points and len(points) >= MAX_LANDMARKS:
        raise UserError(f"{MAX_LANDMARKS} landmarks are kept at most", "Delete one first")
    _change(call, {name: xy})


def delete(call: Call, name: str) -> None:
    """Forget a landmark."""
    call.context.landmarks.find(name)
    _change(call, {name: None})


def goto(call: Call, name: str, glide_s: float = 0.0) -> None:
    """Move the point to a landmark."""
    goal, before = call.context.landmarks.find(name), call.engine.xy

    def back(undo: Call) -> None:
        if before is None:
            raise UserError(f"there was no point before {name!r} to go back to")
        undo.engine.go_to(before, 0.0, undo.now)

    call.undo_with(back)
    call.engine.go_to(goal, glide_s, call.now)


def _change(call: Call, wanted: LandmarkChange) -> None:
    points = call.context.landmarks.points
    before: LandmarkChange = {name: points.get(name) for name in wanted}
    _apply(call, wanted)
    call.undo_with(lambda undo: _apply(undo, before))


def _apply(call: Call, change: LandmarkChange) -> None:
    """Change the landmarks at once, and their file in the background, where other daemons may have changed it, too."""
    landmarks, path = call.context.landmarks, call.context.folder / landmark_file.FILE

    if refused := landmarks.unwritten >= MAX_UNWRITTEN:
        change = {}
    writing = landmarks.to_write(change)

    def written(result: Any) -> None:
        landmarks.finish(writing, None if isinstance(result, Exception) else result)
        if isinstance(result, Exception):
            call.not_written(path, result)

    call.in_background(lambda: landmark_file.change(path, writing), written)
    landmarks.begin(writing)
    if refused:  # what waits has been tried again
        raise LatentdError(f"{path} has not taken the last {MAX_UNWRITTEN} changes", "Make room, then try again")
