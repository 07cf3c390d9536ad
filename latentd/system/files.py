"""Writing the user's files: whole or not at all, safe from a power cut; problems are found before the work."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from latentd.errors import LatentdError, UserError

# A temporary file of this age is a leftover: writing one takes milliseconds, or a second or two on an SD card.
_LEFTOVER_S = 600.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the quota, the longest file allowed


def is_full(error: OSError) -> bool:
    """Whether there was no room for what was to be written."""
    return error.errno in _FULL


def cannot_write(path: Path, error: OSError, hint: str) -> LatentdError:
    """The error to raise for a path that cannot be written.

    A full disk is a failure (exit code 1). Anything else is the user's mistake (2), and `hint` is the next step.
    """
    if is_full(error):
        return LatentdError(f"{path}: {error.strerror}", "Free some space, then run the command again")
    return UserError(f"{path}: {error.strerror or error}", hint)


def check_folder(folder: Path, hint: str) -> None:
    """Create a folder, and check that files can be created in it.

    Raises:
        LatentdError: they cannot; see `cannot_write`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error, hint) from error


def read(path: Path, longest: int = -1) -> bytes:
    """The content of a file, at most its first `longest` bytes. Never waits, as reading a named pipe does.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(longest)


def open_lock(path: Path) -> IO[str]:
    """Open a lock file, which is created if necessary. Never waits, as opening a named pipe does.

    Raises:
        OSError: it cannot be opened.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666), "w")


def replace(path: Path, data: bytes, *, keep: bool = False) -> None:
    """Give a file new content. After a crash or a power cut at any moment it has the old or the new one.

    With `keep` the old content stays in `NAME.old`, unless it was empty.

    Raises:
        OSError: the file could not be written; it is unchanged.
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
    """Make the disk store the renames in a folder (`fsync(2)`); not all file systems can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed during `replace`."""
    for path in folder.glob(".*.new"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFTOVER_S:
                path.unlink()


def old(path: Path) -> Path:
    """Where `replace` keeps the old content."""
    return path.with_name(f"{path.name}.old")


def _aside(path: Path) -> Path:
    """A temporary name that only this process uses: two daemons may write the same file."""
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
    """Give the content that is about to be replaced a second name, or copy it where links do not exist (FAT)."""
    aside = _aside(old(path))
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
    except OSError:
        _write_through(aside, path.read_bytes())
    aside.replace(old(path))


def write(folder: Path, files: Mapping[str, bytes], hint: str) -> None:
    """Write files (name -> content) into a folder, which is created if necessary.

    All of them are written under temporary names before the first one is renamed, so that a full disk changes nothing.

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
