"""A synth's process without a process: a descriptor that becomes readable, and shows whether it was closed."""

from __future__ import annotations

import os
import select

import pytest

from latentd.osc.address import Address
from latentd.outputs.amsynth_osc import process
from latentd.outputs.amsynth_osc.process import Process


class FakePidfd:
    """A pipe: whoever watches has its reading end, `fd`."""

    def __init__(self) -> None:
        self.fd, self._writing = os.pipe()

    def end(self) -> None:
        """The process ends."""
        os.write(self._writing, b"!")

    @property
    def open(self) -> bool:
        """`fd` is open."""
        poll = select.poll()
        poll.register(self._writing, 0)
        return not poll.poll(0)  # POLLERR without a reader

    def __del__(self) -> None:
        os.close(self._writing)


class Processes:
    """What has the socket at each address: a process of this number unless a test says otherwise."""

    def __init__(self) -> None:
        self.found: dict[Address, Process | None] = {}
        self._pidfds: list[tuple[Address, FakePidfd]] = []

    def find(self, address: Address) -> Process | None:
        """In place of the real `find`."""
        if address in self.found:
            return self.found[address]
        pidfd = FakePidfd()
        self._pidfds.append((address, pidfd))
        return Process(pidfd.fd, 4711)

    def _last(self, address: Address) -> FakePidfd:
        return next(pidfd for at, pidfd in reversed(self._pidfds) if at == address)

    def end(self, address: Address) -> None:
        """The process that was found last at this address ends."""
        self._last(address).end()

    def watched(self, address: Address) -> bool:
        """Its descriptor is open."""
        return self._last(address).open


def in_place_of_real_ones(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """The processes of the synths at all addresses, for a test."""
    found = Processes()
    monkeypatch.setattr(process, "find", found.find)
    return found
