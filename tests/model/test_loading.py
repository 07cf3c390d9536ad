"""Models are read in processes of their own, whose failures are errors like any other, and which outlive nobody."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError, UserError
from latentd.model import bundle, loading
from latentd.model.playable import pack
from latentd.system import resources
from tests.support.rig import LIMIT_S

# The copy is made in a process without threads, which that of the tests is not. `-W error`: making it warns otherwise.
BEGIN = """
import sys
from latentd.model import loading
from latentd.model.playable import pack
read = loading.begin(sys.argv[1])
print("begun", flush=True)
sys.stdin.readline()
sys.stdout.buffer.write(pack(read()))
"""


def _begun(name: str) -> subprocess.Popen[bytes]:
    """A process that reads a model in a copy of itself, and gives it once it is sent a line."""
    argv = [sys.executable, "-W", "error", "-c", BEGIN, name]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A model whose decoder is not the one that it was made with."""
    folder = Path(shutil.copytree(resources.folder("models") / "paper", tmp_path / "copy"))
    (folder / bundle.DECODER_FILE).write_bytes(b"nothing")
    return folder


def test_a_new_process_reads_the_model() -> None:
    assert pack(loading.load("paper")) == pack(bundle.load("paper"))


def test_a_copy_of_the_process_reads_the_model() -> None:
    with _begun("timbre") as process:
        out, err = process.communicate(b"\n", LIMIT_S)
    assert (process.returncode, err) == (0, b"")
    assert out == b"begun\n" + pack(bundle.load("timbre"))


def test_a_mistake_and_a_damaged_model_are_what_the_bundle_says(damaged: Path) -> None:
    with pytest.raises(UserError, match=r"No model named 'papre'\. Did you mean paper\?"):
        loading.load("papre")
    with pytest.raises(bundle.BundleError) as expected:
        bundle.load(str(damaged))
    with pytest.raises(LatentdError) as caught:
        loading.load(str(damaged))
    assert str(caught.value) == str(expected.value)
    assert caught.value.exit_code == expected.value.exit_code
    with _begun(str(damaged)) as process:
        _, err = process.communicate(b"\n", LIMIT_S)
    assert err.decode().endswith(f"{expected.value}\n")


def test_a_process_that_fails_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("false")
    assert program is not None
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(LatentdError, match="The model paper was not loaded: the process that reads it has failed"):
        loading.load("paper")


def test_the_copy_ends_once_nobody_waits_for_it() -> None:
    with _begun("timbre") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.kill()
        assert process.communicate(timeout=LIMIT_S) == (b"", b"")  # both pipes end when the copy does
