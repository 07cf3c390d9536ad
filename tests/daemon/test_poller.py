"""What the loop waits for: the handlers of what is readable, also of descriptors that come and go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from latentd.daemon.poller import Handler, Poller


@pytest.fixture
def poller() -> Iterator[Poller]:
    with Poller() as poller:
        yield poller


def ready(poller: Poller, limit_s: float = 0.0) -> list[Handler]:
    return poller.wait(time.monotonic() + limit_s)


def handler(_now: float) -> None:
    """Stands for one that reads."""


def other(_now: float) -> None:
    """The same."""


def test_the_handlers_of_all_readable_descriptors_are_returned(poller: Poller) -> None:
    first, second = os.eventfd(1), os.eventfd(0)
    poller.watch(first, handler)
    poller.watch(second, other)
    assert ready(poller, 20.0) == [handler]
    os.eventfd_write(second, 1)
    assert set(ready(poller, 20.0)) == {handler, other}
    os.eventfd_read(first)
    os.eventfd_read(second)
    assert ready(poller) == []
    os.close(first)
    os.close(second)


def test_descriptors_that_are_no_longer_wanted_are_dropped_closed_or_not(poller: Poller) -> None:
    fds = [os.eventfd(1) for _ in range(3)]
    poller.watch_changing(fds, handler)
    assert len(ready(poller, 20.0)) == 3
    os.close(fds[0])
    poller.watch_changing(fds[2:], handler)
    assert len(ready(poller, 20.0)) == 1
    new = os.eventfd(1)  # may have the number of one that was closed
    poller.watch_changing([fds[2], new], handler)
    assert len(ready(poller, 20.0)) == 2
    for fd in (*fds[1:], new):
        os.close(fd)


def test_a_new_descriptor_with_the_number_of_one_that_was_closed_is_watched(poller: Poller) -> None:
    """In one turn the synth's process may end and the JACK port's next process start, with a pipe of that number."""
    stays, ends = os.eventfd(0), os.eventfd(0)
    poller.watch_changing([ends, stays], handler)
    new = os.eventfd(1)
    os.dup2(new, ends)  # closes the old one
    os.close(new)
    poller.watch_changing([stays, ends], handler)
    assert ready(poller, 20.0) == [handler]
    os.close(stays)
    os.close(ends)
