"""A cache of clip measurements on disk: one SQLite file that several processes may use at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.offline.render.clip_spec import RECIPE, ClipSpec
from latentd.system import files

_FILE = "clips.sqlite"
_WAIT_S = 60.0
_AT_ONCE = 500  # keys in one query; SQLite has a limit


def folder() -> Path:
    """`latentd` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latentd"


def key(params: NDArray[np.float32], spec: ClipSpec, synth: str) -> bytes:
    """A hash of everything that a clip depends on: rendering recipe, synth, clip and patch."""
    facts = (RECIPE, synth, spec.note, spec.velocity, spec.length_s, spec.held)
    return hashlib.sha256(repr(facts).encode() + params.astype("<f4").tobytes()).digest()


@lru_cache(maxsize=8)
def fingerprint(file: Path) -> str:
    """A hash of a program file: another synth must not get this one's measurements."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise LatentdError(f"{file}: {error.strerror or error}", "Install amsynth: apt-get install amsynth") from error


class ClipCache:
    """A map from keys to values, both bytes. Writers wait for each other; no reader gets half a value.

    All methods raise a LatentdError if the file cannot be used, or the disk is full.
    """

    def __init__(self, where: Path) -> None:
        self._file = where / _FILE
        files.check_folder(where, "Choose another cache folder")
        with self._errors():
            self._db = sqlite3.connect(self._file, timeout=_WAIT_S)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            with self._db:
                self._db.execute("CREATE TABLE IF NOT EXISTS clip (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The values of the known ones among these keys."""
        wanted, found = list(keys), dict[bytes, bytes]()
        with self._errors():
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, value FROM clip WHERE key IN ({marks})", part)  # noqa: S608 - marks only
                found |= dict(rows)
        return found

    def put(self, values: dict[bytes, bytes]) -> None:
        """Store values; they are on disk when this returns."""
        with self._errors(), self._db:
            self._db.executemany("INSERT OR REPLACE INTO clip VALUES (?, ?)", values.items())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise LatentdError(f"{self._file}: {error}", "Check the disk, or choose another cache folder") from error
        except sqlite3.Error as error:
            raise LatentdError(f"{self._file}: {error}", "Remove it, or choose another cache folder") from error

    def __enter__(self) -> ClipCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
