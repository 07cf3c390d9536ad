"""What `latentd monitor` prints and understands; the command as a process: `real/test_monitor.py`."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from latentd import osc
from latentd.cli.monitor import copy, json_line
from latentd.explain import Heard
from latentd.monitors import ADDRESS


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_a_line_for_programs_is_json_whatever_the_arguments_are() -> None:
    args = (math.nan, (math.inf, 0.5), b"\x01\xff", "a", True, None, osc.IMPULSE)
    line = json_line("127.0.0.1:5000", Heard("/a", [], "no mapping wants this", "/a", args), 12.5)
    facts: dict[str, Any] = json.loads(line, parse_constant=refuse)
    assert facts["args"] == [None, [None, 0.5], "01ff", "a", True, None, "IMPULSE"]
    assert (facts["t"], facts["from"], facts["message"], facts["points"]) == (12.5, "127.0.0.1:5000", "/a", [])


def test_a_copy_is_read_back_and_that_of_an_empty_datagram_has_no_bytes() -> None:
    assert copy(osc.Message(ADDRESS, ("osc", "127.0.0.1:5000", b"/a", 0))) == ("osc", "127.0.0.1:5000", b"/a", 0)
    assert copy(osc.Message(ADDRESS, ("refused", "127.0.0.1:5000", None, 7))) == ("refused", "127.0.0.1:5000", b"", 7)


@pytest.mark.parametrize("args", [(), ("osc", "a", "text", 0), (1, "a", b"/a", 0), ("osc", "a", b"/a", None)])
def test_what_is_no_copy_is_passed_over(args: tuple[object, ...]) -> None:
    assert copy(osc.Message(ADDRESS, args)) is None
    assert copy(osc.Message("/else", ("osc", "a", b"/a", 0))) is None
