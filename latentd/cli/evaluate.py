"""`latentd evaluate`: measures how good a model is as an instrument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentd.cli.requirements import dask, need
from latentd.model import bundle
from latentd.synth import banks
from latentd.system import files

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.evaluation.evaluate import Evaluation

EPILOG = """Examples:

\b
  latentd evaluate timbre                         on the seven of amSynth's banks unseen by the shipped models
  latentd evaluate mine --banks ~/other-banks     on your own presets
  latentd evaluate paper --figures figures        also reproduce the paper's figures and tables"""


@click.command(epilog=EPILOG)
@click.argument("model", default=bundle.DEFAULT)
@click.option("--banks", "sources", multiple=True, type=click.Path(path_type=Path), help="Measure on these banks.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--figures", type=click.Path(path_type=Path), help="Also draw the paper's figures into this folder.")
@click.option("--save", is_flag=True, help="Write the table, the map and the pictures into the model and its card.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Rendering processes.  [default: one per core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the clip cache.  [default: the user's]")
@dask
@click.option("--grid", type=click.IntRange(4, 500), default=50, show_default=True, help="Pad points per side.")
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
    """Render MODEL's pad and unseen presets, and print the quality table, each row with its protocol.

    The last lines are a verdict in words. A grid of 50 x 50 takes about ten minutes on two cores. Rendered clips are
    cached: an interrupted run continues where it stopped. A grid below 20 also has fewer cells, walks and presets.
    """
    need("Measuring", "scipy", "pyloudnorm", "swift_f0", *(("matplotlib",) if save or figures else ()))
    from latentd.offline.evaluation.full import full
    from latentd.offline.timbre.renderer import Renderer

    loaded = bundle.load(model)
    _check_targets(loaded, figures, save)
    held_out, known = _held_out(sources)
    renderer = Renderer(jobs, cache, dask)
    result = full(loaded, held_out, renderer, grid, known)
    click.echo(json.dumps(result.to_json(), indent=1) if as_json else _table(result))
    if save:
        from latentd.offline.publish import save as results

        results.save(loaded, result, renderer.measure, held_out, grid)
        click.echo(f"Saved in {loaded.folder}", err=True)
    if figures:
        from latentd.offline.evaluation import reproduce

        reproduce.draw(loaded, renderer.measure, figures, grid)
        click.echo(f"Figures: {figures}", err=True)


def _check_targets(model: bundle.Model, figures: Path | None, save: bool) -> None:
    """Refuse what cannot be written before the measurement, which takes minutes."""
    if save:
        from latentd.offline.publish import save as results

        results.check(model)
    if figures:
        from latentd.offline.evaluation import reproduce

        files.check_folder(figures, reproduce.HINT)


def _held_out(sources: tuple[Path, ...]) -> tuple[Corpus, Corpus | None]:
    """Presets to measure on, and the training presets of the shipped models."""
    from latentd.offline.corpus import corpus

    if sources:
        return corpus.read(sources), None
    known, held_out = corpus.paper(banks.system_folder())
    return held_out, known


def _table(result: Evaluation) -> str:
    from latentd.offline.evaluation import verdict
    from latentd.offline.evaluation.criteria import GOALS, protocol
    from latentd.offline.evaluation.rows import Verdict

    facts = result.held_out
    lines = [
        f"{result.model}, on {facts['distinct']} distinct presets of {facts['presets']}, "
        f"{facts['silent']} of them silent and left out; halves n1 {facts['n1']}, n2 {facts['n2']}"
    ]
    if facts["seen_in_training"]:
        lines.append(f"WARNING: the model was trained on some of these banks: {facts['seen_in_training']}")
    lines += ["", f"{'row':22}{'value':>9}{'90 % interval':>22}{'n1':>9}{'n2':>9}{'must':>10}{'aim':>8}  met"]
    for name, row in result.rows.items():
        goal = GOALS[name]
        interval = f"{row.interval[0]:.4g} .. {row.interval[1]:.4g}" if row.interval else "-"
        first, second = (f"{half:.4g}" for half in row.halves) if row.halves else ("-", "-")
        must = f"{'>=' if goal.more_is_better else '<='} {goal.must:g}"
        met = "no" if row.verdict(goal) is Verdict.MISSES else "yes"
        lines.append(f"{name:22}{row.value:9.4g}{interval:>22}{first:>9}{second:>9}{must:>10}{goal.aim:8g}  {met}")
    lines += ["", "also: " + ", ".join(f"{name} {value:.4g}" for name, value in result.extra.items())]
    lines += ["", "How each row is measured:"]
    lines += [f"  {name}: {GOALS[name].title}: {protocol(name, result.sizes)}" for name in result.rows]
    lines += ["", "Verdict:", *(f"  {line}" for line in verdict.lines(result))]
    return "\n".join(lines)
