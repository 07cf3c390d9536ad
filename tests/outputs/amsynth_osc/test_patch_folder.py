"""The folder through which patches are handed over: what amSynth reads there, and whose folder it is."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from latentd.errors import LatentdError
from latentd.outputs.amsynth_osc.patch_folder import PatchFolder, runtime_folder
from latentd.synth import amsynth
from tests.support.nsm_world import SYNTH, World, connected, reply


def test_a_folder_that_vanished_is_created_again_and_a_failed_write_is_counted(world: World) -> None:
    connected(world)
    world.set(0.1, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    for file in (world.root / "folder").iterdir():
        file.unlink()
    (world.root / "folder").rmdir()
    world.set(0.2, 2.0)
    assert world.cutoffs()[-1] == pytest.approx(0.2)
    world.output.receive(reply(), SYNTH, 2.1)
    (world.root / "folder" / "bank.new").unlink()  # it is ready for the next patch
    (world.root / "folder" / "bank.new").mkdir()
    world.set(0.3, 3.0)
    assert world.output.facts()["unwritten"] == 1
    (world.root / "folder" / "bank.new").rmdir()
    assert world.output.poll(3.1) == pytest.approx(3.25)
    world.output.poll(3.25)
    assert world.cutoffs()[-1] == pytest.approx(0.3)


def test_every_patch_has_a_new_mtime_in_whole_seconds_and_the_other_spelling_of_the_path(world: World) -> None:
    connected(world)
    seen = []
    for i in range(5):
        world.set(i / 10.0, float(i))
        seen.append(((world.root / "folder" / "bank").stat().st_mtime, world.sent[-1][0].args[0]))
        world.output.receive(reply(), SYNTH, i + 0.1)
    assert all(b[0] == a[0] + 1.0 and b[1] != a[1] for a, b in itertools.pairwise(seen))
    assert (world.root / "folder").stat().st_mode & 0o777 == 0o700


def test_a_preset_number_that_amsynth_saved_does_not_select_another_preset(world: World) -> None:
    connected(world)
    world.set(0.1, 1.0)
    world.output.receive(reply(), SYNTH, 1.1)
    for i, number in enumerate(("5", "17", "127\n")):
        (world.root / "folder" / "preset_number").write_text(number)
        world.set(0.2 + i / 10.0, 2.0 + i)
        assert world.cutoffs()[-1] == pytest.approx(0.2 + i / 10.0)
        world.output.receive(reply(), SYNTH, 2.5 + i)


def test_a_symbolic_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LatentdError, match="folder"):
        PatchFolder(tmp_path / "folder")


def test_a_symbolic_link_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    folder = PatchFolder(tmp_path / "folder")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "folder" / "bank.new").symlink_to(victim)
    with pytest.raises(OSError, match=r"bank\.new"):
        folder.write(amsynth.DEFAULT.tolist())
    assert victim.read_text() == "mine"


def test_closing_removes_the_folder_and_may_be_done_twice(world: World) -> None:
    connected(world)
    world.set(0.5, 1.0)
    world.output.close()
    world.output.close()
    assert not (world.root / "folder").exists()


def test_the_runtime_folder_is_the_daemons_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder(8000) == tmp_path / "latentd-8000"
    assert runtime_folder(8001) != runtime_folder(8000)


def test_without_a_runtime_folder_a_name_that_is_taken_is_avoided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    port = 1_000_000 + os.getpid()  # no port: nobody else's
    folder = runtime_folder(port)
    assert folder == runtime_folder(port), "the same after a restart"
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        other = runtime_folder(port)
        assert other != folder
        other.rmdir()
    finally:
        folder.unlink()
