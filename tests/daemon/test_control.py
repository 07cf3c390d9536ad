"""The control interface without a loop or a socket, its background run by hand: what comes before and after what."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from latentd.config.config import IdleSettings
from latentd.daemon.commands import COMMANDS, Control
from latentd.daemon.handlers.landmarks import MAX_UNWRITTEN
from latentd.daemon.handlers.patch import MAX_BANKS
from latentd.daemon.idle import IdleMotion
from latentd.daemon.message_spec import Command
from latentd.daemon.sender import Sender
from latentd.instrument import motion
from latentd.model import bundle
from latentd.osc.packets import Message
from latentd.synth.amsynth import INDEX
from tests.support.engine import Recorder, engine

CLIENT = Sender("127.0.0.1", 9)


class Background:
    """Runs what waits when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self.is_full = False

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> bool:
        if not self.is_full:
            self.waiting.append((job, then))
        return not self.is_full

    def run(self) -> None:
        """Everything that waits, in order, as the thread would."""
        while self.waiting:
            job, then = self.waiting.pop(0)
            try:
                result = job()
            except Exception as error:
                result = error
            then(result)


class Host:
    """A daemon without its loop and its socket."""

    def __init__(self, folder: Path) -> None:
        self.engine = engine(Recorder())
        self.background: Any = Background()
        self.feedback: Any = None
        self.monitors: Any = None
        self.notes: Any = None
        self.idle = IdleMotion(IdleSettings(), self.engine, lambda: (0.5, 0.5), lambda: None, 0.0)
        self.answers: list[tuple[str | float, ...]] = []
        self.control = Control(self, folder)
        self.now = 0.0

    def reply(self, sender: Sender, address: str, *args: str | float) -> None:
        assert sender == CLIENT
        self.answers.append((address, *args))

    def ask_status(self, sender: Sender) -> None: ...

    def panic(self, now: float) -> None: ...

    def send(self, address: str, *args: object) -> None:
        assert self.control.receive(Message(f"/latentd/{address}", args), CLIENT, self.now, self.now)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.address)
def test_points_that_came_before_a_message_are_followed_first_where_its_row_says_so(
    host: Host, command: Command
) -> None:
    host.send("xy", 0.25, 0.75)
    host.send(command.address.replace("NAME", "master_vol"), "wrong", "wrong", "wrong")
    assert (host.engine.xy == (0.25, 0.75)) is command.after_points


def test_the_history_holds_no_model(host: Host) -> None:
    host.engine.use_model(bundle.load("paper"))  # not the one that the other tests share
    first = weakref.ref(host.engine.model)
    host.send("model", "timbre")
    host.background.run()
    assert host.engine.model.name == "timbre"
    gc.collect()
    assert first() is None
    host.send("undo")
    host.background.run()
    assert host.engine.model.name == "paper"
    assert host.answers == [("/latentd/loaded", "timbre"), ("/latentd/loaded", "paper")]


def test_a_model_of_a_folder_comes_back_from_there_even_if_named_from_another(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").symlink_to(bundle.find("paper"))
    monkeypatch.chdir(tmp_path)
    host.engine.use_model(bundle.load("./mine"))
    host.send("model", "timbre")
    host.background.run()
    monkeypatch.chdir("/")
    host.send("undo")
    host.background.run()
    assert host.engine.model.folder == tmp_path / "mine"


def test_an_undo_that_overtakes_the_load_leaves_the_present_model(host: Host) -> None:
    before = host.engine.model
    host.send("lock", "master_vol", 1)
    host.send("model", "paper")
    host.send("undo")
    host.background.run()
    assert host.engine.model is before
    assert host.answers == [("/latentd/error", "/latentd/model: paper was undone before it was loaded")]
    assert host.engine.shaping.own_values(), "the undo took the lock back, too"
    host.send("undo")
    assert not host.engine.shaping.own_values()


def test_two_undone_in_a_row_come_back_in_order(host: Host) -> None:
    for name in ("paper", "timbre", "paper"):
        host.send("model", name)
        host.background.run()
    host.send("undo")
    host.send("undo")
    host.background.run()
    assert [answer[1] for answer in host.answers] == ["paper", "timbre", "paper", "timbre", "paper"]
    host.send("undo")
    host.background.run()
    assert host.engine.model.name == "timbre"


def test_a_model_that_does_not_load_leaves_nothing_to_undo(host: Host) -> None:
    host.send("lock", "master_vol", 1)
    host.send("model", "papre")
    host.background.run()
    assert "Did you mean paper?" in str(host.answers[-1])
    host.send("undo")
    assert not host.engine.shaping.own_values()


def test_an_undo_for_which_there_is_no_room_can_be_tried_again(host: Host) -> None:
    host.send("model", "paper")
    host.background.run()
    host.background.is_full = True
    host.send("undo")
    assert host.answers[-1] == ("/latentd/error", "/latentd/undo: the disk does not keep up. Try again in a moment")
    host.background.is_full = False
    host.send("undo")
    host.background.run()
    assert host.engine.model.name == "timbre"


def test_a_goto_from_nowhere_is_undone_no_further(host: Host) -> None:
    host.control.landmarks.points["here"] = (0.25, 0.5)
    host.send("lock", "master_vol", 1)
    host.send("landmark/goto", "here")
    host.send("undo")
    assert "no point before 'here'" in str(host.answers[-1])
    assert host.engine.shaping.own_values(), "the undo took the lock back instead"


def test_a_fader_leaves_the_changes_before_it_in_the_history(host: Host) -> None:
    host.send("lock", "master_vol", 1)
    for n in range(1000):
        host.send("param/filter_cutoff", -0.5 + n / 1000)
        host.send("param/filter_resonance", n / 2000)
        host.now += 0.02
    host.now += 5.0
    host.send("param/filter_cutoff", 0.25)
    own = host.engine.shaping.own_values
    host.send("undo")
    assert host.engine.shaping.own["filter_cutoff"] == pytest.approx(0.999 / 2.0)
    host.send("undo")
    host.send("undo")
    assert list(own()) == [INDEX["master_vol"]]
    host.send("undo")
    assert not own()


def test_p12_the_end_of_a_recording_is_said_once_to_who_began_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "MAX_RECORDED", 10)
    host.send("record", 1)
    for n in range(20):
        host.send("xy", n / 20, 0.5)
        host.engine.tick(0.1 * n)
    answer = "/latentd/record: 60000 points are recorded, the rest is not. Send /latentd/record 0, then play"
    assert host.answers == [("/latentd/error", answer)]
    host.send("record", 0)
    host.now = 9.0
    host.send("play", 1)
    host.engine.tick(9.0)
    assert host.engine.xy == pytest.approx((0.0, 0.5))


def test_p12_a_state_folder_full_of_banks_takes_those_that_are_there_and_no_others(host: Host, tmp_path: Path) -> None:
    host.send("xy", 0.5, 0.5)
    host.engine.tick(0.0)
    (tmp_path / "banks").mkdir()
    for n in range(MAX_BANKS):
        (tmp_path / "banks" / f"n{n}.bank").write_text("old", encoding="utf-8")
    for name in ("one more", "n1"):
        host.send("save", name)
        host.background.run()
    full = f"/latentd/save: {tmp_path}/banks holds 512 banks. Move some away, or save under one of their names"
    assert host.answers == [("/latentd/error", full), ("/latentd/saved", "n1")]
    assert (tmp_path / "banks" / "n1.bank").read_text(encoding="utf-8").startswith("amSynth")
    assert len(list((tmp_path / "banks").glob("*.bank"))) == MAX_BANKS
    (tmp_path / "banks" / "n0.bank").unlink()
    host.send("save", "one more")
    host.background.run()
    assert host.answers[-1] == ("/latentd/saved", "one more")


def test_p12_changes_of_landmarks_that_the_disk_does_not_take_are_bounded_and_written_later(
    host: Host, tmp_path: Path
) -> None:
    host.engine.place((0.5, 0.5), 0.0)
    blocked = tmp_path / "landmarks.json"
    blocked.mkdir()
    for n in range(1000):
        host.send("landmark/save", f"n{n}")
        host.background.run()
        if n:
            host.send("landmark/delete", f"n{n}")
            host.background.run()
    assert host.control.landmarks.unwritten == MAX_UNWRITTEN
    assert "has not taken the last 256 changes. Make room, then try again" in str(host.answers)
    blocked.rmdir()
    host.send("landmark/save", "later")
    host.background.run()
    assert "has not taken" in str(host.answers[-1])
    host.send("landmark/save", "later")
    host.background.run()
    assert set(json.loads(blocked.read_text(encoding="utf-8"))) == {"n0", "n255", "later"}
