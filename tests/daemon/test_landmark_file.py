"""The file of the performer's landmarks: shared, locked, and never lost."""

from __future__ import annotations

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from latentd.daemon import landmark_file
from latentd.errors import LatentdError
from latentd.system import files

A, B = (0.25, 0.5), (0.75, 1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / landmark_file.FILE


def test_two_daemons_keep_each_others_landmarks(path: Path) -> None:
    landmark_file.change(path, {"one": A})
    assert landmark_file.change(path, {"two": B}) == {"one": A, "two": B}
    assert landmark_file.change(path, {"one": None}) == {"two": B}
    assert landmark_file.load(path) == {"two": B}


def test_many_changes_at_once_all_count(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: landmark_file.change(path, {f"n{n}": A}), range(40)))
    assert set(landmark_file.load(path)) == {f"n{n}" for n in range(40)}


def test_a_daemon_that_does_not_give_the_file_free_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landmark_file.change(path, {"one": A})
    monkeypatch.setattr(landmark_file, "_LOCK_S", 0.0)
    with path.with_name("landmarks.json.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LatentdError, match="another latentd holds"):
            landmark_file.change(path, {"two": B})
    assert landmark_file.load(path) == {"one": A}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\0" * 64,
        b"[1]",
        b'{"a": 1}',
        b'{"a": [0, "x"]}',
        b'{"../a": [0, 0]}',
        b"[" * 100_000,
        b'{"a": [0, 1' + b"0" * 400 + b"]}",
    ],
)
def test_a_damaged_file_is_put_aside_and_the_content_before_counts(path: Path, content: bytes) -> None:
    landmark_file.change(path, {"one": A})
    landmark_file.change(path, {"two": B})
    path.write_bytes(content)
    assert landmark_file.load(path) == {"one": A}
    assert path.with_name("landmarks.json.damaged").read_bytes() == content
    assert landmark_file.change(path, {"three": B}) == {"one": A, "three": B}


def test_a_file_damaged_while_latentd_runs_is_not_written_over(path: Path) -> None:
    landmark_file.change(path, {"one": A})
    path.write_text("{", encoding="utf-8")
    with pytest.raises(LatentdError, match="is damaged"):
        landmark_file.change(path, {"two": B})
    assert path.read_text(encoding="utf-8") == "{"


def test_more_landmarks_than_the_status_can_list_are_refused(path: Path) -> None:
    path.parent.mkdir()
    files.replace(path, json.dumps({f"n{n}": A for n in range(landmark_file.MAX_LANDMARKS)}).encode())
    with pytest.raises(LatentdError, match="128 landmarks already"):
        landmark_file.change(path, {"one more": A})
    assert len(landmark_file.change(path, {"n0": None})) == landmark_file.MAX_LANDMARKS - 1


def test_no_file_is_no_landmarks(path: Path) -> None:
    assert landmark_file.load(path) == {}
