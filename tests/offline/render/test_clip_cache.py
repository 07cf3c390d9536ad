"""The clip cache: what is stored is found again, and a disk that fails is an error in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError, UserError
from latentd.offline.render.clip_cache import ClipCache
from tests.support.limits import full_disk

PUT = """
import pathlib, sys
from latentd.errors import LatentdError
from latentd.offline.render.clip_cache import ClipCache
try:
    with ClipCache(pathlib.Path(sys.argv[1])) as cache:
        cache.put({bytes([n]): b"x" * 10_000 for n in range(100)})
except LatentdError as error:
    print(error.exit_code, error)
"""


def test_values_are_found_by_their_keys_and_by_no_others(tmp_path: Path) -> None:
    with ClipCache(tmp_path) as cache:
        cache.put({b"a": b"1", b"b": b"2"})
    with ClipCache(tmp_path) as cache:
        assert cache.get([b"a", b"c"]) == {b"a": b"1"}
        assert len(cache.get([n.to_bytes(2, "big") for n in range(2000)] + [b"b"])) == 1


def test_a_full_disk_is_a_failure(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{full_disk(100_000)}\n{PUT}", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(f"1 {tmp_path}/clips.sqlite: ")
    assert done.stdout.endswith(". Check the disk, or choose another cache folder\n")


def test_a_damaged_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "clips.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(LatentdError, match=r"clips\.sqlite: file is not a database\. Remove it"):
        ClipCache(tmp_path)


def test_a_folder_that_cannot_be_written_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="Choose another cache folder"):
        ClipCache(Path("/proc/cache"))
