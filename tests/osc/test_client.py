"""A client's requests to a daemon, and to another program that listens at the address."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from latentd.cli import monitor, status
from latentd.errors import LatentdError
from latentd.osc import packets
from latentd.osc.client import Client
from tests.support.rig import LIMIT_S

BUNDLE = b"#bundle\0" + bytes(7) + b"\x01"
STRANGERS = [
    packets.write("/hello", 1.0),
    packets.write("/latentd/status"),
    packets.write("/latentd/status", 3),
    packets.write("/latentd/status", "no JSON"),
    packets.write("/latentd/status", "[]"),
    packets.write("/latentd/status", "{}"),
    BUNDLE,
    b"hello",
    b"",
]


@contextlib.contextmanager
def other_program(answer: bytes) -> Iterator[str]:
    """A program that answers every datagram with `answer`; the address where it listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.1)
        ended = threading.Event()

        def answers() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    _, sender = listening.recvfrom(65536)
                    listening.sendto(answer, sender)

        thread = threading.Thread(target=answers)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(LIMIT_S)


@pytest.mark.parametrize("answer", STRANGERS)
def test_an_answer_of_another_program_is_recognised(answer: bytes) -> None:
    with other_program(answer) as where:
        with Client(where) as client, pytest.raises(LatentdError) as caught:
            client.status(limit_s=LIMIT_S)
        assert str(caught.value) == f"another program listens at {where}. Give latentd's address with --to"
        assert caught.value.exit_code == 1
        for command in (status.command, monitor.command):
            result = CliRunner().invoke(command, ["--to", where])
            assert isinstance(result.exception, LatentdError), result.exception


@pytest.mark.parametrize(("args", "text"), [(("no such model",), "no such model"), ((), "without a reason")])
def test_an_error_of_the_daemon_is_raised_with_its_text(args: tuple[str, ...], text: str) -> None:
    answer = packets.write("/latentd/error", *args)
    with other_program(answer) as where, Client(where) as client, pytest.raises(LatentdError, match=text):
        client.ask("/latentd/model", "x", limit_s=LIMIT_S)


FACTS = {"version": "0", "mappings": []}


def test_status_asks_where_the_configuration_has_the_daemon_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "latentd" / "config.yaml"
    own.parent.mkdir()
    with other_program(packets.write("/latentd/status", json.dumps(FACTS))) as where:
        own.write_text(f"listen: {where}\n", encoding="utf-8")
        result = CliRunner().invoke(status.command, ["--json"], catch_exceptions=False)
        assert json.loads(result.output) == FACTS
        own.write_text("listen: nowhere\n", encoding="utf-8")  # --to counts even if the file has mistakes
        result = CliRunner().invoke(status.command, ["--json", "--to", where], catch_exceptions=False)
        assert json.loads(result.output) == FACTS
    with other_program(b"hello") as where:
        assert "another program" in str(CliRunner().invoke(monitor.command, ["--to", where]).exception)
