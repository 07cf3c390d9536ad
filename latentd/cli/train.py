"""`latentd train`: preset banks become a model, in one command."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentd.cli.requirements import dask, need
from latentd.errors import UserError
from latentd.model import bundle
from latentd.synth import banks

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.recipes.audible import OnProgress
    from latentd.offline.recipes.paper import Recipe, Trained
    from latentd.offline.recipes.timbre import TimbreRecipe
    from latentd.offline.timbre.measure import Measure
    from latentd.synth.amsynth import Array


class _Rendering(NamedTuple):
    """How patches are rendered: so many processes or by a dask scheduler's workers, with the clips kept there."""

    jobs: int | None
    cache: Path | None
    dask: str | None


EPILOG = """Examples:

\b
  latentd train ~/banks --name mine           a model of your own presets
  latentd train                               one from the banks that amSynth installs: half an hour
  latentd train --recipe paper                the paper's, which keeps little timbre: 2 minutes
  latentd train --weight step=20 --name calm  one that moves the knobs less from point to point
  latentd run --model mine                    play it"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="The model's name.  [default: the recipe's, or `mine` for banks of your own]")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to put it in.  [default: your own models]")
@click.option("--hold-out", "aside", multiple=True, type=click.Path(path_type=Path), help="Banks to measure on only.")
@click.option(
    "--recipe",
    type=click.Choice(["timbre", "vae", "paper"]),
    default="timbre",
    show_default=True,
    help="timbre: trained by ear, on rendered patches; vae: an auto-encoder, trained by ear too; paper: the published "
    "auto-encoder, on the presets' numbers.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes that render.  [default: one a core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of what was rendered before.  [the user's]")
@dask
@click.option(
    "--grid",
    type=click.IntRange(0, 500),
    default=50,
    show_default=True,
    help="Points a side of the map and of what is measured for the card; 0 leaves both out.",
)
@click.option("--side", type=click.IntRange(4, 40), help="Presets a side of the atlas to start from.  [timbre: 14]")
@click.option(
    "--rounds",
    type=click.IntRange(0, 100),
    help="Of rendering the pad and training on; with 0 timbre copies its atlas.  [timbre: 3, vae: 2]",
)
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the presets.  [paper: 500, vae: 240]")
@click.option("--batch", type=click.IntRange(1, 100_000), help="Presets a step.  [paper: 16, vae: 128]")
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), help="Of Adam.  [paper, vae: 0.001]")
@click.option(
    "--continuous-weight", type=click.FloatRange(0, 1e6), help="Of values against switches.  [paper: 31, vae: 10]"
)
@click.option("--beta", type=click.FloatRange(0, 1e6), help="Of the Kullback-Leibler term.  [paper, vae: 0.01]")
@click.option(
    "--weight",
    "weights",
    metavar="NAME=VALUE",
    multiple=True,
    help="Of another part of the loss; may be given several times.  [timbre: jump=0.8, jump_free=3, even=0.3, step=10, "
    "flip=2, range=0.03, doubt=0.3, faint=3, teacher=0.5; vae: descriptors=1, loudness=0.05, mel=0.33, doubt=0.3]",
)
@click.option("--hidden", type=click.IntRange(1, 4096), help="Units of each hidden layer.  [paper: 32, others: 128]")
@click.option("--latent", type=click.IntRange(2, 64), help="Dimensions; the pad shows two of more.  [paper, vae: 2]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same model.  [0]")
def command(
    sources: tuple[Path, ...],
    name: str | None,
    out: Path | None,
    aside: tuple[Path, ...],
    recipe: str,
    grid: int,
    **changes: Any,
) -> None:
    """Make a model from preset banks (files, or folders of them).

    Without BANKS it trains on the 2,586 presets that the paper used, from the banks that amSynth installs, and measures
    on the seven banks that the paper never saw. Of your own banks a tenth of the presets is kept aside to measure on,
    unless --hold-out names whole banks. In the end the pad and what was kept aside are rendered and measured, for the
    map, the pictures and the figures of the card. What was rendered is kept, so an interrupted run goes on quickly.
    """
    need("Training", "torch", "numba", "scipy", "pyloudnorm", *(("matplotlib",) if grid else ()))
    rendering = _Rendering(changes.pop("jobs"), changes.pop("cache"), changes.pop("dask"))
    chosen = _recipe(recipe, changes)
    from latentd.offline.publish.export import check_place

    rows, kept_aside = _corpora(sources, aside, chosen.seed)
    model_name, parent = _name(name or ("mine" if sources else chosen.name)), out or bundle.user_folder()
    check_place(parent, model_name)
    folder = _made(rows, kept_aside, chosen, rendering, model_name, parent)
    if grid:
        _measure(folder, kept_aside, rows, rendering, grid)
    click.echo(f"{folder}: made from {len(rows.rows)} presets. Play it: latentd run --model {_hint(folder, out)}")


def _recipe(name: str, changes: dict[str, Any]) -> Recipe | TimbreRecipe:
    """The recipe's settings with the options given.

    Raises:
        UserError: an option of another recipe, or a weight that there is not.
    """
    from latentd.offline.recipes.loss_weights import changed
    from latentd.offline.recipes.paper import Recipe
    from latentd.offline.recipes.timbre import TimbreRecipe
    from latentd.offline.recipes.vae import VaeRecipe

    recipes: dict[str, Recipe | TimbreRecipe] = {"paper": Recipe(), "vae": VaeRecipe(), "timbre": TimbreRecipe()}
    chosen = recipes[name]
    given = {key: value for key, value in changes.items() if value not in (None, ())}
    for key in given:
        if not hasattr(chosen, key):
            option = "weight" if key == "weights" else key.replace("_", "-")
            raise UserError(f"--{option} is not an option of the recipe {name}", "Leave it out")
        if isinstance(given[key], float) and not math.isfinite(given[key]):
            raise UserError(f"--{key.replace('_', '-')}: found {given[key]}, a number is needed", "Give another")
    if isinstance(chosen, VaeRecipe | TimbreRecipe):
        given["weights"] = changed(chosen.weights, changes["weights"])
    return replace(chosen, **given)


def _corpora(sources: tuple[Path, ...], aside: tuple[Path, ...], seed: int) -> tuple[Corpus, Corpus]:
    """Rows to train on and rows to measure on."""
    from latentd.offline.corpus import corpus

    if sources and not aside:
        return corpus.split(corpus.read(sources), seed)
    system = banks.system_folder()
    files = corpus.without(sources or [system / name for name in corpus.PAPER_BANKS], aside)
    unseen = [] if aside else [system / name for name in corpus.UNSEEN_BANKS]
    return corpus.read(files), corpus.read([*aside, *unseen])


def _measure(folder: Path, kept_aside: Corpus, rows: Corpus, rendering: _Rendering, grid: int) -> None:
    """Map, quality and pictures into the new bundle; a model that cannot be measured is kept as it is."""
    from latentd.offline.evaluation.evaluate import evaluate
    from latentd.offline.publish import save
    from latentd.offline.timbre.measure_with_progress import measurer

    model = bundle.load(str(folder.resolve()))
    measure = measurer(rendering.jobs, rendering.cache, rendering.dask)
    try:
        save.save(model, evaluate(model, kept_aside, measure, grid, rows), measure, kept_aside, grid)
    except UserError as error:
        click.echo(f"Not measured: {error}. `latentd evaluate {folder} --save` does it later", err=True)


def _name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name:
        raise UserError(f"--name: found {name!r}", "Give a plain name such as mine")
    return name


def _made(
    rows: Corpus, aside: Corpus, recipe: Recipe | TimbreRecipe, rendering: _Rendering, name: str, parent: Path
) -> Path:
    """Train, and write the bundle."""
    from latentd.offline.publish import export_timbre
    from latentd.offline.publish.export import export
    from latentd.offline.recipes import timbre, vae

    if isinstance(recipe, timbre.TimbreRecipe):
        with _heard(rendering) as (measure, report):
            made = timbre.train(rows, recipe, measure, report)
        return export_timbre.export(made, recipe, rows, aside, name, parent)
    if isinstance(recipe, vae.VaeRecipe):
        with _heard(rendering) as (measure, report):
            trained = vae.train(rows, recipe, measure, report)
        return export(trained, recipe, rows, aside, name, parent, vae.MARGIN)
    return export(_trained(rows, aside, recipe), recipe, rows, aside, name, parent)


def _trained(rows: Corpus, kept_aside: Corpus, recipe: Recipe) -> Trained:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from latentd.offline.corpus.corpus import paper_layout
    from latentd.offline.recipes.paper import Epoch, train

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[losses]}")) as progress:
        task = progress.add_task("epochs", total=recipe.epochs, losses="")

        def show(epoch: Epoch) -> None:
            aside = "" if epoch.validation is None else f", kept aside {epoch.validation:.3f}"
            progress.update(task, advance=1, losses=f"loss {epoch.train:.3f}{aside}")

        return train(paper_layout(), rows, kept_aside, recipe, show)


@contextmanager
def _heard(rendering: _Rendering) -> Iterator[tuple[Measure, OnProgress]]:
    """For a recipe that listens: what renders and measures patches, and what shows its progress."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from latentd.offline.render import clip_cache
    from latentd.offline.timbre import measure
    from latentd.offline.timbre.measure import Measured

    columns = (TextColumn("{task.description:40}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=1)

        def report(part: str, done: int, total: int) -> None:
            progress.update(task, description=part, completed=done, total=total)

        def measured(patches: Array) -> Measured:
            def rendered(done: int) -> None:
                report("rendering", done, len(patches))

            where = rendering.cache or clip_cache.folder()
            return measure.measure(patches, jobs=rendering.jobs, cache=where, progress=rendered, dask=rendering.dask)

        yield measured, report


def _hint(folder: Path, out: Path | None) -> str:
    """How `--model` names it: a path needs its slash."""
    return folder.name if out is None else str(folder.resolve())
