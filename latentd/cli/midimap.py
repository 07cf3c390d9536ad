"""`latentd midimap`: print amSynth's controllers file, or put it in place."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from pathlib import Path

import click

from latentd.errors import LatentdError
from latentd.synth import amsynth, midimap


@click.command(
    epilog="Example:  latentd midimap --install  (then restart amSynth and latentd: they read it only when they start)"
)
@click.option("--install", is_flag=True, help="Put the map in place; a file that is there is kept as a backup.")
@click.option("--json", "as_json", is_flag=True, help="Print parameter -> CC as one JSON object.")
def command(install: bool, as_json: bool) -> None:
    """Print or install the controllers file that lets MIDI reach all of amSynth's parameters.

    Without --install it prints the file that --install would write. A controllers file that is there already is
    respected: its assignments stay, and only the parameters that it leaves out get free CCs.
    """
    path = midimap.controllers_path()
    existing = midimap.read(path)
    complete = midimap.OURS if existing is None else midimap.extend(existing)
    backup = _install(path, complete, existing) if install else None
    if as_json:
        click.echo(json.dumps(_facts(path, complete, existing, install, backup)))
    elif install:
        click.echo(_report(path, complete, existing, backup))
    else:
        click.echo(complete.text(), nl=False)


def _facts(
    path: Path, complete: midimap.Midimap, existing: midimap.Midimap | None, install: bool, backup: Path | None
) -> dict[str, object]:
    return {
        "path": str(path),
        "existing": None if existing is None else "complete" if existing == complete else "partial",
        "installed": install or existing == complete,
        "backup": None if backup is None else str(backup),
        "added": list((existing or midimap.BUILT_IN).missing) if existing != complete else [],
        "cc": dict(zip(amsynth.NAMES, complete.cc, strict=True)),
    }


def _report(path: Path, complete: midimap.Midimap, existing: midimap.Midimap | None, backup: Path | None) -> str:
    if existing == complete:
        return f"{path} reaches all {amsynth.COUNT} parameters already; nothing changed."
    kept = f" The file before is kept as {backup}." if backup else ""
    added = f" ({len(existing.missing)} added)" if existing else ""
    return (
        f"{path} now reaches all {amsynth.COUNT} parameters{added}.{kept}\n"
        "Restart amSynth, and latentd if it runs: they read this file only when they start."
    )


def _install(path: Path, complete: midimap.Midimap, existing: midimap.Midimap | None) -> Path | None:
    """Write the map unless it is there already; returns the backup's path, None where there was nothing to keep."""
    if existing == complete:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link into somebody's dotfiles stays a link: the file behind it is replaced.
        path = path.resolve()
        backup = _keep(path) if path.exists() else None
        _write(path, complete.text())
    except OSError as error:
        where = error.filename or path
        raise LatentdError(f"{where}: {error.strerror or error}", "Check the folder and its permissions") from error
    return backup


def _keep(path: Path) -> Path:
    """Copy a file to the first backup name that is free: an older backup is never overwritten."""
    content = path.read_bytes()
    for n in itertools.count(1):
        backup = path.with_name(f"{path.name}.before-latentd" + (f".{n}" if n > 1 else ""))
        with contextlib.suppress(FileExistsError), backup.open("xb") as file:
            file.write(content)
            return backup
    raise AssertionError("count() never ends")


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: a reader sees the old one or the new one, never a part."""
    handle, name = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, 0o644)
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
