"""The programs that a command runs beside itself: each is ended by its process id, the last started first."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from latentd.errors import LatentdError

# How long a program has to end after its signal: a jackd that has just lost a client sometimes never ends.
PATIENCE_S = 2.0
# Program -> the Debian package that installs it.
PACKAGES = {"jackd": "jackd2", "amsynth": "amsynth"}
_PR_SET_PDEATHSIG = 1
_LOG_TAIL_BYTES = 4096
_LICENCE = re.compile(r"^(jackdmp |Copyright |This is free software|under certain conditions|.*NO WARRANTY).*", re.M)

# From the end of a program's standard error and its return code (minus the signal that killed it) to a known cause.
Diagnose = Callable[[str, int], LatentdError | None]


def need(*programs: str) -> None:
    """Check that all programs are on PATH.

    Raises:
        LatentdError: some are not; names the packages to install.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(PACKAGES.get(program, program) for program in missing)
        raise LatentdError(f"{' and '.join(missing)} not found", f"Install with: sudo apt-get install {packages}")


class Program:
    """One running program. Standard output goes to the file `out` unless it is a pipe, standard error to `err`."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        out: Path,
        err: Path,
        end_signal: int,
        diagnose: Diagnose | None,
    ) -> None:
        self.name = name
        self.process = process
        self._out = out
        self._err = err
        self._end_signal = end_signal
        self._diagnose = diagnose

    def running(self) -> bool:
        """False once it has ended."""
        return self.process.poll() is None

    def last_line(self) -> str:
        """The last line of its standard error, or else of its standard output, but for name and licence of jackd; empty
        where there is none.
        """
        return _last_line(_tail(self._err)) or _last_line(_LICENCE.sub("", _tail(self._out)))

    def error(self) -> LatentdError:
        """Why it ended."""
        code = self.process.returncode
        if self._diagnose is not None and (known := self._diagnose(_tail(self._err), code)) is not None:
            return known
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by signal {-code} ({_signal_name(-code)})"
        line = self.last_line()
        message = f"{self.name} {how}" + (f": {line}" if line else "")
        return LatentdError(message, "Start again; `latentd doctor` may know more")

    def end(self) -> None:
        """Ask it to end, kill it after PATIENCE_S; its pipes stay open, so that what it wrote can be read."""
        if self.running():
            self.process.send_signal(self._end_signal)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End it and close its pipes."""
        self.end()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Programs:
    """All programs that one command has started. Use as a context manager: leaving it ends them in reverse order.

    Args:
        folder: where their output goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Program] = []

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *exc: object) -> None:
        # A second Ctrl-C must not leave some of them running; ending each one takes a limited time.
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self._all:
                self._all.pop().close()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        end_signal: int = signal.SIGTERM,
        pipes: bool = False,
        diagnose: Diagnose | None = None,
    ) -> Program:
        """Start a program in a session of its own, so that Ctrl-C reaches only this process.

        Args:
            pipes: its standard input and output are pipes to this process; reading the output does not block.

        Raises:
            LatentdError: it cannot be started.
        """
        out, err = self._folder / f"{name}.out", self._folder / f"{name}.err"
        try:
            with out.open("wb") as out_file, err.open("wb") as err_file:
                process = subprocess.Popen(
                    argv,
                    env=dict(env),
                    stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if pipes else out_file,
                    stderr=err_file,
                    start_new_session=True,
                    preexec_fn=_end_with_parent(end_signal),
                )
        except OSError as error:
            raise LatentdError(f"{argv[0]} cannot be started: {error.strerror}", "Check its installation") from error
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
        program = Program(name, process, out, err, end_signal, diagnose)
        self._all.append(program)
        return program

    def check(self) -> None:
        """Check that all of them still run.

        Raises:
            LatentdError: one has ended; says why.
        """
        for program in self._all:
            if not program.running():
                raise program.error()

    def close(self, program: Program) -> None:
        """End one of them before the others."""
        self._all.remove(program)
        program.close()


def _tail(file: Path) -> str:
    with contextlib.suppress(OSError), file.open("rb") as opened:
        opened.seek(max(os.fstat(opened.fileno()).st_size - _LOG_TAIL_BYTES, 0))
        return opened.read().decode(errors="replace")
    return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):  # a real-time signal has no name
        return signal.Signals(number).name
    return "a real-time signal"


def _end_with_parent(number: int) -> Callable[[], None]:
    """For a new process: asks the kernel for this signal should the parent die without ending it."""
    prctl = ctypes.CDLL(None).prctl  # looked up here: after the fork as little as possible happens
    return lambda: prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
