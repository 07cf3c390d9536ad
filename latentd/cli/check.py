"""`latentd check`: every mistake of configuration and mapping files, in one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml

from latentd.config import references
from latentd.config.config import Config, default_file, found_file
from latentd.daemon.home import mistake
from latentd.errors import LatentdError
from latentd.inputs.mapping import MappingFile, load_mapping, schema, shipped_mappings
from latentd.schema import scalars
from latentd.schema.documents import parse_document, read_text
from latentd.schema.messages import Keys


@click.command(epilog="Example:  latentd check my-pad.yaml --config ~/.config/latentd/config.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--config", type=click.Path(path_type=Path), help="Check this configuration file, and the files it refers to."
)
@click.option("--schema", "print_schema", is_flag=True, help="Print the JSON schema of mapping files, for editors.")
@click.option("--defaults", is_flag=True, help="Print the configuration with every default and its meaning.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file: file, ok, faults.")
def command(files: tuple[Path, ...], config: Path | None, print_schema: bool, defaults: bool, as_json: bool) -> int:
    """Check mapping and configuration FILES; list every mistake.

    Without FILES: all mappings that come with latentd, and your own configuration file if there is one; with --config
    alone, only that file. Each mistake is one line with file, line, key, the value found and what is allowed. The exit
    code is 2 if there is a mistake.
    """
    if print_schema:
        click.echo(json.dumps(schema(), indent=2))
        return 0
    if defaults:
        click.echo(default_file(), nl=False)
        return 0
    chosen = list(files) or ([] if config else shipped_mappings())
    if not files:
        config = config or found_file()
    results = [(path, _mistakes(path)) for path in chosen]
    if config:
        results.append((config, _config_mistakes(config)))
    for path, mistakes in results:
        _report(path, mistakes, as_json)
    return 2 if any(mistakes for _, mistakes in results) else 0


def _mistakes(path: Path) -> list[str]:
    """The mistakes of a mapping, or of a configuration: its keys say which it is."""
    keys = _keys(path)
    if keys & set(Config.model_fields) and not keys & set(MappingFile.model_fields):
        return _config_mistakes(path)
    return references.mistakes_of(partial(load_mapping, str(path)))


def _keys(path: Path) -> set[str]:
    """The keys of a YAML file; none where it cannot be read, or has none."""
    try:
        node = scalars.compose(read_text(path)) if path.is_file() else None  # a pipe is read once
    except (LatentdError, OSError, ValueError, yaml.YAMLError):
        return set()
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)}


def _config_mistakes(path: Path) -> list[str]:
    """The mistakes of the file and of the files that it refers to, in the order of its lines."""
    folder = path.absolute().parent.resolve()

    def look(data: Any) -> Iterator[tuple[Keys, str]]:
        yield from references.mistakes(data, folder)
        yield from _home_mistakes(data, folder)

    return references.mistakes_of(lambda: parse_document(read_text(path), str(path), Config, look))


def _home_mistakes(data: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    """A home that is no landmark. `run` starts all the same, because landmarks are saved while it runs."""
    given: dict[str, Any] = data if isinstance(data, dict) else {}
    home, state = given.get("home"), given.get("state")
    place = folder / Path(state).expanduser() if isinstance(state, str) and state else Config().state_folder
    if found := mistake(home, place):
        yield ("home",), "; ".join(found)


def _report(path: Path, mistakes: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": str(path), "ok": not mistakes, "faults": mistakes}))
    elif mistakes:
        for mistake in mistakes:
            click.echo(mistake, err=True)
    else:
        click.echo(f"{path}: ok")
