"""Files of a command: all of them or none, and refused before the work."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError, UserError
from latentd.system import files
from tests.support.limits import full_disk

WRITE = """
import pathlib, sys
from latentd.errors import LatentdError
from latentd.system import files
try:
    files.write(pathlib.Path(sys.argv[1]), {"a": b"new", "b": b"x" * 2000}, "hint")
except LatentdError as error:
    print(error.exit_code, error)
"""


def test_files_are_written_into_a_new_folder_and_nothing_else(tmp_path: Path) -> None:
    files.write(tmp_path / "new" / "folder", {"a": b"1", "b": b"22"}, "hint")
    found = {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()}
    assert found == {"a": b"1", "b": b"22"}


def test_a_full_disk_is_a_failure_that_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    command = [sys.executable, "-c", f"{full_disk(1000)}\n{WRITE}", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"1 {tmp_path}: File too large. Free some space, then run the command again\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_name_that_is_taken_by_a_folder_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match=r"Is a directory\. Choose another"):
        files.write(tmp_path, {"a": b"1"}, "Choose another")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_made_and_left_empty_by_the_check(tmp_path: Path) -> None:
    files.check_folder(tmp_path / "new" / "folder", "hint")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


@pytest.mark.parametrize("folder", ["/proc", "/proc/new", f"{__file__}/new", __file__])
def test_a_folder_that_cannot_be_written_is_the_users_mistake(folder: str) -> None:
    with pytest.raises(UserError, match="Choose another --out"):
        files.check_folder(Path(folder), "Choose another --out")


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 1), (errno.EDQUOT, 1), (errno.EACCES, 2)])
def test_only_a_full_disk_is_not_the_users_mistake(number: int, code: int) -> None:
    error = files.cannot_write(Path("x"), OSError(number, os.strerror(number)), "hint")
    assert isinstance(error, LatentdError)
    assert error.exit_code == code


def test_a_replaced_file_keeps_the_content_before_unless_it_was_empty(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two", b""):
        files.replace(path, content, keep=True)
    assert (path.read_bytes(), files.old(path).read_bytes()) == (b"", b"two")
    files.replace(path, b"three", keep=True)
    assert (path.read_bytes(), files.old(path).read_bytes()) == (b"three", b"two")
    assert sorted(p.name for p in path.parent.iterdir()) == ["file", "file.old"]


def test_where_the_file_system_has_no_links_a_copy_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    for content in (b"one", b"two"):
        files.replace(tmp_path / "file", content, keep=True)
    assert files.old(tmp_path / "file").read_bytes() == b"one"


def test_content_reaches_the_disk_before_its_name_and_its_name_before_replace_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut between any two of these steps leaves the old content or the new one."""
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append(f"rename to {target.name}")
        return rename(self, target)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    files.replace(tmp_path / "file", b"content")
    assert steps == [f"sync .file.{os.getpid()}.new", "rename to file", f"sync {tmp_path.name}"]


def test_a_failed_replace_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.replace(tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.replace(tmp_path / "file", b"new", keep=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_old_temporary_files_are_swept_and_those_being_written_are_not(tmp_path: Path) -> None:
    for name in (".a.12.new", ".b.13.new", "c"):
        (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / ".a.12.new", (0, 0))
    os.utime(tmp_path / "c", (0, 0))
    files.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.13.new", "c"]
