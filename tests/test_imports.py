"""Imports point one way, and the daemon stays small: DESIGN's directions, held for every module of the package."""

from __future__ import annotations

import ast
import graphlib
import json
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
    "sklearn",
}


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


def _ours(path: Path, *, top_level: bool = False) -> set[str]:
    """The modules of latentd that a file imports, below `latentd`."""
    known = _modules()
    names = {
        name.removeprefix("latentd.") for name in _imports(path, top_level=top_level) if name.startswith("latentd.")
    }
    return {name for name in names if name in known}


def _part(module: str) -> str:
    return module.partition(".")[0]


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: _ours(path, top_level=True) - {name} for name, path in _modules().items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_only_the_commands_of_the_offline_half_import_it_and_only_when_they_run() -> None:
    importers = {name for name, path in _modules().items() if "offline" in map(_part, _ours(path))}
    outside = {name for name in importers if _part(name) != "offline"}
    assert all(_part(name) == "cli" for name in outside)
    for name in outside:
        assert "offline" not in map(_part, _ours(_modules()[name], top_level=True)), name


def test_nothing_but_the_offline_half_names_a_heavy_library() -> None:
    for name, path in _modules().items():
        if _part(name) not in ("offline", "cli"):
            assert not HEAVY & {_part(other) for other in _imports(path)}, name


def test_importing_all_of_the_daemon_and_every_command_loads_no_heavy_library() -> None:
    names = [f"latentd.{name}" for name in _modules() if name and _part(name) not in ("offline", "__main__")]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert not HEAVY & set(json.loads(done.stdout))
