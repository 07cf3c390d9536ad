"""`latentd train`: preset banks become a model, in one command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentd import banks, bundle
from latentd.errors import LatentdError, UserError

if TYPE_CHECKING:
    from latentd.amsynth import Array
    from latentd.offline.corpus import Corpus
    from latentd.offline.timbral import Made, TimbreRecipe
    from latentd.offline.train import Recipe, Trained

EPILOG = """Examples:

\b
  latentd train ~/banks --name mine           a model of your own presets
  latentd train                               one from the banks that amSynth installs: half an hour
  latentd train --recipe paper                the paper's, which keeps little timbre: 2 minutes
  latentd run --model mine                    play it"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="The model's name.  [default: the recipe's, or `mine` for banks of your own]")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to put it in.  [default: your own models]")
@click.option("--hold-out", "aside", multiple=True, type=click.Path(path_type=Path), help="Banks to measure on only.")
@click.option(
    "--recipe",
    type=click.Choice(["timbre", "paper"]),
    default="timbre",
    show_default=True,
    help="timbre: trained by ear, on rendered patches; paper: the published auto-encoder, on their numbers.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes that render.  [timbre; default: one a core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of what was rendered before.  [timbre]")
@click.option("--side", type=click.IntRange(4, 40), help="Presets a side of the atlas to start from.  [timbre: 14]")
@click.option("--rounds", type=click.IntRange(1, 100), help="Of listening to the pad and training.  [timbre: 3]")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the presets.  [paper: 500]")
@click.option("--batch", type=click.IntRange(1, 100_000), help="Presets a step.  [paper: 16]")
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), help="Of Adam.  [paper: 0.001]")
@click.option("--continuous-weight", type=click.FloatRange(0, 1e6), help="Of values against switches.  [paper: 31]")
@click.option("--beta", type=click.FloatRange(0, 1e6), help="Weight of the Kullback-Leibler term.  [paper: 0.01]")
@click.option("--hidden", type=click.IntRange(1, 4096), help="Units of each hidden layer.  [paper: 32]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same model.  [0]")
def command(
    sources: tuple[Path, ...], name: str | None, out: Path | None, aside: tuple[Path, ...], recipe: str, **changes: Any
) -> None:
    """Make a model from preset banks (files, or folders of them).

    Without BANKS it trains on the 2,586 presets that the paper used, from the banks that amSynth installs, and measures
    on the seven banks that the paper never saw. Of your own banks a tenth of the presets is kept aside to measure on,
    unless --hold-out names whole banks. What has been rendered once is kept, so an interrupted run goes on quickly.
    """
    _need_torch()
    jobs, cache = changes.pop("jobs"), changes.pop("cache")
    chosen = _recipe(recipe, changes)
    rows, kept_aside = _corpora(sources, aside, chosen.seed)
    model_name, parent = _name(name or ("mine" if sources else chosen.name)), out or bundle.user_folder()
    if recipe == "paper":
        from latentd.offline.export import export
        from latentd.offline.train import Recipe

        assert isinstance(chosen, Recipe)
        folder = export(_train(rows, kept_aside, chosen), chosen, rows, kept_aside, model_name, parent)
    else:
        from latentd.offline import timbral_export
        from latentd.offline.timbral import TimbreRecipe

        assert isinstance(chosen, TimbreRecipe)
        made = _make(rows, chosen, jobs, cache)
        folder = timbral_export.export(made, chosen, rows, kept_aside, model_name, parent)
    bundle.load(str(folder.resolve()))
    click.echo(f"{folder}: made from {len(rows.rows)} presets. Play it: latentd run --model {_hint(folder, out)}")


def _need_torch() -> None:
    try:
        import torch  # noqa: F401 - only asks whether it is there
    except ImportError as error:
        raise LatentdError("Training needs torch", "Install it: pip install 'latentd[offline]'") from error


def _recipe(name: str, changes: dict[str, Any]) -> Recipe | TimbreRecipe:
    """The recipe's settings with the options given.

    Raises:
        UserError: an option of the other recipe.
    """
    from latentd.offline.timbral import TimbreRecipe
    from latentd.offline.train import RECIPES

    chosen = RECIPES["paper"] if name == "paper" else TimbreRecipe()
    given = {key: value for key, value in changes.items() if value is not None}
    for key in given:
        if not hasattr(chosen, key):
            raise UserError(f"--{key.replace('_', '-')} is not an option of the recipe {name}", "Leave it out")
    return replace(chosen, **given)


def _corpora(sources: tuple[Path, ...], aside: tuple[Path, ...], seed: int) -> tuple[Corpus, Corpus]:
    """Rows to train on and rows to measure on."""
    from latentd.offline import corpus

    if not sources:
        rows, kept_aside = corpus.paper(banks.system_folder())
    else:
        rows = corpus.read(sources)
        if not aside:
            return corpus.split(rows, seed)
    return rows, corpus.read(aside) if aside else kept_aside


def _name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name:
        raise UserError(f"--name: found {name!r}", "Give a plain name such as mine")
    return name


def _train(rows: Corpus, kept_aside: Corpus, recipe: Recipe) -> Trained:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from latentd.offline.corpus import paper_layout
    from latentd.offline.train import Epoch, train

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[losses]}")) as progress:
        task = progress.add_task("epochs", total=recipe.epochs, losses="")

        def show(epoch: Epoch) -> None:
            aside = "" if epoch.validation is None else f", kept aside {epoch.validation:.3f}"
            progress.update(task, advance=1, losses=f"loss {epoch.train:.3f}{aside}")

        return train(paper_layout(), rows, kept_aside, recipe, show)


def _make(rows: Corpus, recipe: TimbreRecipe, jobs: int | None, cache: Path | None) -> Made:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from latentd.offline import clip_cache, measure
    from latentd.offline.measure import Measured
    from latentd.offline.timbral import make

    columns = (TextColumn("{task.description:40}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=1)

        def report(part: str, done: int, total: int) -> None:
            progress.update(task, description=part, completed=done, total=total)

        def measured(patches: Array) -> Measured:
            def rendered(done: int) -> None:
                report("rendering", done, len(patches))

            where = cache or clip_cache.folder()
            return measure.measure(patches, jobs=jobs, cache=where, progress=rendered)

        return make(rows, recipe, measured, report)


def _hint(folder: Path, out: Path | None) -> str:
    """How `--model` names it: a path needs its slash."""
    return folder.name if out is None else str(folder.resolve())
