"""Patterns that match no MIDI port, in the log."""

from __future__ import annotations

import pytest

from latentd.daemon.pattern_log import PatternLog, Patterns


class Log:
    """A log, and the patterns that match no port."""

    def __init__(self) -> None:
        self.without_port: Patterns = {}
        self.looks = 0
        self.now = 100.0
        self._log = PatternLog(self.look)

    def look(self) -> Patterns:
        self.looks += 1
        return self.without_port

    def run(self, seconds: float) -> None:
        """Four turns a second."""
        for _ in range(int(4 * seconds)):
            self.now += 0.25
            self._log.step(self.now)


@pytest.fixture
def patterns() -> Log:
    return Log()


def test_p11_a_pattern_that_matches_no_port_for_long_is_logged_once(
    patterns: Log, caplog: pytest.LogCaptureFixture
) -> None:
    patterns.without_port = {"jack.sources": ["nano.*", "KeyStep"]}
    patterns.run(9.0)
    assert not caplog.messages, "the device may still start"
    patterns.run(3.0)
    assert caplog.messages == [
        f"jack.sources: no port matches {pattern!r}. `latentd ports` lists the ports"
        for pattern in ("KeyStep", "nano.*")
    ]
    patterns.run(60.0)
    patterns.without_port = {}
    patterns.run(60.0)
    patterns.without_port = {"jack.sources": ["nano.*"], "alsa.inputs": ["nano.*"]}
    patterns.run(60.0)
    assert len(caplog.messages) == 3
    assert caplog.messages[2].startswith("alsa.inputs: ")


def test_a_port_that_is_away_for_a_moment_is_not_logged(patterns: Log, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(10):
        patterns.without_port = {"alsa.out": ["synth"]}
        patterns.run(6.0)
        patterns.without_port = {}
        patterns.run(2.0)
    assert not caplog.messages


def test_the_patterns_are_looked_at_once_a_second_at_most(patterns: Log) -> None:
    patterns.run(10.0)
    assert patterns.looks == 10
