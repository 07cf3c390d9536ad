"""The log: what nobody reads delays nothing, and is counted."""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import re
import sys
from collections.abc import Iterator
from typing import cast

import pytest

from latentd.daemon import log as log_module
from latentd.daemon.log import MAX_LINES, start_log
from tests.support.rig import wait_for


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The log of the other tests, as it was."""
    logger = logging.getLogger("latentd")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def test_p12_lines_that_nobody_reads_are_lost_and_the_log_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 8192)  # with one page the first line would make it unwritable
    monkeypatch.setattr(log_module, "_READER_S", 0.001)
    logger = logging.getLogger("latentd.test")
    text = bytearray()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb", buffering=0) as reader:
        os.set_blocking(reading, False)
        monkeypatch.setattr(sys, "stderr", stream)
        listener = start_log()
        try:
            for n in range(2 * MAX_LINES):
                logger.info("line %04d", n)
            records = cast("queue.Queue[logging.LogRecord]", listener.queue)
            wait_for(records.empty, "the log to give up")
            text += reader.read() or b""
            logger.info("the end")

            def is_whole() -> bool:
                nonlocal text
                text += reader.read() or b""
                return b"the end" in text

            wait_for(is_whole, "the log's end")
        finally:
            listener.stop()
    written = len(re.findall(r"INFO line ", text.decode()))
    lost = re.findall(r"WARNING (\d+) lines of this log are lost, because nobody read them in time", text.decode())
    assert 0 < written < MAX_LINES
    assert sum(map(int, lost)) == 2 * MAX_LINES - written
