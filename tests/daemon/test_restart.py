"""A killed daemon plays on where it was: the real process, killed and started again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from latentd.daemon import session
from tests.support.daemon import Daemon, latentd
from tests.support.rig import wait_for


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with latentd("--output", "print") as daemon:
        yield daemon


def kept(daemon: Daemon) -> dict[str, Any]:
    file = session.path(daemon.state, daemon.port)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def restart(daemon: Daemon) -> None:
    daemon.end(signal.SIGKILL)
    daemon.start()


def test_p10_a_killed_daemon_has_its_point_tweaks_freeze_and_model_again(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.25, 0.75)
    daemon.send("/latentd/param/master_vol", 0.125)
    daemon.send("/latentd/model", "paper")
    wait_for(lambda: daemon.status()["model"] == "paper", "the other model")
    daemon.send("/latentd/freeze", 1)
    wait_for(lambda: kept(daemon).get("frozen") is True and kept(daemon)["xy"] == [0.25, 0.75], "the session")
    wait_for(lambda: daemon.status()["settled"], "the patch to be sent")
    before = daemon.status()
    restart(daemon)
    wait_for(lambda: daemon.status()["settled"], "the patch to be sent again")
    after = daemon.status()
    for what in ("xy", "frozen", "own", "patch"):
        assert after[what] == before[what], what
    assert after["model"] == "paper"
    assert "restored what played last: point 0.250 0.750, held master_vol, frozen" in daemon.log_text()


def test_a_model_that_is_gone_gives_way_to_the_configured_one(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.25, 0.75)
    wait_for(lambda: kept(daemon).get("xy") == [0.25, 0.75], "the session")
    file = session.path(daemon.state, daemon.port)
    content = kept(daemon) | {"model": "/nowhere/model"}
    daemon.end(signal.SIGKILL)
    file.write_text(json.dumps(content), encoding="utf-8")
    daemon.start()
    assert daemon.status()["model"] == "timbre"
    assert "the model that played last" in daemon.log_text()


def test_a_damaged_session_keeps_nobody_from_playing(daemon: Daemon) -> None:
    daemon.end(signal.SIGKILL)
    file = session.path(daemon.state, daemon.port)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\0" * 300)
    daemon.start()
    assert file.with_name(f"{file.name}.damaged").read_bytes() == b"\0" * 300


def test_fresh_starts_without_what_played_last() -> None:
    with latentd("--output", "print", "--fresh") as daemon:
        daemon.send("/latentd/xy", 0.25, 0.75)
        wait_for(lambda: kept(daemon).get("xy") == [0.25, 0.75], "the session")
        restart(daemon)
        assert "restored" not in daemon.log_text().rpartition("latentd 0")[2]
        assert daemon.status()["xy"] is None
