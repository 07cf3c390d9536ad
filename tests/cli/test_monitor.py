"""What `latentd monitor` prints and understands; the command as a process: `real/test_monitor.py`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from latentd.cli.monitor import command, copy, json_line
from latentd.daemon.monitor import ADDRESS
from latentd.errors import UserError
from latentd.inputs.trace import Heard
from latentd.osc import packets
from tests.support.daemon import free_port


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_a_line_for_programs_is_json_whatever_the_arguments_are() -> None:
    args = (math.nan, (math.inf, 0.5), b"\x01\xff", "a", True, None, packets.IMPULSE)
    line = json_line("127.0.0.1:5000", Heard("/a", [], "no mapping wants this", "/a", args), 12.5)
    facts: dict[str, Any] = json.loads(line, parse_constant=refuse)
    assert facts["args"] == [None, [None, 0.5], "01ff", "a", True, None, "IMPULSE"]
    assert (facts["t"], facts["from"], facts["message"], facts["points"]) == (12.5, "127.0.0.1:5000", "/a", [])


def test_a_copy_is_read_back_and_that_of_an_empty_datagram_has_no_bytes() -> None:
    assert copy(packets.Message(ADDRESS, ("osc", "127.0.0.1:5000", b"/a", 0))) == ("osc", "127.0.0.1:5000", b"/a", 0)
    assert copy(packets.Message(ADDRESS, ("refused", "127.0.0.1:5000", None, 7))) == (
        "refused",
        "127.0.0.1:5000",
        b"",
        7,
    )


@pytest.mark.parametrize("args", [(), ("osc", "a", "text", 0), (1, "a", b"/a", 0), ("osc", "a", b"/a", None)])
def test_what_is_no_copy_is_passed_over(args: tuple[object, ...]) -> None:
    assert copy(packets.Message(ADDRESS, args)) is None
    assert copy(packets.Message("/else", ("osc", "a", b"/a", 0))) is None


def test_in_a_daemons_place_mappings_that_are_called_alike_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    arguments = ["--listen", f"127.0.0.1:{free_port()}", "--mapping", "xy", "--mapping", "xy"]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == "xy: stands twice. Leave one out"
