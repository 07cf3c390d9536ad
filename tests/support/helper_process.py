"""A module of these tests as a process of its own, which reads lines on standard input and writes lines."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.support.rig import LIMIT_S

_END_S = 10.0


class HelperProcess:
    """`python -m MODULE ARGUMENT...` in a session of its own. It ends in order when its input ends."""

    def __init__(self, module: str, *arguments: str, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Send it one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def read(self) -> str:
        """The next line from it; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def read_all(self, take: Callable[[str], object]) -> None:
        """Start a thread that passes every line to `take`."""

        def work() -> None:
            while line := self.read():
                take(line)

        self._reader = threading.Thread(target=work, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End it; kill it if it does not end, as a JACK client may whose server has given it up on a busy machine."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._process.kill()
        self._process.wait()
        if self._reader:
            self._reader.join(LIMIT_S)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
