"""Arrows point down only: the table in `latentd/README.md` is the rule, lazy imports included."""

from __future__ import annotations

import ast
import functools
import graphlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import latentd

PACKAGE = Path(latentd.__file__).parent
# Only for the offline half. The daemon runs without them on a small machine.
HEAVY = {
    "torch",
    "scipy",
    "pandas",
    "matplotlib",
    "librosa",
    "soundfile",
    "dawdreamer",
    "dask",
    "distributed",
    "numba",
    "sklearn",
    "swift_f0",
    "onnxruntime",
}


@functools.cache
def _modules() -> dict[str, Path]:
    """Dotted name below `latentd` -> file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Names that a file imports. `top_level`: only those that run when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _ours(path: Path, *, top_level: bool = False) -> set[str]:
    """The modules of latentd that a file imports, below `latentd`. Of `a.b` and `a`, only `a.b`."""
    known = _modules()
    names = {
        name.removeprefix("latentd.") for name in _imports(path, top_level=top_level) if name.startswith("latentd.")
    }
    found = {name for name in names if name in known}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def _part(module: str) -> str:
    """The room of the house that a module lies in: its folder, or a folder of `offline`, or a file at the top."""
    names = module.split(".")
    return "/".join(names[:2]) if names[0] == "offline" and len(names) > 1 else names[0]


def _allowed() -> dict[str, set[str]]:
    """Part -> the parts that it may import, as `latentd/README.md` draws them."""
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Who may import whom")[2]
    rows = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert rows, "latentd/README.md draws no picture of the imports"
    table: dict[str, set[str]] = {}
    for line in rows[1].splitlines():
        part, _, below = line.partition("->")
        table[part.strip()] = set(below.split())
    return table


def test_every_module_imports_only_what_the_readme_allows() -> None:
    allowed = _allowed()
    wrong = [
        f"{name} imports {other}"
        for name, path in _modules().items()
        for other in _ours(path)
        if name and _part(other) != _part(name) and _part(other) not in allowed[_part(name)]
    ]
    assert not wrong


def test_the_readme_draws_no_arrow_that_nobody_needs_and_no_part_that_is_not_there() -> None:
    used: dict[str, set[str]] = {_part(name): set() for name in _modules() if name}
    for name, path in _modules().items():
        if name:
            used[_part(name)] |= {_part(other) for other in _ours(path)} - {_part(name)}
    assert _allowed() == used


def test_arrows_between_parts_point_down_only() -> None:
    rows = list(_allowed())
    for n, (part, below) in enumerate(_allowed().items()):
        assert below <= set(rows[n + 1 :]), f"{part} stands below what it imports"


def test_no_module_imports_itself_through_others_not_even_lazily() -> None:
    graph = {name: _ours(path) - {name} for name, path in _modules().items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_only_the_commands_of_the_offline_half_import_it_and_only_when_they_run() -> None:
    importers = {name for name, path in _modules().items() if any(o.startswith("offline") for o in _ours(path))}
    outside = {name for name in importers if not name.startswith("offline")}
    assert all(_part(name) == "cli" for name in outside)
    for name in outside:
        assert not any(o.startswith("offline") for o in _ours(_modules()[name], top_level=True)), name


def test_nothing_but_the_offline_half_names_a_heavy_library() -> None:
    for name, path in _modules().items():
        if not name.startswith(("offline", "cli")):
            assert not HEAVY & {other.partition(".")[0] for other in _imports(path)}, name


def test_importing_all_of_the_daemon_and_every_command_loads_no_heavy_library() -> None:
    names = [f"latentd.{name}" for name in _modules() if name and not name.startswith(("offline", "__main__"))]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert not HEAVY & set(json.loads(done.stdout))
