"""P9: signals end the loop in order, and leave everything as it was."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator

import pytest

from latentd.daemon.signals import signals

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whatever happens, the tests that follow have their handlers back."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_p9_a_signal_asks_for_the_end_and_wakes_the_loop(number: signal.Signals) -> None:
    stops: list[None] = []
    with signals(lambda: stops.append(None)) as wakeup:
        assert not select.select([wakeup], [], [], 0)[0]
        os.kill(os.getpid(), number)
        assert stops == [None]
        assert select.select([wakeup], [], [], 0)[0]
        assert wakeup.recv(64) == bytes((number,))
        with pytest.raises(BlockingIOError):
            wakeup.recv(64)


def test_p9_a_second_ctrl_c_kills_and_a_second_sigterm_only_asks_again() -> None:
    stops: list[None] = []
    with signals(lambda: stops.append(None)):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        assert len(stops) == 2
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals(pytest.fail):
        os.kill(os.getpid(), signal.SIGHUP)


def test_more_signals_than_the_wakeup_holds_do_not_block() -> None:
    stops: list[None] = []
    with signals(lambda: stops.append(None)):
        for _ in range(5000):
            os.kill(os.getpid(), signal.SIGTERM)
    assert len(stops) == 5000


def test_afterwards_the_old_handlers_and_the_old_wakeup_are_back() -> None:
    mine = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    before = [signal.getsignal(number) for number in ENDING]
    with signals(lambda: None) as wakeup:
        assert all(signal.getsignal(number) not in before for number in ENDING)
        inside = wakeup.fileno()
    assert [signal.getsignal(number) for number in ENDING] == before
    assert signal.set_wakeup_fd(-1) == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(inside)
    signal.signal(signal.SIGTERM, mine)
