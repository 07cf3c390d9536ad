"""SIGTERM, Ctrl-C and a closed terminal end the daemon in order."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def signals(stop: Callable[[], None]) -> Iterator[socket.socket]:
    """SIGTERM, Ctrl-C and a closed terminal (unless nohup) call `stop` and make the yielded socket readable.

    A second Ctrl-C kills. The old handlers come back at the end.
    """

    def caught(number: int, _frame: FrameType | None) -> None:
        stop()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    old_fd = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    ending = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        ending.append(signal.SIGHUP)
    old = {number: signal.signal(number, caught) for number in ending}
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(old_fd)
        for number, handler in old.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()
