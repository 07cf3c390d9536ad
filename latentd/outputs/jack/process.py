"""The JACK port's process as the engine sees it: started, read, restarted, ended. Only `close` ever waits."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence

from latentd.system.keep_warm import roaming
from latentd.system.resources import python_environment

log = logging.getLogger(__name__)

# Waits before a restart: the first is short. The process itself waits for the server, so it seldom ends.
RETRY_S = (0.05, 0.25, 0.5)
# A machine without a JACK library does not get one by itself.
RETRY_NO_LIBRARY_S = 10.0
# A process that ran so long counts as healthy: after it the first wait is short again.
HEALTHY_S = 5.0
CLOSE_S = 0.8
# Exit codes and lines: see `child`.
SERVER_GONE, NO_LIBRARY, GAVE_UP = 3, 4, 5
UNMATCHED = "patterns-without-port"


class JackProcess:
    """`python -m latentd.outputs.jack.child`. It ends when its standard input is closed, hence also when we die."""

    def __init__(self, command: Sequence[str], fds: Sequence[int]) -> None:
        self._command = command
        self._fds = fds
        self._process: subprocess.Popen[bytes] | None = None
        self._text = b""
        self._tries = 0
        self._started_at = 0.0
        self.restart_at: float | None = 0.0  # None while one runs
        self.starts = 0
        self.problem = ""
        self.unmatched: Sequence[int] = ()  # places of the patterns that match no port
        self._logged: set[str] = set()  # since the last healthy one

    @property
    def pid(self) -> int | None:
        """Process id; None while none runs."""
        return None if self._process is None else self._process.pid

    def start(self, now: float) -> None:
        """Start one; returns when the program is loaded (about 1 ms), long before JACK is reached."""
        try:
            with roaming():
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    pass_fds=self._fds,
                    env=python_environment(),
                )
        except OSError as error:
            self._retry(now, f"cannot start a process: {error.strerror}")
            return
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._text = b""
        self._started_at = now
        self.restart_at = None
        self.starts += 1

    def poll(self, now: float) -> bool:
        """Pass its lines to the log, notice its end; False when none runs now."""
        if self._process is None:
            return False
        ended = self._read(now)
        code = self._process.poll()
        if code is None and not ended:
            return True
        if code is None:  # its output has ended, so it is ending: make sure, and poll again soon
            self._process.kill()
            return True
        self._forget()
        self._retry(now, _reason(code), RETRY_NO_LIBRARY_S if code == NO_LIBRARY else None)
        return False

    def _read(self, now: float) -> bool:
        """Log complete lines; True at the end of its output."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            data = os.read(self._process.stdout.fileno(), 4096)
        except BlockingIOError:
            return False
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            self._take(line.decode(errors="replace"), now)
        return not data

    def _take(self, text: str, now: float) -> None:
        """One line of its output."""
        first, _, rest = text.partition(" ")
        if first == UNMATCHED:
            self.unmatched = tuple(map(int, rest.split()))
            return
        if "receiving from" not in text:
            self.problem = "" if first == "connected" else text
        self._log_once(logging.INFO, text, now)

    def _log_once(self, level: int, text: str, now: float) -> None:
        """Log each line once until a process was healthy, or a broken machine's log would fill for weeks."""
        if now - self._started_at > HEALTHY_S:
            self._logged.clear()
        if text not in self._logged:
            log.log(level, "JACK port: %s", text)
            self._logged.add(text)

    def _retry(self, now: float, why: str, delay_s: float | None = None) -> None:
        if now - self._started_at > HEALTHY_S:
            self._tries = 0
        if delay_s is None:
            delay_s = RETRY_S[min(self._tries, len(RETRY_S) - 1)]
        self._tries += 1
        self.restart_at = now + delay_s
        self._log_once(logging.WARNING, f"{why}; restarting it", now)
        self.problem = why

    def filenos(self) -> list[int]:
        """Readable when it has written a line or has ended."""
        if self._process is None or self._process.stdout is None:
            return []
        return [self._process.stdout.fileno()]

    def kill(self) -> None:
        """End it at once; `poll` notices."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Close its standard input and wait, at most CLOSE_S, until it has released its notes and ended."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        assert self._process is not None
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None
        self.unmatched = ()


def command(memory_fd: int, wake_fd: int, *arguments: str) -> list[str]:
    """The command line of the process."""
    return [sys.executable, "-m", "latentd.outputs.jack.child", str(memory_fd), str(wake_fd), *arguments]


def _reason(code: int) -> str:
    if code < 0:
        return f"ended by signal {-code}"
    known = {
        SERVER_GONE: "the JACK server is gone",
        NO_LIBRARY: "no JACK library on this machine; install jackd2 or pipewire-jack",
        GAVE_UP: "no JACK server",
    }
    return known.get(code, f"ended with code {code}")
