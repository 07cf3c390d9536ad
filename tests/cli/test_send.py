"""`latentd send`: one message to a real daemon, its answers, its exit codes, and the shell's completion."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from latentd.cli.send import Request, parse
from latentd.errors import LatentdError, UserError
from latentd.osc import packets
from latentd.osc.client import Client, Refused
from tests.support.daemon import Daemon, free_port, latentd
from tests.support.rig import LIMIT_S, wait_for


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with latentd("--output", "print") as daemon:
        daemon.send("/latentd/xy", 0.5, 0.5)
        daemon.settle()
        yield daemon


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "latentd", *args]
    return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False, env={**os.environ, **env})


def send(daemon: Daemon, *args: str) -> subprocess.CompletedProcess[str]:
    return run("send", *args, "--to", f"127.0.0.1:{daemon.port}")


def test_a_message_that_answers_nothing_is_acknowledged(daemon: Daemon) -> None:
    done = send(daemon, "/latentd/param/filter_cutoff", "-0.25")
    assert (done.returncode, done.stdout, done.stderr) == (0, "accepted\n", "")
    assert "filter_cutoff" in daemon.status()["own"]


def test_an_answer_is_shown_and_a_program_can_read_it(daemon: Daemon) -> None:
    assert send(daemon, "save", "my patch").stdout == "/latentd/saved my patch\n"
    assert json.loads(send(daemon, "save", "mine", "--json").stdout) == {
        "address": "/latentd/save",
        "args": ["mine"],
        "answer": {"address": "/latentd/saved", "args": ["mine"]},
    }
    assert json.loads(send(daemon, "freeze", "0", "--json").stdout)["answer"] is None
    assert send(daemon, "ping").stdout == "/latentd/pong\n"
    assert send(daemon, "status").stdout.startswith('/latentd/status {"version"')


def test_an_answer_that_takes_time_is_waited_for(daemon: Daemon) -> None:
    assert send(daemon, "model", "paper").stdout == "/latentd/loaded paper\n"
    assert daemon.status()["model"] == "paper"
    assert send(daemon, "undo").returncode == 0
    wait_for(lambda: daemon.status()["model"] == "timbre", "undo")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("landmark/goto", "nowhere"), "/latentd/landmark/goto: no landmark 'nowhere'"),  # at once
        (("model", "papre"), "Did you mean paper?"),  # from the background
        (("param/filter_cutoff", "99"), "filter_cutoff takes -0.5 to 1.5"),
    ],
)
def test_an_error_of_the_daemon_is_exit_code_2(daemon: Daemon, args: tuple[str, ...], text: str) -> None:
    done = send(daemon, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr and done.stderr.count("\n") == 1


def test_where_nobody_answers_it_is_exit_code_1() -> None:
    done = run("send", "undo", "--to", f"127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no latentd answers" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "words", "args", "answer"),
    [
        ("/latentd/xy", ("0.3", "1"), (0.3, 1.0), ""),
        ("/latentd/lock", ("master_vol", "1"), ("master_vol", 1), ""),
        ("/latentd/lock/master_vol", ("0",), (0,), ""),
        ("/latentd/landmark/goto", ("7", "4"), ("7", 4.0), ""),
        ("/latentd/landmark/goto/7", ("4",), (4.0,), ""),
        ("/latentd/save", ("1",), ("1",), "/latentd/saved"),
        ("/latentd/save/mine", ("1",), (1.0,), "/latentd/saved"),
        ("/latentd/save/mine", ("0",), (0.0,), ""),
        ("/latentd/xy", ("nil", "0.5"), (None, 0.5), ""),
        ("/latentd/limit", ("amp_attack", "nil", "0.5"), ("amp_attack", None, 0.5), ""),
        ("/latentd/save", ("nil",), ("nil",), "/latentd/saved"),
        ("/latentd/undo", (), (), ""),
        ("/latentd/status", (), (), "/latentd/status"),
        ("/latentd/monitor", ("1",), (1,), ""),
    ],
)
def test_words_become_what_the_row_takes(
    address: str, words: tuple[str, ...], args: tuple[object], answer: str
) -> None:
    request = parse(address, words)
    assert request == Request(address, args, answer)  # type: ignore[arg-type]  # mixed tuples
    assert list(map(type, request.args)) == list(map(type, args))


@pytest.mark.parametrize(
    ("address", "words", "text"),
    [
        ("/latentd/xy", ("0.3",), "/latentd/xy ff X Y: found 0.3"),
        ("/latentd/xy", ("left", "0.3"), "/latentd/xy ff X Y: found 'left', 0.3. X is 0 to 1"),
        ("/latentd/z", ("nil", "0.3"), "/latentd/z ff Z0 Z1: found 'nil', 0.3. Z0 is a number"),
        ("/latentd/freeze", ("1.5",), "/latentd/freeze i ON: found '1.5'. ON is 1 or 0"),
        ("/latentd/lock", ("mastervol", "1"), "Did you mean 'master_vol'?"),
        ("/latentd/undo", ("1", "2"), "/latentd/undo: found 1.0, 2.0"),
        ("/latentd/save", ("../x",), "/latentd/save s NAME: found '../x'"),
        ("/latentd/landmarks/goto", ("intro",), "Did you mean /latentd/landmark/goto sf NAME [SECONDS]?"),
    ],
)
def test_what_the_row_does_not_take_is_refused_without_a_daemon(
    address: str, words: tuple[str, ...], text: str
) -> None:
    with pytest.raises(UserError) as caught:
        parse(address, words)
    assert text in str(caught.value)


def completed(word: str) -> list[str]:
    done = run(_LATENTD_COMPLETE="bash_complete", COMP_WORDS=f"latentd send {word}", COMP_CWORD="2")
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("plain,") for line in done.stdout.splitlines()]


def test_the_shell_completes_addresses_and_the_names_in_them() -> None:
    assert completed("/latentd/land") == [
        "/latentd/landmark/save", "/latentd/landmark/goto", "/latentd/landmark/delete",
    ]  # fmt: skip
    assert completed("land") == ["landmark/save", "landmark/goto", "landmark/delete"]
    assert completed("lock/filter_cu") == ["lock/filter_cutoff"]
    assert len(completed("param/")) == 41
    assert "/latentd/xy" in completed("/") and "/latentd/lock/master_vol" not in completed("/")


class Slow:
    """Stands for a daemon: answers a ping, and the message itself as it is text to."""

    def __init__(self, *answers: bytes) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(LIMIT_S)
        self.where = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._answers = answers
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Slow:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join()
        self._socket.close()

    def _work(self) -> None:
        for _ in range(2):  # the message and the ping
            _, sender = self._socket.recvfrom(65536)
        for answer in self._answers:
            self._socket.sendto(answer, sender)


PONG = packets.write("/latentd/pong")


def test_an_error_counts_whether_it_comes_before_the_pong_or_instead_of_the_answer() -> None:
    wrong = packets.write("/latentd/error", "no")
    with Slow(wrong, PONG) as daemon, Client(daemon.where) as client, pytest.raises(Refused, match="no"):
        client.confirm("/latentd/undo", limit_s=LIMIT_S)
    with Slow(PONG, wrong) as daemon, Client(daemon.where) as client, pytest.raises(Refused, match="no"):
        client.confirm("/latentd/save", "x", answer="/latentd/saved", limit_s=LIMIT_S)


def test_an_answer_may_come_before_or_after_the_pong_and_others_are_passed_over() -> None:
    saved, other = packets.write("/latentd/saved", "x"), packets.write("/latentd/monitor", "osc", "h", None, 0)
    for answers in ((saved, PONG), (other, PONG, saved)):
        with Slow(*answers) as daemon, Client(daemon.where) as client:
            found = client.confirm("/latentd/save", "x", answer="/latentd/saved", limit_s=LIMIT_S)
            assert found is not None and found.args == ("x",)


def test_no_pong_is_nobody_and_no_answer_after_it_is_another_failure() -> None:
    with Slow() as daemon, Client(daemon.where) as client, pytest.raises(LatentdError, match="no latentd answers"):
        client.confirm("/latentd/undo", limit_s=0.2)
    with Slow(PONG) as daemon, Client(daemon.where) as client:
        with pytest.raises(LatentdError, match="did not follow within") as caught:
            client.confirm("/latentd/save", "x", answer="/latentd/saved", limit_s=LIMIT_S, answer_s=0.2)
        assert caught.value.exit_code == 1


def test_a_stranger_who_answers_is_no_latentd() -> None:
    with Slow(b"hello") as daemon, Client(daemon.where) as client, pytest.raises(LatentdError, match="another program"):
        client.confirm("/latentd/undo", limit_s=LIMIT_S)
