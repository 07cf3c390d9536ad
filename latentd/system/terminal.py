"""The terminal of a command: single keys, and the signals that end the command."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def ends_quietly() -> Iterator[None]:
    """Ctrl-C, SIGTERM and the end of the terminal leave this context and are no error: clean-up runs, exit code 0."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def single_keys() -> Iterator[int | None]:
    """The descriptor of the terminal, readable at each key press; None where standard input is not a terminal."""
    if not sys.stdin.isatty():
        yield None
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield fd
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def end_requested(fd: int | None) -> bool:
    """Read the keys that were pressed: True for q or Ctrl-D, or when the terminal is gone."""
    return fd is not None and os.read(fd, 64) in (b"q", b"Q", b"\x04", b"")
