"""Models are read in processes of their own: their failures are ordinary errors, and they end with their reader."""

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
    """A process that reads a model in a fork of itself, and prints it after a line of input."""
    argv = [sys.executable, "-W", "error", "-c", BEGIN, name]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A model whose decoder does not match its manifest."""
    folder = Path(shutil.copytree(resources.folder("models") / "paper", tmp_path / "copy"))
    (folder / bundle.DECODER_FILE).write_bytes(b"nothing")
    return folder


def test_a_new_process_reads_the_model() -> None:
    assert pack(loading.load("paper")) == pack(bundle.load("paper"))


def test_a_fork_of_the_process_reads_the_model() -> None:
    with _begun("timbre") as process:
        out, err = process.communicate(b"\n", LIMIT_S)
    assert (process.returncode, err) == (0, b"")
    assert out == b"begun\n" + pack(bundle.load("timbre"))


def test_a_wrong_name_and_a_damaged_model_give_the_errors_of_the_bundle(damaged: Path) -> None:
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
    with pytest.raises(LatentdError, match="the model paper was not loaded: the process that reads it failed"):
        loading.load("paper")


def test_the_fork_ends_when_its_reader_has_ended() -> None:
    with _begun("timbre") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.kill()
        assert process.communicate(timeout=LIMIT_S) == (b"", b"")  # both pipes end when the copy does
