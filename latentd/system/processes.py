"""Programs that a command starts for its own time: each ended by its process id, the last started first."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from latentd.errors import LatentdError

# For a program to end in order; a jackd that has just lost a client sometimes never does.
PATIENCE_S = 2.0
# Program -> the Debian package that brings it.
PACKAGES = {"jackd": "jackd2", "amsynth": "amsynth"}
_PR_SET_PDEATHSIG = 1
_LOG_TAIL_BYTES = 4096


def need(*programs: str) -> None:
    """See that all programs are on PATH.

    Raises:
        LatentdError: some are not; names the packages to install.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(PACKAGES.get(program, program) for program in missing)
        raise LatentdError(f"{' and '.join(missing)} not found", f"Install with: sudo apt-get install {packages}")


class Child:
    """One running program, its output in a log file unless a pipe was asked for."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, end_signal: int) -> None:
        self.name = name
        self.process = process
        self._log = log
        self._end_signal = end_signal

    def running(self) -> bool:
        """False from its end on."""
        return self.process.poll() is None

    def last_words(self) -> str:
        """The last line that it wrote, for a message."""
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES, 0))
            lines = file.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def ending(self) -> str:
        """How it ended and its last words, for a message."""
        code = self.process.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by signal {-code} ({_signal_name(-code)})"
        words = self.last_words()
        return f"{self.name} {how}" + (f"; its last words: {words}" if words else "")

    def end_in_order(self) -> None:
        """Ask it to end, by force after PATIENCE_S; what it wrote to a pipe can still be read."""
        if self.running():
            self.process.send_signal(self._end_signal)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """The same, and let go of its pipes."""
        self.end_in_order()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Children:
    """All programs that one command started. Use as a context manager: leaving it ends them in reverse order.

    Args:
        folder: where their logs go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *exc: object) -> None:
        # A second Ctrl-C must not leave half of them behind; every end has its limit.
        ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self._all:
                self._all.pop().end()
        finally:
            for number, handler in ignored.items():
                signal.signal(number, handler)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        end_signal: int = signal.SIGTERM,
        talks: bool = False,
    ) -> Child:
        """Start a program in a session of its own, so that Ctrl-C reaches us alone.

        Args:
            talks: its standard input and output are pipes of ours; the output does not block.

        Raises:
            LatentdError: it cannot be started.
        """
        log = self._folder / f"{name}.log"
        try:
            with log.open("ab") as file:
                process = subprocess.Popen(
                    argv,
                    env=dict(env),
                    stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if talks else file,
                    stderr=file,
                    start_new_session=True,
                    preexec_fn=_die_with_parent(end_signal),
                )
        except OSError as error:
            raise LatentdError(f"{argv[0]} cannot be started: {error.strerror}") from error
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
        child = Child(name, process, log, end_signal)
        self._all.append(child)
        return child

    def check(self) -> None:
        """See that all still run.

        Raises:
            LatentdError: one has ended; says how, and its last words.
        """
        for child in self._all:
            if not child.running():
                raise LatentdError(child.ending(), "Start again; `latentd doctor` may know more")

    def give_up(self, child: Child) -> None:
        """End one before the others."""
        self._all.remove(child)
        child.end()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):  # a real-time signal has no name
        return signal.Signals(number).name
    return "a real-time one"


def _die_with_parent(number: int) -> Callable[[], None]:
    """What a new child does first: ask the kernel for a signal should we be killed and never end it ourselves."""
    prctl = ctypes.CDLL(None).prctl  # looked up here: after the fork as little as possible happens
    return lambda: prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
