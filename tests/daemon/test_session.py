"""What a rig plays outlives a kill: the file, what is written into it and when, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latentd.daemon import session, session_keeper
from latentd.daemon.background import Background
from latentd.daemon.engine import Engine
from latentd.daemon.session import Session
from latentd.daemon.session_keeper import SessionKeeper
from latentd.instrument.motion import Wander
from latentd.instrument.shaping import ShapingSettings
from latentd.synth.amsynth import INDEX
from latentd.system import files
from tests.support.engine import Recorder
from tests.support.engine import engine as engine_into

FULL = Session("timbre", "/models/paper", (0.25, 0.75), {"master_vol": 0.5, "reverb_wet": None}, True, True)


def new_engine() -> Engine:
    return engine_into(Recorder())


class Inline(Background):
    """Does its jobs at once, or never."""

    def __init__(self, works: bool = True) -> None:
        self.works = works
        self.jobs = 0

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> bool:
        self.jobs += 1
        try:
            result = job() if self.works else OSError(28, "No space left on device")
        except Exception as error:
            result = error
        then(result)
        return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return session.path(tmp_path / "state", 8000)


def test_what_is_kept_is_restored(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    engine.place((0.25, 0.75), 0.0)
    engine.shaping.tweak(INDEX["master_vol"], 0.5)
    engine.tick(0.0)
    engine.shaping.lock(INDEX["reverb_wet"])
    engine.frozen = True
    keeper.step(engine, 0.0)
    found = session.load(file)
    assert found is not None
    assert found.xy == (0.25, 0.75)
    assert set(found.held) == {"master_vol", "reverb_wet"}

    again = new_engine()
    session_keeper.restore(found, again, 0.0)
    again.tick(0.0)
    assert again.xy == (0.25, 0.75)
    assert again.shaping.own_values() == engine.shaping.own_values()
    assert again.frozen
    assert again.shaping.params[INDEX["master_vol"]] == pytest.approx(0.5, abs=0.01)


def test_a_walk_goes_on_from_where_it_began(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    engine.place((0.25, 0.75), 0.0)
    keeper.step(engine, 0.0)
    engine.begin(Wander((0.25, 0.75), 0.0), 0.0)
    for second in range(1, 20):
        engine.tick(float(second))
        keeper.step(engine, float(second))
    found = session.load(file)
    assert found is not None
    assert (found.xy, found.wander) == ((0.25, 0.75), True)
    again = new_engine()
    session_keeper.restore(found, again, 100.0)
    assert isinstance(again.motion, Wander)


def test_it_is_written_twice_a_second_while_something_changes_and_never_at_rest(file: Path) -> None:
    engine = new_engine()
    background = Inline()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, background)
    for step in range(1000):  # 10 s of points and of a fader, every 10 ms
        engine.place((step / 1000.0, 0.5), step * 0.01)
        engine.shaping.tweak(INDEX["master_vol"], step / 1000.0)
        keeper.step(engine, step * 0.01)
    assert 19 <= background.jobs <= 21
    due, now, calls = keeper.step(engine, 10.0), 10.0, 0
    while due is not None:
        now, calls = due, calls + 1
        due = keeper.step(engine, now)
    assert calls <= 3
    found = session.load(file)
    assert found is not None
    assert found.xy == (0.999, 0.5)


def test_a_point_that_never_rests_is_written_less_and_less_often(file: Path) -> None:
    engine, background = new_engine(), Inline()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, background)

    def stream(begin: int, end: int) -> None:
        for step in range(begin, end):
            engine.place(((step % 997) / 1000.0, 0.5), step * 0.01)
            keeper.step(engine, step * 0.01)

    stream(0, 200)  # a gesture of 2 s
    assert background.jobs in (2, 3)
    stream(200, 360000)  # a tilt sensor, an hour long
    assert 355 <= background.jobs <= 370
    keeper.step(engine, 3600.5)
    keeper.step(engine, 3601.0)  # it has come to rest
    found = session.load(file)
    assert found is not None
    assert found.xy == (359999 % 997 / 1000.0, 0.5)
    jobs = background.jobs
    engine.frozen = True
    stream(360200, 360201)  # a freeze does not wait
    assert background.jobs == jobs + 1
    engine.frozen = False
    stream(362000, 362200)  # after a rest, a gesture as at first
    assert background.jobs - jobs in (4, 5)


def test_a_disk_that_is_full_is_tried_again_half_a_minute_later(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine, background = new_engine(), Inline(works=False)
    keeper = SessionKeeper(file, "timbre", "timbre", engine, background)
    for second in range(60):
        engine.place((second / 60.0, 0.5), float(second))
        keeper.step(engine, float(second))
    assert background.jobs == 2
    assert caplog.text.count("No space left") == 1
    background.works = True
    keeper.step(engine, 90.0)
    assert session.load(file) is not None


def test_the_end_keeps_what_changed_since_the_last_look(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    keeper.step(engine, 0.0)
    engine.place((0.5, 0.125), 0.1)
    keeper.finish(engine)
    found = session.load(file)
    assert found is not None
    assert found.xy == (0.5, 0.125)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\0" * 100,
        b"[]",
        b"{}",
        b"[" * 60000,
        json.dumps({"configured": "timbre", "model": "x", "xy": [2, 0], "held": {}, "frozen": False, "wander": False}),
        json.dumps({"configured": "timbre", "model": "x", "xy": [0], "held": {}, "frozen": False, "wander": False}),
        json.dumps({"configured": "timbre", "model": "x", "xy": None, "held": {"master_vol": "loud"}, "frozen": False,
                    "wander": False}),
        f'{{"configured": "t", "model": "", "xy": [1{"0" * 400}, 0], "held": {{}}, "frozen": false, "wander": false}}',
        json.dumps({"configured": "timbre", "model": 1, "xy": None, "held": {}, "frozen": False, "wander": False}),
        b'{"configured": "t", "model": "x", "xy": [NaN, 0], "held": {}, "frozen": false, "wander": false}',
    ],
)  # fmt: skip
def test_a_damaged_session_is_put_aside_and_the_one_before_it_counts(file: Path, content: bytes | str) -> None:
    file.parent.mkdir()
    damaged = content.encode() if isinstance(content, str) else content
    file.write_bytes(damaged)
    assert session.load(file) is None
    assert file.with_name("session-8000.json.damaged").read_bytes() == damaged

    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    engine.place((0.5, 0.5), 0.0)
    keeper.step(engine, 0.0)
    files.replace(file, damaged, keep=True)
    assert session.load(file) == session.load(files.old(file))


def test_parameters_that_this_version_does_not_know_are_left_out(file: Path) -> None:
    file.parent.mkdir()
    held = {"master_vol": 0.5, "from_the_future": 0.5}
    file.write_text(
        json.dumps({"configured": "m", "model": "m", "xy": None, "held": held, "frozen": False, "wander": False}),
        encoding="utf-8",
    )
    found = session.load(file)
    assert found is not None
    assert found.held == {"master_vol": 0.5}


def test_no_file_is_no_session_and_a_session_says_what_it_holds(file: Path) -> None:
    assert session.load(file) is None
    assert str(FULL) == "point 0.250 0.750, held master_vol, reverb_wet, frozen, wandering"


def test_nothing_is_written_before_anything_changes(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    keeper.step(engine, 0.0)
    keeper.finish(engine)
    assert not file.exists()


def test_a_walk_that_is_frozen_or_ends_is_kept_where_it_is(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    engine.begin(Wander((0.25, 0.75), 0.0), 0.0)
    engine.tick(0.0)
    keeper.step(engine, 0.0)
    engine.tick(7.0)
    engine.frozen = True
    keeper.step(engine, 7.0)
    found = session.load(file)
    assert found is not None
    assert found.xy == engine.xy != (0.25, 0.75)
    engine.frozen = False
    engine.tick(9.0)
    keeper.finish(engine)
    ended = session.load(file)
    assert ended is not None
    assert ended.xy == engine.xy != found.xy


def test_limits_are_kept_where_they_are_not_as_configured(file: Path) -> None:
    cutoff, detune, attack = INDEX["filter_cutoff"], INDEX["osc2_detune"], INDEX["amp_attack"]
    configured = {cutoff: (0.25, 0.75), detune: (0.5, 0.75)}
    engine = new_engine()
    engine.shaping.take_limits(configured)
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline(), configured)
    engine.shaping.take_limits({detune: (0.5, 0.75), attack: (0.0, 0.5)})  # one lifted, one added
    keeper.step(engine, 0.0)
    found = session.load(file)
    assert found is not None
    assert found.limits == {"filter_cutoff": None, "amp_attack": (0.0, 0.5)}
    again = new_engine()
    again.shaping.take_limits(configured | {detune: (0.25, 0.75)})  # the configuration has changed meanwhile
    session_keeper.restore(found, again, 0.0)
    assert again.shaping.limits == {detune: (0.25, 0.75), attack: (0.0, 0.5)}


@pytest.mark.parametrize("limits", [[], {"amp_attack": [0.5, 0.25]}, {"amp_attack": 1}, {"amp_attack": [0.0, 2.0]}])
def test_a_session_with_limits_that_cannot_be_is_damaged(file: Path, limits: object) -> None:
    file.parent.mkdir()
    data: dict[str, Any] = {
        "configured": "timbre",
        "model": "timbre",
        "xy": None,
        "held": {},
        "frozen": False,
        "wander": False,
    }
    file.write_text(json.dumps(data | {"limits": limits}))
    assert session.load(file) is None
    assert file.with_name(f"{file.name}.damaged").exists()
    file.write_text(json.dumps(data))  # of a version without limits
    assert session.load(file) == Session("timbre", "timbre")


def test_a_lock_that_the_configuration_gained_counts_beside_the_restored_ones() -> None:
    engine = engine_into(Recorder(), shaping=ShapingSettings(lock=["reverb_wet"]))
    session_keeper.restore(Session("timbre", "timbre", None, {"master_vol": 0.5}), engine, 0.0)
    assert set(engine.shaping.own_values()) == {INDEX["reverb_wet"], INDEX["master_vol"]}


def test_the_models_name_is_kept_as_configured_until_another_is_played(file: Path) -> None:
    engine = new_engine()
    keeper = SessionKeeper(file, "timbre", "timbre", engine, Inline())
    engine.place((0.5, 0.5), 0.0)
    keeper.step(engine, 0.0)
    found = session.load(file)
    assert found is not None
    assert (found.configured, found.model) == ("timbre", "timbre")
    assert (found.plays("timbre"), found.plays("bass")) == ("timbre", "bass")
