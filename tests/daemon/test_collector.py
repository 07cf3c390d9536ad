"""While it plays, garbage is collected only when the loop calls for it, and what existed before never is."""

from __future__ import annotations

import gc

import pytest

from latentd.daemon.collector import LONGEST_S, REST_S, Collector


def test_the_collector_is_off_while_the_daemon_plays_and_on_with_all_objects_after() -> None:
    with Collector().paused():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 1000
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize(("resting", "every_s"), [(True, REST_S), (False, LONGEST_S)])
def test_it_collects_at_intervals_that_are_shorter_at_rest(
    resting: bool, every_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(len(collected)))
    collector = Collector()
    for n in range(100):
        collector.collect(1000.0 + n * every_s / 10, resting)
    assert len(collected) == 10
