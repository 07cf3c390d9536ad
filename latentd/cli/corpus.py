"""`latentd corpus`: look through preset banks, and write them as a table."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentd.errors import UserError
from latentd.synth import banks

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.corpus.survey import Survey

EPILOG = """Examples:

\b
  latentd corpus                                         what amSynth's own banks and yours hold
  latentd corpus --paper --out paper-corpus              the paper's 2,586 rows
  latentd corpus ~/banks --hold-out Basses --out mine    your own, one bank kept aside"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--paper", is_flag=True, help="The paper's 2,586 presets; the banks it never saw are held out.")
@click.option("--hold-out", "aside", metavar="NAME", multiple=True, help="Keep this whole bank apart. May be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Write corpus.csv, held-out.csv and manifest.json here.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
@click.option("--all", "whole", is_flag=True, help="List every repeated preset, not only the first few.")
def command(
    sources: tuple[Path, ...], paper: bool, aside: tuple[str, ...], out: Path | None, as_json: bool, whole: bool
) -> None:
    """Look through preset banks (files, or folders of them): what they hold, what repeats, what old files leave out.

    Without BANKS: those that amSynth installs, and your own in its folder. Parameters that a file does not list get
    amSynth's own defaults. The tables have the paper's 56 columns: 27 values 0..1 in the synth's ranges, 7 switches
    one-hot.
    """
    from latentd.offline.corpus import survey

    files = _files(sources, paper)
    names = survey.held_out(files, [*aside, *(_unseen() if paper else ())])
    corpus = _read(files)
    found = survey.survey(corpus, files, names)
    rows, kept_aside = survey.select(corpus, names)
    facts = survey.manifest(found, rows, kept_aside)
    if out:
        _write(out, rows, kept_aside, facts)
    click.echo(json.dumps(facts, indent=1) if as_json else _report(corpus, found, rows, kept_aside, whole))


def _unseen() -> tuple[str, ...]:
    from latentd.offline.corpus.corpus import UNSEEN_BANKS

    return UNSEEN_BANKS


def _files(sources: tuple[Path, ...], paper: bool) -> list[Path]:
    from latentd.offline.corpus.corpus import PAPER_BANKS

    if paper:
        if sources:
            raise UserError("--paper comes without BANKS", "It reads those that amSynth installs")
        return banks.bank_files(banks.system_folder() / name for name in (*PAPER_BANKS, *_unseen()))
    if sources:
        return banks.bank_files(sources)
    own = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "amsynth" / "banks"
    folders = [banks.system_folder(), own] if own.is_dir() and any(own.iterdir()) else [banks.system_folder()]
    return banks.bank_files(folders)


def _read(files: list[Path]) -> Corpus:
    from latentd.offline.corpus import corpus

    return corpus.read(files)


def _write(out: Path, rows: Corpus, kept_aside: Corpus, facts: dict[str, object]) -> None:
    from latentd.offline.corpus import survey

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "corpus.csv").write_text(survey.table(rows), encoding="utf-8")
        if kept_aside.rows:
            (out / "held-out.csv").write_text(survey.table(kept_aside), encoding="utf-8")
        (out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: {error.strerror or error}", "Choose another --out") from error


def _report(corpus: Corpus, found: Survey, rows: Corpus, kept_aside: Corpus, whole: bool) -> str:
    from latentd.offline.corpus.survey import NEAR_BUT, NEAR_WITHIN, label

    lines = [f"{file.name:32}{file.presets:5} presets{_filled(file.filled, file.presets)}" for file in found.files]
    lines += [
        "",
        f"{len(corpus.rows)} presets, {len(corpus.rows) - found.repeated()} of them distinct",
        f"{len(found.equal)} groups of equal presets, {found.repeated()} presets too many",
        *_some([" = ".join(label(corpus.rows[i]) for i in group) for group in found.equal], whole),
        f"{len(found.near)} pairs of near ones (all but {NEAR_BUT} parameters within {NEAR_WITHIN:.0%} of their range)",
        *_some([f"{label(corpus.rows[a])} ~ {label(corpus.rows[b])}" for a, b in found.near], whole),
    ]
    if kept_aside.rows:
        lines += [
            f"to learn from: {len(rows.rows)}; held out: {len(kept_aside.rows)}",
            f"{len(found.leaks)} held-out presets have an equal or near one among those to learn from",
            *_some([label(corpus.rows[i]) for i in found.leaks], whole),
        ]
    return "\n".join(lines)


def _filled(filled: dict[str, int], presets: int) -> str:
    """Which parameters the file leaves to amSynth's defaults."""
    if not filled:
        return ""
    every = [name for name, count in filled.items() if count == presets]
    some = [f"{name} ({count})" for name, count in filled.items() if count < presets]
    return "; defaults for " + ", ".join([*every, *some])


def _some(lines: list[str], whole: bool, shown: int = 5) -> list[str]:
    if whole or len(lines) <= shown:
        return [f"  {line}" for line in lines]
    return [*(f"  {line}" for line in lines[:shown]), f"  … {len(lines) - shown} more: --all"]
