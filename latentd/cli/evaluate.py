"""`latentd evaluate`: how good an instrument a model is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentd.cli.requirements import dask, need
from latentd.model import bundle
from latentd.synth import banks

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.evaluation.evaluate import Evaluation

EPILOG = """Examples:

\b
  latentd evaluate timbre                         on the seven banks that amSynth brings and no shipped model has seen
  latentd evaluate mine --banks ~/other-banks     on your own presets
  latentd evaluate paper --figures figures        and the pictures and tables of the paper, drawn again"""


@click.command(epilog=EPILOG)
@click.argument("model", default=bundle.DEFAULT)
@click.option("--banks", "sources", multiple=True, type=click.Path(path_type=Path), help="Measure on these banks.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--figures", type=click.Path(path_type=Path), help="Also draw the paper's figures, into this folder.")
@click.option("--save", is_flag=True, help="Put the table, the map and the pictures into the model and its card.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes that render.  [default: one a core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the clip cache.  [default: the user's]")
@dask
@click.option("--grid", type=click.IntRange(4, 500), default=50, show_default=True, help="Pad points a side.")
def command(
    model: str,
    sources: tuple[Path, ...],
    as_json: bool,
    figures: Path | None,
    save: bool,
    jobs: int | None,
    cache: Path | None,
    grid: int,
    dask: str | None,
) -> None:
    """Render MODEL's pad and presets that it has not seen, and print the quality table, each row with its protocol.

    With a grid of 50 a side it takes about five minutes on two cores; what has been rendered once is kept, so an
    interrupted run goes on where it was.
    """
    need("Measuring", "scipy", "pyloudnorm", *(("matplotlib",) if save or figures else ()))
    from latentd.offline.evaluation.evaluate import evaluate
    from latentd.offline.timbre.measure_with_progress import measurer

    loaded = bundle.load(model)
    held_out, known = _held_out(sources)
    measure = measurer(jobs, cache, dask)
    result = evaluate(loaded, held_out, measure, grid, known)
    click.echo(json.dumps(result.to_json(), indent=1) if as_json else _table(result))
    if save:
        from latentd.offline.publish.save import save as save_results

        save_results(loaded, result, measure, held_out, grid)
        click.echo(f"Saved in {loaded.folder}", err=True)
    if figures:
        from latentd.offline.evaluation import reproduce

        reproduce.draw(loaded, measure, figures, grid)
        click.echo(f"Figures: {figures}", err=True)


def _held_out(sources: tuple[Path, ...]) -> tuple[Corpus, Corpus | None]:
    """Presets to measure on, and those that the shipped models were trained on."""
    from latentd.offline.corpus import corpus

    if sources:
        return corpus.read(sources), None
    known, held_out = corpus.paper(banks.system_folder())
    return held_out, known


def _table(result: Evaluation) -> str:
    from latentd.offline.evaluation.criteria import GOALS

    facts = result.held_out
    lines = [
        f"{result.model}, on {facts['distinct']} distinct presets of {facts['presets']}, "
        f"{facts['silent']} of them silent and left out; halves n1 {facts['n1']}, n2 {facts['n2']}"
    ]
    if facts["seen_in_training"]:
        lines.append(f"CAREFUL: the model was trained on some of these banks: {facts['seen_in_training']}")
    lines += ["", f"{'row':22}{'value':>9}{'90 % interval':>22}{'n1':>9}{'n2':>9}{'must':>10}{'aim':>8}  met"]
    for name, row in result.rows.items():
        goal = GOALS[name]
        interval = f"{row.interval[0]:.4g} .. {row.interval[1]:.4g}" if row.interval else "-"
        first, second = (f"{half:.4g}" for half in row.halves) if row.halves else ("-", "-")
        must = f"{'>=' if goal.more_is_better else '<='} {goal.must:g}"
        met = "yes" if row.meets(goal) else "no"
        lines.append(f"{name:22}{row.value:9.4g}{interval:>22}{first:>9}{second:>9}{must:>10}{goal.aim:8g}  {met}")
    lines += ["", "also: " + ", ".join(f"{name} {value:.4g}" for name, value in result.extra.items())]
    lines += ["", "How each row is found:"]
    lines += [f"  {name}: {goal.title}: {goal.protocol}" for name, goal in GOALS.items()]
    return "\n".join(lines)
