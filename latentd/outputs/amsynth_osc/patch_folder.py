"""The folder that amSynth loads patches from: a bank file of one preset, replaced atomically, in memory.

Facts (measured with amSynth 1.13.2): `open` of a folder loads its file `bank` and selects the preset whose number is in
`preset_number`; without these files it loads nothing. It skips a bank whose path, as spelled in the request, and whose
modification time, in whole seconds, are those of the last one. `save` writes both files in place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from latentd.errors import LatentdError
from latentd.synth.amsynth import NAMES

# Nine digits hold a float32 exactly; amSynth reads its values into one.
_BANK = "".join(
    ("amSynth\n<preset> <name> latentd\n", *(f"<parameter> {name} %.9g\n" for name in NAMES), "EOF\n")
).encode()
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_FILES = ("bank", "bank.new", "preset_number")


def runtime_folder(port: int) -> Path:
    """The folder for the patches of the daemon on this UDP port: in memory, private, the same after a restart.

    `$XDG_RUNTIME_DIR/latentd-PORT`; without that variable (a machine without logind) a folder in /dev/shm or the
    temporary folder, under a fresh name if another user holds the usual one.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime) / f"latentd-{port}"
    parent = next(p for p in ("/dev/shm", tempfile.gettempdir()) if os.access(p, os.W_OK | os.X_OK))  # noqa: S108 - the folder in it is made private and checked
    folder = Path(parent) / f"latentd-{os.geteuid()}-{port}"
    try:
        os.close(_open_own(folder))
    except LatentdError:
        return Path(tempfile.mkdtemp(prefix=f"latentd-{port}-", dir=parent))
    return folder


class PatchFolder:
    """Writes patches into a folder of our own (mode 0700), which `close` removes. Not shared between daemons.

    A folder left behind by a killed daemon is emptied and used; a symbolic link, or another user's folder, is refused.

    Attributes:
        paths: two spellings of the folder, to be opened alternately: then amSynth never mistakes a bank for the one
            before, even if it was reading that while we replaced it.

    Raises:
        LatentdError: the folder cannot be created, or is not ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.paths = (str(path), f"{path}/.")
        # A random start, so that our bank is not mistaken for an earlier daemon's at this path.
        self._mtime = secrets.randbelow(1 << 30)
        self._fd = _open_own(path)
        self._empty()
        self._number: int | None = None  # descriptor of `preset_number`, created with the first bank
        self._new: int | None = None  # descriptor of `bank.new`, empty

    def write(self, patch: Sequence[float]) -> None:
        """Replace the bank by one with these 41 values in the synth's units, atomically.

        Raises:
            OSError: no space, no folder. A folder that vanished is first created again.
        """
        bank = _BANK % tuple(patch)
        try:
            self._replace(bank)
        except FileNotFoundError:
            self._create_again()
            self._replace(bank)

    def prepare(self) -> None:
        """Create the files that the next `write` needs; if this fails or is not called, `write` does it."""
        with contextlib.suppress(OSError):
            self._prepare()

    def close(self) -> None:
        """Remove our files and the folder; with files of others in it, the folder stays."""
        with contextlib.suppress(OSError):
            self._empty()
            self._path.rmdir()
        self._close_files()

    def _replace(self, bank: bytes) -> None:
        fd = self._prepare()
        # Every time, because a `save` makes amSynth write another number there.
        assert self._number is not None
        os.pwrite(self._number, b"0\n", 0)
        self._mtime += 1
        self._new = None
        try:
            if os.write(fd, bank) != len(bank):
                raise OSError(f"{self._path}/bank.new: only partly written")
            os.utime(fd, (self._mtime, self._mtime))
        finally:
            os.close(fd)
        os.rename("bank.new", "bank", src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _prepare(self) -> int:
        """The descriptor of an empty `bank.new`; afterwards both files exist."""
        if self._new is None:
            if self._number is None:
                self._number = os.open("preset_number", _WRITE, 0o600, dir_fd=self._fd)
            self._new = os.open("bank.new", _WRITE, 0o600, dir_fd=self._fd)
        return self._new

    def _empty(self) -> None:
        for name in _FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._fd)

    def _create_again(self) -> None:
        try:
            fd = _open_own(self._path)
        except LatentdError as error:
            raise OSError(str(error)) from error
        self._close_files()
        self._fd = fd

    def _close_files(self) -> None:
        for fd in (self._fd, self._number, self._new):
            if fd is not None:
                os.close(fd)
        self._number = self._new = None


def _open_own(path: Path) -> int:
    """A descriptor of this folder, created if missing; it is ours, private and no symbolic link."""
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise LatentdError(f"cannot use the folder {path}: {error.strerror}", "Remove or rename it.") from error
    found = os.fstat(fd)
    if found.st_uid != os.geteuid():
        os.close(fd)
        raise LatentdError(f"the folder {path} belongs to another user", "Remove or rename it.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.fchmod(fd, 0o700)
    return fd
