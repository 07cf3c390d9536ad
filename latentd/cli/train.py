"""`latentd train`: a model from preset banks, in one command."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentd.cli.requirements import dask, need
from latentd.errors import LatentdError, UserError
from latentd.model import bundle
from latentd.synth import banks

if TYPE_CHECKING:
    from latentd.offline.corpus.corpus import Corpus
    from latentd.offline.recipes.audible import MeasureNote, OnProgress
    from latentd.offline.recipes.paper import Recipe, Trained
    from latentd.offline.recipes.timbre import TimbreRecipe
    from latentd.synth.amsynth import Array


class _Rendering(NamedTuple):
    """How patches are rendered: by how many local processes or by which dask scheduler, with which clip cache."""

    jobs: int | None
    cache: Path | None
    dask: str | None


EPILOG = """Examples:

\b
  latentd train ~/banks --name mine           a model of your own presets
  latentd train                               a model of the banks that amSynth installs: 40 minutes
  latentd train --recipe paper                the paper's model, which keeps little timbre: 2 minutes
  latentd train --family bass                 a pad of basses: the share of the banks that are
  latentd train --weight step=20 --name calm  a model whose parameters change less from point to point
  latentd run --model mine                    play it"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="The model's name.  [default: that of the family or recipe, or `mine` with BANKS]")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write it to.  [default: your own models]")
@click.option(
    "--hold-out",
    "excluded",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Banks to measure on, left out of the training. May be repeated.",
)
@click.option(
    "--recipe",
    type=click.Choice(["timbre", "vae", "paper"]),
    default="timbre",
    show_default=True,
    help="timbre: a surface trained on the sound of rendered patches; vae: an auto-encoder with an audio loss; "
    "paper: the published auto-encoder, trained on parameters alone.",
)
@click.option(
    "--family",
    type=click.Choice(["keys", "pads", "bass", "leads", "noise"]),
    help="Train on one family of sounds only: a pad of the recipe timbre.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Rendering processes.  [default: one per core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the clip cache.  [default: the user's]")
@dask
@click.option(
    "--grid",
    type=click.IntRange(0, 500),
    default=50,
    show_default=True,
    help="Points per side of the map and the quality measurements; 0 skips both.",
)
@click.option("--side", type=click.IntRange(4, 40), help="Presets per side of the initial atlas.  [timbre: 14]")
@click.option(
    "--rounds",
    type=click.IntRange(0, 100),
    help="Rounds of rendering the pad and training again; 0: timbre copies its atlas.  [timbre: 3, vae: 2]",
)
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the presets.  [paper: 500, vae: 240]")
@click.option("--batch", type=click.IntRange(1, 100_000), help="Presets per step.  [paper: 16, vae: 128]")
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), help="Adam's rate.  [paper, vae: 0.001]")
@click.option(
    "--continuous-weight",
    type=click.FloatRange(0, 1e6),
    help="Weight of values against switches.  [paper: 31, vae: 10]",
)
@click.option("--beta", type=click.FloatRange(0, 1e6), help="Weight of the Kullback-Leibler term.  [paper, vae: 0.01]")
@click.option(
    "--weight",
    "weights",
    metavar="NAME=VALUE",
    multiple=True,
    help="Weight of another part of the loss; may be repeated.  [timbre: jump=0.5, jump_free=3, even=0.3, step=11, "
    "flip=2.5, range=0.2, doubt=0.3, faint=3, teacher=0.5, families=1.5, level=0.2, held=0.1, axes=0.4; "
    "vae: descriptors=1, loudness=0.05, mel=0.33, doubt=0.3]",
)
@click.option("--hidden", type=click.IntRange(1, 4096), help="Units per hidden layer.  [paper: 32, others: 128]")
@click.option("--latent", type=click.IntRange(2, 64), help="Latent dimensions; the pad shows two.  [paper, vae: 2]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same model.  [default: 0]")
def command(
    sources: tuple[Path, ...],
    name: str | None,
    out: Path | None,
    excluded: tuple[Path, ...],
    recipe: str,
    grid: int,
    **changes: Any,
) -> None:
    """Train a model on preset banks (files, or folders of them).

    Without BANKS it trains on the paper's 2,586 presets, from the banks that amSynth installs, and measures on the
    seven other banks. Of your own BANKS a tenth of the presets is held out to measure on, unless --hold-out names whole
    banks. At the end the pad and the held-out presets are rendered and measured for the map, the pictures and the
    figures of the model card. Rendered clips are cached, so an interrupted run continues quickly.

    A recipe needs a minimum of distinct presets to train on, without the held-out ones: timbre and vae 50 that can be
    heard, paper 20.
    """
    need("Training", "torch", "numba", "scipy", "pyloudnorm", *(("matplotlib", "swift_f0") if grid else ()))
    rendering = _Rendering(changes.pop("jobs"), changes.pop("cache"), changes.pop("dask"))
    chosen = _recipe(recipe, changes)
    from latentd.offline.publish.export import check_place

    family = changes["family"]
    model_name = _name(name or ("mine" if sources else family or chosen.name))
    parent = out or bundle.user_folder()
    rows, held_out = _corpora(sources, excluded, chosen.seed, family)
    _check_size(rows, held_out, chosen)
    check_place(parent, model_name)
    if grid or chosen.name != "paper":
        _check_rendering(rendering)
    folder = _train(rows, held_out, chosen, rendering, model_name, parent)
    if grid:
        _measure(folder, held_out, rows, rendering, grid)
    play = f"latentd run --model {_model(folder, out)}"
    click.echo(click.format_filename(f"{folder}: trained on {len(rows.rows)} presets. Play it: {play}"))


def _recipe(name: str, changes: dict[str, Any]) -> Recipe | TimbreRecipe:
    """The recipe's settings with the options given.

    Raises:
        UserError: an option of another recipe, or an unknown weight.
    """
    from latentd.offline.recipes.loss_weights import changed
    from latentd.offline.recipes.paper import Recipe
    from latentd.offline.recipes.timbre import TimbreRecipe
    from latentd.offline.recipes.vae import VaeRecipe

    timbre = TimbreRecipe.of(changes["family"] or "all")
    recipes: dict[str, Recipe | TimbreRecipe] = {"paper": Recipe(), "vae": VaeRecipe(), "timbre": timbre}
    chosen = recipes[name]
    given = {key: value for key, value in changes.items() if value not in (None, ())}
    for key in given:
        if not hasattr(chosen, key):
            option = "weight" if key == "weights" else key.replace("_", "-")
            raise UserError(f"--{option} is not an option of the recipe {name}", "Remove it")
        if isinstance(given[key], float) and not math.isfinite(given[key]):
            raise UserError(f"--{key.replace('_', '-')}: found {given[key]}, a finite number is needed")
    if isinstance(chosen, VaeRecipe | TimbreRecipe):
        given["weights"] = changed(chosen.weights, changes["weights"])
    return replace(chosen, **given)


def _corpora(
    sources: tuple[Path, ...], excluded: tuple[Path, ...], seed: int, family: str | None
) -> tuple[Corpus, Corpus]:
    """Rows to train on and held-out rows to measure on, of all sounds or of one family."""
    from latentd.offline.corpus import corpus
    from latentd.offline.corpus.pad_families import share

    def read(paths: Iterable[Path]) -> Corpus:
        rows = corpus.read(paths)
        return share(rows, family) if family else rows

    if sources and not excluded:
        return corpus.split(read(sources), seed)
    system = banks.system_folder()
    files = corpus.without(sources or [system / name for name in corpus.PAPER_BANKS], excluded)
    unseen = [] if excluded else [system / name for name in corpus.UNSEEN_BANKS]
    return read(files), read([*excluded, *unseen])


def _check_size(rows: Corpus, held_out: Corpus, recipe: Recipe | TimbreRecipe) -> None:
    """Refuse too few presets before the work.

    Raises:
        UserError: fewer distinct presets than the recipe's minimum.
    """
    found = rows.distinct()
    if found < recipe.MIN_PRESETS:
        raise UserError(
            f"{found} distinct presets to train on ({len(held_out.rows)} held out), the recipe {recipe.name} needs "
            f"{recipe.MIN_PRESETS}",
            "Name more banks",
        )


def _check_rendering(rendering: _Rendering) -> None:
    """Refuse a cache, a scheduler or a missing synth before the work: `paper` renders only after its training.

    Raises:
        LatentdError: patches cannot be rendered or measurements not cached.
    """
    from latentd.offline.render import clip_cache
    from latentd.offline.render.pool import open_pool

    with open_pool(rendering.jobs, rendering.dask), clip_cache.ClipCache(rendering.cache or clip_cache.folder()):
        pass


def _measure(folder: Path, held_out: Corpus, rows: Corpus, rendering: _Rendering, grid: int) -> None:
    """Add map, quality and pictures to the new bundle.

    Raises:
        LatentdError: measuring failed. The model is there all the same, and the error says how to measure it later.
    """
    from latentd.offline.evaluation import verdict
    from latentd.offline.evaluation.full import full
    from latentd.offline.publish import save
    from latentd.offline.timbre.renderer import Renderer

    model = bundle.load(str(folder.resolve()))
    renderer = Renderer(rendering.jobs, rendering.cache, rendering.dask)
    try:
        result = full(model, held_out, renderer, grid, rows)
        save.save(model, result, renderer.measure, held_out, grid)
    except LatentdError as error:
        later = f"To measure it later: latentd evaluate {folder.resolve()} --banks BANKS --save"
        raise LatentdError(f"{folder}: trained, but not measured: {error}", later) from error
    for line in verdict.lines(result):
        click.echo(line)


def _name(name: str) -> str:
    if not re.fullmatch(bundle.NAME, name):
        raise UserError(f"--name: found {name!r}", "Use at most 64 letters, digits, spaces and _ . + -, such as mine")
    return name


def _train(
    rows: Corpus, held_out: Corpus, recipe: Recipe | TimbreRecipe, rendering: _Rendering, name: str, parent: Path
) -> Path:
    """Train, and write the bundle."""
    from latentd.offline.publish import export_timbre
    from latentd.offline.publish.export import export
    from latentd.offline.recipes import timbre, vae

    if isinstance(recipe, timbre.TimbreRecipe):
        with _measuring(rendering) as (measure, report):
            pad = timbre.train(rows, recipe, measure, report)
        return export_timbre.export(pad, recipe, rows, held_out, name, parent)
    if isinstance(recipe, vae.VaeRecipe):
        with _measuring(rendering) as (measure, report):
            trained = vae.train(rows, recipe, measure, report)
        return export(trained, recipe, rows, held_out, name, parent, vae.MARGIN)
    return export(_train_paper(rows, held_out, recipe), recipe, rows, held_out, name, parent)


def _train_paper(rows: Corpus, held_out: Corpus, recipe: Recipe) -> Trained:
    from rich.progress import TextColumn

    from latentd.offline import progress
    from latentd.offline.corpus.corpus import paper_layout
    from latentd.offline.recipes.paper import Epoch, train

    with progress.bar(TextColumn("{task.fields[losses]}"), transient=False) as bar:
        task = bar.add_task("epochs", total=recipe.epochs, losses="")

        def show(epoch: Epoch) -> None:
            validation = "" if epoch.validation is None else f", held out {epoch.validation:.3f}"
            bar.update(task, advance=1, losses=f"loss {epoch.train:.3f}{validation}")

        return train(paper_layout(), rows, held_out, recipe, show)


@contextmanager
def _measuring(rendering: _Rendering) -> Iterator[tuple[MeasureNote, OnProgress]]:
    """For a recipe with an audio loss: the function that renders and measures patches, and the progress bar."""
    from latentd.offline import progress
    from latentd.offline.render import clip_cache
    from latentd.offline.render.clip_spec import ClipSpec
    from latentd.offline.timbre import measure
    from latentd.offline.timbre.measure import Measured

    with progress.bar(transient=False) as bar:
        task = bar.add_task("", total=1)

        def report(part: str, done: int, total: int) -> None:
            bar.update(task, description=part, completed=done, total=total)

        def measured(patches: Array, spec: ClipSpec) -> Measured:
            def rendered(done: int) -> None:
                report("rendering", done, len(patches))

            folder = rendering.cache or clip_cache.folder()
            return measure.measure(patches, spec, rendering.jobs, folder, rendered, rendering.dask)

        yield measured, report


def _model(folder: Path, out: Path | None) -> str:
    """The value of `--model` for it: a name, or a path, which needs a slash."""
    return folder.name if out is None else str(folder.resolve())
