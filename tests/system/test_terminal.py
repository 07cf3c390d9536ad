"""The signals that end a command, and what stays of them."""

from __future__ import annotations

import os
import signal

import pytest

from latentd.system.terminal import ends_quietly


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_command_in_order_and_its_handler_is_gone(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    ended = False
    with ends_quietly():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            ended = True
    assert ended
    assert signal.getsignal(number) == before
