"""While it plays, nothing is collected that was there before, and nothing on its own account."""

from __future__ import annotations

import gc

from latentd.daemon import signals


def test_the_collector_rests_while_the_daemon_plays_and_forgets_no_object_after() -> None:
    with signals.calm_collector():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 1000
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
