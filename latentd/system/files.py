"""Files that a command writes into a folder: all of them or none, and refused before the work that fills them."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from latentd.errors import LatentdError, UserError

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
            path.write_bytes(files[name])
        for name, path in temporary.items():
            path.replace(folder / name)
    except OSError as error:
        raise cannot_write(folder, error, hint) from error
    finally:
        for path in temporary.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
