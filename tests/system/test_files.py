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
