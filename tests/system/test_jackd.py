"""Why jackd does not start, by what jackd 1.9.21 printed in each of these cases."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from latentd.system import jackd

FAILED = "Failed to open server\n"
CARD = """\
ALSA lib confmisc.c:165:(snd_config_get_card) Cannot get card index for nothing
control open "hw:nothing" (No such device)
ALSA: Cannot open PCM device alsa_pcm for playback. Falling back to capture-only mode
Cannot initialize driver
JackServer::Open failed with -1
"""


@pytest.mark.parametrize(
    ("text", "code", "cause", "step"),
    [
        (
            "Cannot create shm registry segment (Read-only file system)\nNo access to shm registry\n" + FAILED,
            255, "JACK needs /dev/shm, which is read-only", "remount,rw",
        ),
        (
            "Cannot open existing shm registry segment (Permission denied)\nNo access to shm registry\n" + FAILED,
            255, "where this user may not write", "mode=1777",
        ),
        ("", -signal.SIGBUS, "JACK needs 108 MB in /dev/shm, which is too small", "remount,size=256M"),
        (CARD + FAILED, 255, "this sound card does not exist", "aplay -l"),
        ("`latentd-demo' server already active\n" + FAILED, 255, "same name", "End it"),
        ("Too many servers already active\n" + FAILED, 255, "all 8 are running", "End one"),
        ('\nATTENTION: The playback device "hw:0" is already in use. Please stop', 255, "another program", "pw-jack"),
    ],
)  # fmt: skip
def test_a_known_message_becomes_a_cause_and_a_next_step(text: str, code: int, cause: str, step: str) -> None:
    found = jackd.diagnose(text, code)
    assert found is not None
    assert cause in found.message
    assert step in found.hint


def test_an_unknown_message_is_no_cause() -> None:
    assert jackd.diagnose('Unknown driver "alse"\n', 255) is None


def test_shared_memory_has_to_be_writable_and_large_enough(tmp_path: Path) -> None:
    assert jackd.shared_memory_problem(tmp_path, 1) is None
    found, step = jackd.shared_memory_problem(tmp_path, 10**18) or ("", "")
    assert found.startswith(f"{tmp_path} has ")
    assert "size=256M" in step
    missing, step = jackd.shared_memory_problem(tmp_path / "missing", 1) or ("", "")
    assert "is not writable" in missing
    assert "remount,rw" in step
