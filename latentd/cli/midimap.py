"""`latentd midimap`: print amSynth's controllers file, or install it."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import click

from latentd.synth import amsynth, midimap
from latentd.synth.midimap import Midimap
from latentd.system import files


class Plan(NamedTuple):
    """What --install does: write `complete` to `path`, unless the file there already gives this map."""

    path: Path
    source: Path | None  # the file that amSynth would read now; None: it would use its built-in map
    existing: Midimap | None  # the map in it
    complete: Midimap

    @property
    def done(self) -> bool:
        """True where the complete map is installed already."""
        return self.source == self.path and self.existing == self.complete


@click.command(
    epilog="Example:  latentd midimap --install  (then restart amSynth and latentd: they read the file at their start)"
)
@click.option("--install", is_flag=True, help="Install the file; keep the one that is there as a backup.")
@click.option("--json", "as_json", is_flag=True, help="Print parameter -> CC as one JSON object.")
def command(install: bool, as_json: bool) -> None:
    """Print or install the controllers file with which MIDI reaches all of amSynth's parameters.

    Without --install it prints the file that --install would write. It keeps the assignments of an existing controllers
    file, also of ~/.amSynthControllersrc from amSynth's first versions, and gives every other parameter a free CC.
    """
    plan = _plan()
    backup = _install(plan) if install else None
    if as_json:
        click.echo(json.dumps(_facts(plan, install, backup)))
    elif install:
        click.echo(_report(plan, backup))
    else:
        click.echo(plan.complete.text(), nl=False)


def _plan() -> Plan:
    found = midimap.installed()
    if found is None:
        return Plan(midimap.controllers_path(), None, None, midimap.OURS)
    source, existing = found
    return Plan(midimap.controllers_path(), source, existing, midimap.extend(existing))


def _facts(plan: Plan, install: bool, backup: Path | None) -> dict[str, object]:
    existing = plan.existing
    return {
        "path": str(plan.path),
        "source": None if plan.source is None else str(plan.source),
        "existing": None if existing is None else "partial" if existing.missing else "complete",
        "installed": install or plan.done,
        "backup": None if backup is None else str(backup),
        "added": list((existing or midimap.BUILT_IN).missing),
        "unknown": list(existing.unknown if existing else ()),
        "cc": dict(zip(amsynth.NAMES, plan.complete.cc, strict=True)),
    }


def _report(plan: Plan, backup: Path | None) -> str:
    if plan.done:
        return f"{plan.path}: MIDI already reaches all {amsynth.COUNT} parameters; nothing changed."
    lines = [f"{plan.path}: MIDI now reaches all {amsynth.COUNT} parameters."]
    if plan.existing is not None:
        kept = f"{backup} is the file as it was" if backup else f"{plan.source} stays, but amSynth no longer reads it"
        lines.append(f"The assignments of your file are kept, {len(plan.existing.missing)} are new; {kept}.")
        if plan.existing.unknown:
            lines.append(f"Left out, because amSynth knows no such parameters: {', '.join(plan.existing.unknown)}.")
    lines.append("Restart amSynth, and latentd if it runs: they read this file at their start.")
    return "\n".join(lines)


def _install(plan: Plan) -> Path | None:
    """Write the map unless it is installed already; returns the path of the backup, None where no file was replaced."""
    if plan.done:
        return None
    path = plan.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link into somebody's dotfiles stays a link: the file behind it is replaced.
        path = path.resolve()
        backup = _back_up(path) if path.exists() else None
        files.replace(path, plan.complete.text().encode("ascii"))
    except OSError as error:
        where = Path(error.filename or path)
        raise files.cannot_write(where, error, "Check the folder and its permissions") from error
    return backup


def _back_up(path: Path) -> Path:
    """Copy a file to the first backup name that is free: an older backup is never overwritten."""
    content = files.read(path)
    for n in itertools.count(1):
        backup = path.with_name(f"{path.name}.before-latentd" + (f".{n}" if n > 1 else ""))
        with contextlib.suppress(FileExistsError), backup.open("xb") as file:
            file.write(content)
            return backup
    raise AssertionError("count() never ends")
