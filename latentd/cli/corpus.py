"""`latentd corpus`: check preset banks, list what repeats, and write them as a table."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentd.errors import UserError
from latentd.synth import banks
from latentd.system import files

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.corpus.survey import BankFile, Survey

EPILOG = """Examples:

\b
  latentd corpus                                         amSynth's own banks and yours
  latentd corpus --paper --out paper-corpus              the paper's 2,586 rows
  latentd corpus ~/banks --hold-out Basses --out mine    your own banks, one of them held out"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--paper", is_flag=True, help="The paper's 2,586 presets, with amSynth's other banks held out.")
@click.option("--hold-out", "excluded", metavar="NAME", multiple=True, help="Hold out this bank. May be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Write corpus.csv, held-out.csv and manifest.json here.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
@click.option("--all", "whole", is_flag=True, help="List every duplicate, not only the first few.")
def command(
    sources: tuple[Path, ...], paper: bool, excluded: tuple[str, ...], out: Path | None, as_json: bool, whole: bool
) -> None:
    """Check preset banks (files, or folders of them) and list duplicate presets and missing parameters.

    Without BANKS: the banks that amSynth installs, and those in your own amSynth folder. Files that cannot be read are
    all listed, one line each. Parameters that a file does not list get amSynth's defaults. The tables have the paper's
    56 columns: 27 values 0..1 in the synth's ranges, and 7 switches one-hot.
    """
    from latentd.offline.corpus import survey

    paths = _paths(sources, paper)
    names = survey.held_out(paths, [*excluded, *(_unseen() if paper else ())])
    corpus = _read(paths)
    found = survey.survey(corpus, paths, names)
    rows, held_out = survey.select(corpus, names)
    facts = survey.manifest(found, rows, held_out)
    if out:
        _write(out, rows, held_out, facts)
    click.echo(json.dumps(facts, indent=1) if as_json else _report(corpus, found, rows, held_out, whole))


def _unseen() -> tuple[str, ...]:
    from latentd.offline.corpus.corpus import UNSEEN_BANKS

    return UNSEEN_BANKS


def _paths(sources: tuple[Path, ...], paper: bool) -> list[Path]:
    from latentd.offline.corpus.corpus import PAPER_BANKS

    if paper:
        if sources:
            raise UserError("--paper takes no BANKS", "It reads the banks that amSynth installs; remove one of the two")
        return banks.bank_files(banks.system_folder() / name for name in (*PAPER_BANKS, *_unseen()))
    if sources:
        return banks.bank_files(sources)
    own = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "amsynth" / "banks"
    try:
        folders = [own] if own.is_dir() and any(own.iterdir()) else []
    except OSError as error:
        raise UserError(f"{own}: {error.strerror}", "Check its permissions, or name BANKS") from error
    return banks.bank_files([banks.system_folder(), *folders])


def _read(paths: list[Path]) -> Corpus:
    from latentd.offline.corpus import corpus

    return corpus.read(paths)


def _write(out: Path, rows: Corpus, held_out: Corpus, facts: dict[str, object]) -> None:
    from latentd.offline.corpus import survey

    tables = {"corpus.csv": survey.table(rows)}
    if held_out.rows:
        tables["held-out.csv"] = survey.table(held_out)
    tables["manifest.json"] = json.dumps(facts, indent=1) + "\n"
    files.write(out, {name: text.encode() for name, text in tables.items()}, "Choose another --out")


def _report(corpus: Corpus, found: Survey, rows: Corpus, held_out: Corpus, whole: bool) -> str:
    from latentd.offline.corpus.survey import NEAR_EXCEPT, NEAR_WITHIN, label

    lines = [f"{click.format_filename(file.name):32}{file.presets:5} presets{_filled(file)}" for file in found.files]
    lines += [
        "",
        f"{len(corpus.rows)} presets, {len(corpus.rows) - found.repeated()} of them distinct",
        f"{len(found.equal)} groups of equal presets: {found.repeated()} duplicates",
        *_some([" = ".join(label(corpus.rows[i]) for i in group) for group in found.equal], whole),
        f"{len(found.near)} near-duplicate pairs (all but {NEAR_EXCEPT} parameters within {NEAR_WITHIN:.0%} of range)",
        *_some([f"{label(corpus.rows[a])} ~ {label(corpus.rows[b])}" for a, b in found.near], whole),
    ]
    if held_out.rows:
        lines += [
            f"to train on: {len(rows.rows)}; held out: {len(held_out.rows)}",
            f"{len(found.leaks)} held-out presets have a duplicate or near duplicate among those to train on",
            *_some([label(corpus.rows[i]) for i in found.leaks], whole),
        ]
    return "\n".join(lines)


def _filled(file: BankFile) -> str:
    """Which parameters the file leaves to amSynth's defaults, and which of its parameters amSynth does not know."""
    text = f"; defaults for {_listed(file.filled, file.presets)}" if file.filled else ""
    return text + (f"; dropped, unknown to amSynth: {_listed(file.dropped, file.presets)}" if file.dropped else "")


def _listed(counts: dict[str, int], presets: int) -> str:
    """Names that all presets share, then the others with the number of presets."""
    every = [name for name, count in counts.items() if count == presets]
    some = [f"{name} ({count})" for name, count in counts.items() if count < presets]
    return ", ".join([*every, *some])


def _some(lines: list[str], whole: bool, shown: int = 5) -> list[str]:
    if whole or len(lines) <= shown:
        return [f"  {line}" for line in lines]
    return [*(f"  {line}" for line in lines[:shown]), f"  … {len(lines) - shown} more: --all"]
