"""The user's files: written whole or not at all, safe from a power cut, refused before the work that fills them."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from latentd.errors import LatentdError, UserError

# A temporary file that is this old belongs to nobody: writing one takes milliseconds, on a card a second or two.
_LEFT_S = 600.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cannot_write(path: Path, error: OSError, hint: str) -> LatentdError:
    """The error to raise for a path that cannot be written.

    A full disk is a failure (exit code 1). Anything else is the user's mistake (2), and `hint` is the next step.
    """
    if error.errno in _FULL:
        return LatentdError(f"{path}: {error.strerror}", "Free some space, then run the command again")
    return UserError(f"{path}: {error.strerror or error}", hint)


def check_folder(folder: Path, hint: str) -> None:
    """Make a folder, and check that files can be created in it.

    Raises:
        LatentdError: they cannot; see `cannot_write`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error, hint) from error


def replace(path: Path, data: bytes, *, keep: bool = False) -> None:
    """Give a file new content. At every moment, through a crash or a power cut, it holds the old or the new one.

    With `keep` the content before stays as `NAME.old`, unless it was empty.

    Raises:
        OSError: the file could not be written; it is as it was.
    """
    aside = _aside(path)
    try:
        _write_through(aside, data)
        if keep and _size(path):
            _keep(path)
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk hold what was renamed in a folder (`fsync(2)`); some file systems cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the temporary files that processes killed amid `replace` have left in a folder."""
    for path in folder.glob(".*.new"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_S:
                path.unlink()


def old(path: Path) -> Path:
    """Where `replace` keeps the content before."""
    return path.with_name(f"{path.name}.old")


def _aside(path: Path) -> Path:
    """A name of this process alone: two daemons may write the same file."""
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _keep(path: Path) -> None:
    """A second name for the content that is about to be replaced; a copy where the file system has no links (FAT)."""
    aside = _aside(old(path))
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
    except OSError:
        _write_through(aside, path.read_bytes())
    aside.replace(old(path))


def write(folder: Path, files: Mapping[str, bytes], hint: str) -> None:
    """Write files (name -> content) into a folder, which is made if it does not exist.

    All of them are written under temporary names before the first gets its own, so that a full disk leaves what was
    there before.

    Raises:
        LatentdError: they cannot be written; see `cannot_write`.
    """
    temporary = {name: folder / f".{os.getpid()}-{n}.new" for n, name in enumerate(files)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in temporary.items():
            _write_through(path, files[name])
        for name, path in temporary.items():
            path.replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error, hint) from error
    finally:
        for path in temporary.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
