"""The table of limits in `latentd/README.md` and the code say the same, and nothing that grows lacks a limit."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import latentd

ROOT = Path(latentd.__file__).parent
# What runs for weeks, and what it reads from others.
LIVE = ("daemon", "inputs", "instrument", "osc", "outputs", "midi", "system")
IS_LIMIT = re.compile(r"_?(MAX|MOST|LARGEST)_\w+|\w*_?(ROOM|CAPACITY)")
# Named like limits of what grows, but they are not.
OTHERS = {
    "osc/packets.py: _MAX_HEAD_BYTES": "of one head: see MAX_HEADS",
    "inputs/mpe.py: _MAX_BEND_SEMITONES": "a value's range",
    "inputs/trace.py: _MAX_ADVICE": "of `latentd monitor`, which a user ends",
    "inputs/trace.py: _MAX_SUGGESTED": "the length of a message",
    "inputs/trace.py: _MAX_WHOLE": "how a number is shown",
    "inputs/mapping.py: _MAX_LISTED": "the length of a message",
    "inputs/receiver.py: _MAX_LITERALS": "of a mapping file, which nobody sends",
    "instrument/midi_file.py: MAX_BYTES": "of a file that the configuration names",
    "instrument/midi_file.py: MAX_MESSAGES": "of such a file",
    "instrument/midi_file.py: MAX_PER_S": "of such a file",
    "instrument/landmarks.py: _MAX_COMPARED": "the work of one answer",
    "instrument/landmarks.py: _MAX_LISTED": "the length of a message",
    "outputs/jack/values.py: MAX_REPEATS": "of one value",
    "outputs/jack/rings.py: MAX_LOOKS": "tries, which take microseconds",
    "outputs/jack/child.py: MAX_ATTEMPTS": "tries of one process",
}


class Row(NamedTuple):
    what: str
    limit: str
    beyond: str
    constant: str


def rows() -> list[Row]:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Limits\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [Row(*found) for found in cells[2:]]


TABLE = [row for row in rows() if row.constant]


def modules() -> list[Path]:
    found = [
        path for part in LIVE for path in ((ROOT / part).rglob("*.py") if (ROOT / part).is_dir() else [ROOT / part])
    ]
    assert len(found) > 90
    return found


def constants() -> set[str]:
    """Every module's constants that are named like a limit, as the table writes them."""
    found = set()
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found |= {f"{path.relative_to(ROOT)}: {name}" for name in names if IS_LIMIT.fullmatch(name)}
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what)
def test_the_limit_in_the_table_is_the_one_in_the_code(row: Row) -> None:
    file, _, name = row.constant.strip("`").partition(": ")
    module = importlib.import_module(f"latentd.{file.removesuffix('.py').replace('/', '.')}")
    number = re.search(r"\d+", row.limit)
    assert number, row
    value = getattr(module, name)
    assert value == int(number[0]) * (1 << 20 if "MB" in row.limit else 1)
    assert row.beyond


def test_every_limit_in_the_code_is_in_the_table() -> None:
    listed = {row.constant.strip("`") for row in TABLE}
    assert len(listed) == len(TABLE)
    assert constants() - listed - OTHERS.keys() == set()
    assert OTHERS.keys() - constants() == set(), "not in the code any more"


def test_every_queue_has_a_limit() -> None:
    """`SimpleQueue` has none: the one there is holds the results of jobs that had to find room themselves."""
    unlimited = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func if isinstance(node, ast.Call) else node) if isinstance(node, ast.expr) else ""
            where = f"{path.relative_to(ROOT)}: {name}"
            if (name == "functools.cache" and isinstance(node, ast.Attribute)) or (
                isinstance(node, ast.Call)
                and (
                    (name.endswith("deque") and not any(keyword.arg == "maxlen" for keyword in node.keywords))
                    or (name in ("queue.Queue", "queue.LifoQueue") and not node.args)
                    or name == "queue.SimpleQueue"
                )
            ):
                unlimited.append(where)
    assert unlimited == ["daemon/background.py: queue.SimpleQueue"]
