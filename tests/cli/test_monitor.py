"""What `latentd monitor` prints, filters and understands; the command as a process: `real/test_monitor.py`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from latentd.cli.monitor import MessageFilter, command, copy, json_line
from latentd.daemon.monitor import ADDRESS
from latentd.errors import UserError
from latentd.inputs.trace import PadPoint, Trace
from latentd.osc import packets
from tests.support.daemon import free_port

XY = Trace("/xy 0.5 0.5", [], "", ("xy", "touchosc-mk2"), "/xy", (0.5, 0.5))
MIDI = Trace("sysex", [], "ignored")
PHONE, PORT = "192.168.1.5:4444", "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0"


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_a_line_for_programs_is_json_whatever_the_arguments_are() -> None:
    args = (math.nan, math.inf, b"\x01\xff", "a", True, None, packets.IMPULSE)
    points = [PadPoint("xy", 0.5, None, True, "x 2 is outside range_x [0, 1]")]
    text = json_line("127.0.0.1:5000", Trace("/a", points, "no mapping uses this", ("xy",), "/a", args), 12.5)
    facts: dict[str, Any] = json.loads(text, parse_constant=refuse)
    assert facts["args"] == [None, None, "01ff", "a", True, None, "IMPULSE"]
    assert (facts["t"], facts["from"], facts["message"]) == (12.5, "127.0.0.1:5000", "/a")
    assert (facts["mappings"], facts["outcome"]) == (["xy"], "no mapping uses this")
    assert facts["points"] == [
        {"source": "xy", "x": 0.5, "y": None, "touch": True, "clipped": "x 2 is outside range_x [0, 1]"}
    ]


def test_a_copy_is_read_back_and_that_of_an_empty_datagram_has_no_bytes() -> None:
    assert copy(packets.Message(ADDRESS, ("osc", "127.0.0.1:5000", b"/a", 0))) == ("osc", "127.0.0.1:5000", b"/a", 0)
    assert copy(packets.Message(ADDRESS, ("refused", "127.0.0.1:5000", None, 7))) == (
        "refused",
        "127.0.0.1:5000",
        b"",
        7,
    )


@pytest.mark.parametrize("args", [(), ("osc", "a", "text", 0), (1, "a", b"/a", 0), ("osc", "a", b"/a", None)])
def test_a_message_that_is_no_copy_is_ignored(args: tuple[object, ...]) -> None:
    assert copy(packets.Message(ADDRESS, args)) is None
    assert copy(packets.Message("/else", ("osc", "a", b"/a", 0))) is None


@pytest.mark.parametrize(
    ("addresses", "senders", "mappings", "osc", "midi"),
    [
        ((), (), (), True, True),
        (("/xy",), (), (), True, False),
        (("/x*",), (), (), True, False),
        (("/3/*", "/?y"), (), (), True, False),
        (("/x",), (), (), False, False),
        ((), ("192.168.1.5",), (), True, False),
        ((), ("192.168.1.0/24",), (), True, False),
        ((), ("192.168.1.5:4444",), (), True, False),
        ((), ("192.168.1.50",), (), False, False),
        ((), ("192.168.1.5", "fe80::/10"), (), True, False),
        ((), ("fe80::/10",), (), False, False),
        ((), ("192.168.1.5:44",), (), False, False),
        ((), ("nanokontrol",), (), False, True),
        ((), ("nanokontrol", "192.168.1.5"), (), True, True),
        ((), (), ("xy",), True, False),
        ((), (), ("tuio", "touchosc-mk2"), True, False),
        ((), (), ("tuio",), False, False),
        (("/xy",), ("nanokontrol",), (), False, False),
        (("/xy",), ("192.168.1.5",), ("tuio",), False, False),
    ],
)
def test_a_filter_passes_what_meets_every_condition(
    addresses: tuple[str, ...], senders: tuple[str, ...], mappings: tuple[str, ...], osc: bool, midi: bool
) -> None:
    shown: list[str] = []
    show = MessageFilter(addresses, senders, mappings).apply(lambda source, _trace: shown.append(source))
    show(PHONE, XY)
    show(PORT, MIDI)
    assert shown == [PHONE] * osc + [PORT] * midi


@pytest.mark.parametrize("sender", ["fe80::1", "fe80::/10", "[fe80::1%eth0]:4444"])
def test_a_filter_by_sender_knows_ipv6(sender: str) -> None:
    shown: list[str] = []
    show = MessageFilter((), (sender,), ()).apply(lambda source, _trace: shown.append(source))
    for source in ("[fe80::1%eth0]:4444", "[fd00::1]:4444", PHONE, PORT):
        show(source, XY)
    assert shown == ["[fe80::1%eth0]:4444"]


@pytest.mark.parametrize("pattern", ["xy", "/x[", ""])
def test_a_filter_whose_address_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match=r"matches no address\. For example"):
        MessageFilter((pattern,), (), ())


def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The error of the command for wrong arguments, on a port where no daemon listens."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    result = CliRunner().invoke(command, ["--listen", f"127.0.0.1:{free_port()}", *arguments])
    assert isinstance(result.exception, UserError)
    return str(result.exception)


def test_mappings_that_share_a_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert monitor(tmp_path, monkeypatch, "--mapping", "xy", "--mapping", "xy") == "xy: listed twice. Remove one"


def test_a_filter_by_a_mapping_that_is_not_in_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert monitor(tmp_path, monkeypatch, "--mapping", "xy", "--mapping", "tuio", "--only-mapping", "iosc") == (
        "--only-mapping 'iosc' is not in use. Choose one of xy, tuio"
    )
