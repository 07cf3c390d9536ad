"""A command's terminal: single keys, and the usual ways to end."""

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
    """Ctrl-C, SIGTERM and the terminal's end are the usual ends: everything is put away, exit code 0."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with contextlib.suppress(KeyboardInterrupt):
        yield


@contextlib.contextmanager
def single_keys() -> Iterator[int | None]:
    """The terminal's descriptor, giving each key as it is pressed; None where standard input is none."""
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


def says_end(fd: int | None) -> bool:
    """True when the key that waits is q or Ctrl-D, or the terminal is gone."""
    return fd is not None and os.read(fd, 64) in (b"q", b"Q", b"\x04", b"")
