"""The command line: complete help, one-line errors, exit codes."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from latentd.cli import COMMANDS, cli
from latentd.config.config import default_file
from latentd.system import resources
from tests.support.rig import LIMIT_S


def run(*args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "latentd", *args]
    return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help_has_an_example(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    examples = done.stdout.split("Options:")[1]
    assert f"latentd {name}" in examples, "an example below the options"
    models = set(re.findall(r"latentd (?:evaluate|map) (\w+)|--model (\w+)", examples.split("Example")[1]))
    assert {first or second for first, second in models} <= {*shipped_models(), "mine"}


def shipped_models() -> list[str]:
    return [file.parent.name for file in resources.folder("models").glob("*/model.json")]


def test_the_help_lists_every_command() -> None:
    text = run("--help").stdout
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["bogus"], "No such command"),
        (["run", "--bogus"], "No such option"),
        (["run", "--output", "nonsense"], "is not one of"),
        (["decode", "2", "0"], "0..1"),
        (["check", "no-such-file.yaml"], "no-such-file"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(args: list[str], message: str) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_defaults_are_printed() -> None:
    assert run("check", "--defaults").stdout == default_file()


def test_garbage_is_collected_again_once_a_command_is_imported() -> None:
    assert cli.get_command(click.Context(cli), "status") is not None
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("model: paper\nshaping: {timbre: 1}\n", "2: shaping.timbre: unknown key; did you mean timbre_s?"),
        ("notes: {chord: [H2]}\n", "1: notes.chord[0]: "),
        ("title: x\nmodel: paper\n", "2: model: unknown key"),  # a mapping with a mistake
    ],
)
def test_check_tells_a_configuration_from_a_mapping_by_its_keys(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    done = run("check", str(file))
    assert done.returncode == 2
    assert f"{file}:{place}" in done.stderr
    file.write_text("model: paper\n", encoding="utf-8")
    assert run("check", str(file)).stdout == f"{file}: ok\n"
