"""Counters, latency histogram and the background log: what the daemon knows about itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# A bin is 2**(1/8) wide (9 %), from 1 us up to 65 s: small enough to quote a p99.9 from.
_BINS_PER_OCTAVE = 8
_BIN_COUNT = 26 * _BINS_PER_OCTAVE


class Histogram:
    """Latencies in logarithmic bins: constant memory, about 0.3 us to add one, quantiles to 9 %."""

    def __init__(self) -> None:
        self.bins = [0] * _BIN_COUNT
        self.count = 0
        self.max_s = 0.0
        self._sum = 0.0
        self._squares = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 1 us."""
        us = seconds * 1e6
        i = int(math.log2(us) * _BINS_PER_OCTAVE) if us > 1.0 else 0
        self.bins[i if i < _BIN_COUNT else -1] += 1
        self.count += 1
        self._sum += seconds
        self._squares += seconds * seconds
        if seconds > self.max_s:
            self.max_s = seconds

    def quantile_s(self, q: float) -> float:
        """Upper edge of the bin that holds quantile `q` (0..1), at most the maximum seen; 0.0 when empty."""
        wanted = q * self.count
        seen = 0
        for i, n in enumerate(self.bins):
            seen += n
            if n and seen >= wanted:
                return min(math.exp2((i + 1) / _BINS_PER_OCTAVE) * 1e-6, self.max_s)
        return 0.0

    def jitter_s(self) -> float:
        """Standard deviation, seconds."""
        if not self.count:
            return 0.0
        mean = self._sum / self.count
        return math.sqrt(max(self._squares / self.count - mean * mean, 0.0))

    def facts(self) -> dict[str, float]:
        """Milliseconds, for status."""
        return {
            "count": self.count,
            "p50_ms": round(self.quantile_s(0.5) * 1e3, 4),
            "p99_ms": round(self.quantile_s(0.99) * 1e3, 4),
            "p999_ms": round(self.quantile_s(0.999) * 1e3, 4),
            "max_ms": round(self.max_s * 1e3, 4),
            "jitter_ms": round(self.jitter_s() * 1e3, 4),
        }


@dataclass(slots=True)
class Counters:
    """Everything that comes in, goes out or is lost. Each loss has its own counter; nothing is dropped unseen."""

    received: int = 0  # datagrams and MIDI messages
    used: int = 0  # points that moved the pad's point
    superseded: int = 0  # points replaced by a newer one before they were looked at
    unmapped: int = 0  # well-formed messages that no mapping wants
    malformed: int = 0  # datagrams and messages that break their format
    refused: int = 0  # datagrams from hosts that `allow:` does not name
    sent: int = 0  # parameter values handed to the output
    withheld: int = 0  # values that the message budget held back for a later tick
    lost: int = 0  # datagrams of ours that the system had no room for
    faults: int = 0  # exceptions caught in the loop: each is a bug, logged, and the loop goes on


@dataclass(slots=True)
class Status:
    """The daemon's whole self-knowledge; owned by the engine's thread."""

    counters: Counters = field(default_factory=Counters)
    latency: Histogram = field(default_factory=Histogram)  # datagram arrival to output
    lateness: Histogram = field(default_factory=Histogram)  # the loop's own wake-ups, late by
