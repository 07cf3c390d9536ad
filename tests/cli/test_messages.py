"""`latentd messages`: the table for people, for programs and for the documentation."""

from __future__ import annotations

import json
import re

from click.testing import CliRunner

from latentd.cli.messages import command, text
from latentd.daemon.commands import COMMANDS


def printed(*options: str) -> str:
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_row_is_there_and_no_line_is_longer_than_the_terminal_is_wide() -> None:
    for width in (80, 100, 200):
        page = text(width)
        assert all(len(line) <= width for line in page.splitlines())
        starts = re.findall(r"^(/latentd/.*?)  ", page, re.MULTILINE)
        assert starts == [row.usage for row in COMMANDS]


def test_a_row_says_what_it_does_its_limits_its_answer_and_whether_it_can_be_undone() -> None:
    page = " ".join(printed().split())
    assert "Go to a landmark, gliding for SECONDS. Limits: SECONDS 0 to 3600 s. Can be undone" in page
    assert "leaves that axis where it is. Limits: X and Y 0 to 1, clipped" in page
    assert "Answers /latentd/saved s" in page
    assert "Sends /latentd/xy ff" in page


def test_a_program_finds_types_ranges_units_and_choices() -> None:
    rows = {row["address"]: row for row in json.loads(printed("--json"))}
    assert rows.keys() == {f"/latentd/{row.address}" for row in COMMANDS}
    goto = rows["/latentd/landmark/goto"]
    assert (goto["tags"], goto["trigger"], goto["name_in_address"], goto["undo"]) == ("sf", True, True, True)
    assert goto["arguments"][1] == {
        "name": "SECONDS", "type": "number", "tag": "f", "optional": True, "legal": "0 to 3600 s",
        "minimum": 0.0, "maximum": 3600.0, "unit": "s", "clipped": False, "nil": False,
    }  # fmt: skip
    param = rows["/latentd/param/NAME"]
    assert param["tags"] == "f"
    assert len(param["arguments"][0]["choices"]) == 41
    assert (param["arguments"][1]["minimum"], param["arguments"][1]["maximum"]) == (None, None)
    assert rows["/latentd/save"]["answers"] == "/latentd/saved s"
    assert rows["/latentd/ping"]["after_points"] is False
    assert rows["/latentd/subscribe"]["sends"] == "/latentd/xy ff"


def test_every_row_of_the_markdown_table_has_its_five_cells() -> None:
    lines = printed("--markdown").splitlines()
    assert len(lines) == 2 + len(COMMANDS)
    assert {line.count("|") for line in lines} == {6}
