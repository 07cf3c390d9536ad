"""Asking a daemon, and whoever else listens there."""

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
def somebody(answer: bytes) -> Iterator[str]:
    """A program that answers whatever it is sent in one way; the address it listens at."""
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
def test_somebody_else_who_answers_is_said_to_be_no_latentd(answer: bytes) -> None:
    with somebody(answer) as where:
        with Client(where) as client, pytest.raises(LatentdError) as caught:
            client.status()
        assert str(caught.value) == f"what listens at {where} is no latentd. Name the right one with --to"
        assert caught.value.exit_code == 1
        for command in (status.command, monitor.command):
            result = CliRunner().invoke(command, ["--to", where])
            assert isinstance(result.exception, LatentdError), result.exception


@pytest.mark.parametrize(("args", "told"), [(("no such model",), "no such model"), ((), "does not say why")])
def test_an_error_of_the_daemon_is_told_in_its_words(args: tuple[str, ...], told: str) -> None:
    answer = packets.write("/latentd/error", *args)
    with somebody(answer) as where, Client(where) as client, pytest.raises(LatentdError, match=told):
        client.ask("/latentd/model", "x")


FACTS = {"version": "0", "mappings": []}


def test_status_asks_where_the_configuration_has_the_daemon_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "latentd" / "config.yaml"
    own.parent.mkdir()
    with somebody(packets.write("/latentd/status", json.dumps(FACTS))) as where:
        own.write_text(f"listen: {where}\n", encoding="utf-8")
        result = CliRunner().invoke(status.command, ["--json"], catch_exceptions=False)
        assert json.loads(result.output) == FACTS
        own.write_text("listen: nowhere\n", encoding="utf-8")  # who is named is asked, whatever the file says
        result = CliRunner().invoke(status.command, ["--json", "--to", where], catch_exceptions=False)
        assert json.loads(result.output) == FACTS
    with somebody(b"hello") as where:
        assert "no latentd" in str(CliRunner().invoke(monitor.command, ["--to", where]).exception)
