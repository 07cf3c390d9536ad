"""`latentd check`: every mistake of configuration and mapping files, in one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from latentd import bundle
from latentd.config import Config, default_file, found_file, mapping_at, model_at
from latentd.documents import DocumentErrors, parse_document, read_text
from latentd.errors import LatentdError
from latentd.faults import Keys
from latentd.inputs.mapping import load_mapping, schema, shipped_mappings


@click.command(epilog="Example:  latentd check my-pad.yaml --config ~/.config/latentd/config.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="Check this configuration file and what it names, too.")
@click.option("--schema", "print_schema", is_flag=True, help="Print the JSON schema of mapping files, for editors.")
@click.option("--defaults", is_flag=True, help="Print the configuration with every default and its meaning.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file: file, ok, faults.")
def command(files: tuple[Path, ...], config: Path | None, print_schema: bool, defaults: bool, as_json: bool) -> int:
    """Check mapping FILES and the configuration; list every mistake.

    Without FILES: all mappings that come with latentd and your own configuration file, if there is one; with --config
    alone, that file only. Each mistake is one line with file, line, key, the value found and what is allowed. Exit code
    2 if there is one.
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
    results = [(path, _faults(partial(load_mapping, str(path)))) for path in chosen]
    if config:
        results.append((config, _config_faults(config)))
    for path, faults in results:
        _report(path, faults, as_json)
    return 2 if any(faults for _, faults in results) else 0


def _faults(read: Callable[[], object]) -> list[str]:
    try:
        read()
    except DocumentErrors as error:
        return list(error.faults)
    except LatentdError as error:
        return [str(error)]
    return []


def _config_faults(path: Path) -> list[str]:
    """What is wrong in the file, and in the mappings and the model that it names, in the order of its lines."""
    folder = path.absolute().parent.resolve()
    return _faults(lambda: parse_document(read_text(path), str(path), Config, partial(_named, folder)))


def _named(folder: Path, data: Any) -> Iterator[tuple[Keys, str]]:
    """The mistakes of what a configuration in `folder` names, whatever else is wrong with it."""
    named: dict[str, Any] = data if isinstance(data, dict) else {}
    model, mappings = named.get("model", Config().model), named.get("mappings", Config().mappings)
    if isinstance(model, str):
        for fault in _faults(partial(bundle.load, model_at(model, folder))):
            yield ("model",), fault
    for i, name in enumerate(mappings if isinstance(mappings, list) else []):
        if isinstance(name, str):
            for fault in _faults(partial(load_mapping, mapping_at(name, folder))):
                yield ("mappings", i), fault


def _report(path: Path, faults: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": str(path), "ok": not faults, "faults": faults}))
    elif faults:
        for fault in faults:
            click.echo(fault, err=True)
    else:
        click.echo(f"{path}: ok")
