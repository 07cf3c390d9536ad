"""The descriptors that the loop waits for, and what reads each."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

Handler = Callable[[float], object]  # gets the time, monotonic s


class Poller:
    """An epoll set with a handler for each descriptor."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._changing: Sequence[int] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._epoll.close()

    def watch(self, fd: int, handler: Handler) -> None:
        """Have `handler` called whenever `fd` is readable."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def watch_changing(self, fds: Sequence[int], handler: Handler) -> None:
        """The same for descriptors that come and go: those of the last call that are not among `fds` are dropped."""
        if fds == self._changing:
            return
        # All of them: a number that is there again may be another descriptor's by now.
        for fd in self._changing:
            with contextlib.suppress(OSError):  # closed, it left the set by itself
                self._epoll.unregister(fd)
        for fd in fds:
            self.watch(fd, handler)
        self._changing = fds

    def wait(self, deadline: float) -> list[Handler]:
        """The handlers of all that is readable, at once or as soon as anything is; none at the deadline."""
        ready = self._epoll.poll(max(deadline - time.monotonic(), 0.0))
        return [self._handlers[fd] for fd, _ in ready]
