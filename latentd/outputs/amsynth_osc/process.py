"""The process of the amSynth that plays: the kernel reports its end at once, also while nobody moves.

A pidfd becomes readable when its process ends (`pidfd_open(2)`). Which process it is shows the socket that it sends
from: the pid in amSynth's announcement is that of its own container, and a remembered synth has announced none.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Sequence
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

from latentd.osc.address import Address
from latentd.outputs.amsynth_osc.search import Submit
from latentd.system import port_owner

log = logging.getLogger(__name__)

# A synth whose process cannot be watched is looked for again so often: its port shows whether it is still there.
_LOOK_S = 5.0


class Process(NamedTuple):
    """What has the socket at an address."""

    fd: int | None  # its pidfd; None: it cannot be watched
    pid: int | None  # None: it cannot be seen either
    problem: str = ""  # why it cannot be watched


def find(address: Address) -> Process | None:
    """The process with the socket at this address; None: nobody has it any more. Reads /proc: takes milliseconds."""
    owner = port_owner.udp_owner(*address)
    pid, problem = None, "it is another user's or another container's"
    if owner is not None:
        pid = owner.pid
        try:
            fd = os.pidfd_open(pid)
        except OSError as error:  # no pidfd in an old kernel or in a sandbox, or it has just ended
            problem = f"pidfd_open: {error.strerror}"
        else:
            if port_owner.udp_owner(*address) == owner:
                return Process(fd, pid)
            os.close(fd)  # the pid may be that of another process by now
    return Process(None, pid, problem) if port_owner.udp_sockets(*address) else None


class WatchState(Enum):
    """See `ProcessWatch`."""

    OFF = auto()  # nothing to watch, or the output is closed
    WANTED = auto()  # from `due_s` on
    LOOKING = auto()  # in the background
    WATCHED = auto()
    ENDED = auto()


class ProcessWatch:
    """Watches the process behind an address. What is not in this table changes nothing:

        state    | event                  | next state
        OFF      | new address            | WANTED
        WATCHED  | new address            | WANTED
        ENDED    | new address            | WANTED
        WANTED   | due                    | LOOKING
        LOOKING  | found                  | WATCHED
        LOOKING  | found for another      | WANTED
        LOOKING  | not to be watched      | WANTED
        LOOKING  | nobody has the address | ENDED
        WATCHED  | its process ended      | ENDED
        any      | stopped                | OFF

    Args:
        submit: `Background.submit`.

    Attributes:
        pid: of the process behind the last address; None while it is not known.
    """

    def __init__(self, submit: Submit) -> None:
        self.state = WatchState.OFF
        self.pid: int | None = None
        self._submit = submit
        self._address: Address | None = None
        self._fd: int | None = None
        self._not_before_s = float("-inf")
        self._woken = False
        self._problem = ""  # the last one in the log

    @property
    def due_s(self) -> float | None:
        """When to call `poll`; None: when the descriptor is readable."""
        return self._not_before_s if self.state is WatchState.WANTED else None

    def watch(self, address: Address) -> None:
        """Watch the process that has this address now: a new one, even if the address is not."""
        if address != self._address:
            self._problem = ""
        self._address, self.pid = address, None
        self._not_before_s = float("-inf")
        if self.state is not WatchState.LOOKING:
            self._close()
            self.state = WatchState.WANTED

    def wake(self) -> None:
        """A descriptor is readable: the next `poll` looks whether it is this one."""
        self._woken = True

    def poll(self, now: float) -> bool:
        """Look for the process if that is due. True, once: it has ended."""
        if self.state is WatchState.WANTED and now >= self._not_before_s:
            self._look(now)
        elif self.state is WatchState.WATCHED and self._woken:
            self._woken = False
            if self._is_over():
                self._close()
                self.state = WatchState.ENDED
        if self.state is WatchState.ENDED and self._address is not None:
            self._address = None
            return True
        return False

    def filenos(self) -> Sequence[int]:
        """Readable when the process has ended."""
        return () if self._fd is None else (self._fd,)

    def stop(self) -> None:
        """End for good; what is found afterwards is dropped."""
        self._close()
        self.state = WatchState.OFF

    def _look(self, now: float) -> None:
        address = self._address
        assert address is not None
        self._not_before_s = now + _LOOK_S
        self.state = WatchState.LOOKING
        if self._submit(partial(find, address), partial(self._found, address)) is False:
            self.state = WatchState.WANTED

    def _found(self, address: Address, result: object) -> None:
        process = result if isinstance(result, Process) else None
        if self.state is not WatchState.LOOKING or address != self._address:
            if process is not None and process.fd is not None:
                os.close(process.fd)
            if self.state is WatchState.LOOKING:
                self.state = WatchState.WANTED
        elif result is None:
            self.state = WatchState.ENDED
        elif process is None or process.fd is None:
            self.pid = process.pid if process else None
            self.state = WatchState.WANTED
            self._log_once(process.problem if process else str(result))
        else:
            self._fd, self.pid = process.fd, process.pid
            self.state = WatchState.WATCHED

    def _is_over(self) -> bool:
        assert self._fd is not None
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _log_once(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.info("amSynth's process cannot be watched (%s): its end shows within %.0f s", problem, _LOOK_S)
