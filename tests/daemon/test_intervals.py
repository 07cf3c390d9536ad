"""What happens at most every so often."""

from __future__ import annotations

from latentd.daemon.intervals import AtMostEvery


def test_it_is_allowed_at_once_and_then_at_most_once_in_its_time() -> None:
    limit = AtMostEvery(2.0)
    allowed = [now for now in range(10) if limit.allows(float(now))]
    assert allowed == [0, 2, 4, 6, 8]
