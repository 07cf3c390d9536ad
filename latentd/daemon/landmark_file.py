"""The file of the performer's landmarks, which several daemons may share. Nothing here runs on the engine's thread."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from latentd.daemon.arguments import is_name
from latentd.errors import LatentdError
from latentd.instrument.landmarks import LandmarkChange, changed
from latentd.instrument.pad import XY, clip
from latentd.system import files

log = logging.getLogger(__name__)

FILE = "landmarks.json"
MAX_LANDMARKS = 128  # the status lists them all in one datagram
_LOCK_S = 2.0  # the longest wait for another daemon, which holds the lock for a few milliseconds
_LOCK_STEP_S = 0.02
_FAR = 1e9  # also refuses what is not a number, and integers too large for one


def load(path: Path) -> dict[str, XY]:
    """The landmarks; none where there is no file.

    A damaged file is kept aside and logged, and the content before the last change is used: the instrument plays on.
    """
    try:
        return _read(path)
    except OSError as error:
        log.warning("%s cannot be read: %s. Starting without landmarks", path, error.strerror)
        return {}
    except ValueError as error:
        log.warning("%s cannot be read (%s): kept as %s.damaged", path, error, path.name)
    try:
        with _locked(path.with_name(f"{path.name}.lock")):
            return _restored(path)
    except (OSError, ValueError, LatentdError) as failure:
        log.warning("%s could not be restored: %s. Starting without landmarks", path, failure)
        return {}


def names(path: Path) -> set[str]:
    """The names in the file; none where it cannot be read. Changes nothing."""
    try:
        return set(_read(path))
    except (OSError, ValueError):
        return set()


def _restored(path: Path) -> dict[str, XY]:
    """Put a damaged file aside and the content before in its place."""
    path.replace(path.with_name(f"{path.name}.damaged"))
    points = _read(files.old(path))
    if points:
        files.replace(path, files.read(files.old(path)))
    log.warning("starting with the %d landmarks before its last change", len(points))
    return points


def change(path: Path, wanted: LandmarkChange) -> dict[str, XY]:
    """Make a change in the file, beside those that other daemons have made in it. Returns what it holds now.

    Raises:
        OSError: the file cannot be read or written; it is as it was.
        LatentdError: it would hold too many, or another daemon does not give it free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_name(f"{path.name}.lock")):
        try:
            points = changed(_read(path), wanted)
        except ValueError as error:
            raise LatentdError(f"{path} is damaged: {error}", "Restart latentd, which puts it aside") from error
        if len(points) > MAX_LANDMARKS and any(xy is not None for xy in wanted.values()):
            raise LatentdError(f"{path} holds {MAX_LANDMARKS} landmarks already", "Delete one first")
        files.replace(path, json.dumps(points, indent=1).encode(), keep=True)
        return points


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    until = time.monotonic() + _LOCK_S
    with files.open_lock(path) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LatentdError(f"another latentd holds {path}", "End it if it hangs") from None
                time.sleep(_LOCK_STEP_S)
            else:
                yield
                return


def _read(path: Path) -> dict[str, XY]:
    try:
        rows = json.loads(files.read(path))
    except FileNotFoundError:
        return {}
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(rows, Mapping):
        raise ValueError("it holds no landmarks")
    return {_checked(name): _point(name, xy) for name, xy in rows.items()}


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a landmark")
    return name


def _point(name: str, xy: object) -> XY:
    if not isinstance(xy, list) or len(xy) != 2:
        raise ValueError(f"{name!r} has no x and y")
    x, y = xy
    return clip(_finite(x)), clip(_finite(y))


def _finite(value: object) -> float:
    if not isinstance(value, (int, float)) or not -_FAR <= value <= _FAR:
        raise ValueError(f"{value!r} is no coordinate")
    return float(value)
