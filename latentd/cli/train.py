"""`latentd train`: preset banks become a model, in one command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentd import banks, bundle
from latentd.errors import LatentdError, UserError

if TYPE_CHECKING:
    from latentd.offline.corpus import Corpus
    from latentd.offline.train import Recipe, Trained

EPILOG = """Examples:

\b
  latentd train                               the paper's model from amSynth's own banks: 2 minutes
  latentd train ~/banks --name mine           a model of your own presets
  latentd run --model mine                    play it"""


@click.command(epilog=EPILOG)
@click.argument("sources", metavar="[BANKS…]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="The model's name.  [default: the recipe's, or `mine` for banks of your own]")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to put it in.  [default: your own models]")
@click.option("--hold-out", "aside", multiple=True, type=click.Path(path_type=Path), help="Banks to measure on only.")
@click.option("--recipe", default="paper", show_default=True, help="The settings to start from.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the presets.  [paper: 500]")
@click.option("--batch", type=click.IntRange(1, 100_000), help="Presets a step.  [paper: 16]")
@click.option("--learning-rate", type=click.FloatRange(0, 1, min_open=True), help="Of Adam.  [paper: 0.001]")
@click.option("--continuous-weight", type=click.FloatRange(0, 1e6), help="Of values against switches.  [paper: 31]")
@click.option("--beta", type=click.FloatRange(0, 1e6), help="Weight of the Kullback-Leibler term.  [paper: 0.01]")
@click.option("--hidden", type=click.IntRange(1, 4096), help="Units of each hidden layer.  [paper: 32]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same model.  [paper: 0]")
def command(
    sources: tuple[Path, ...], name: str | None, out: Path | None, aside: tuple[Path, ...], recipe: str, **changes: Any
) -> None:
    """Make a model from preset banks (files, or folders of them).

    Without BANKS it trains on the 2,586 presets that the paper used, from the banks that amSynth installs, and measures
    on the seven banks that the paper never saw. Of your own banks a tenth of the presets is kept aside to measure on,
    unless --hold-out names whole banks.
    """
    _need_torch()
    from latentd.offline.export import export

    chosen = _recipe(recipe, changes)
    rows, kept_aside = _corpora(sources, aside, chosen.seed)
    model_name = _name(name or ("mine" if sources else chosen.name))
    trained = _train(rows, kept_aside, chosen)
    folder = export(trained, chosen, rows, kept_aside, model_name, out or bundle.user_folder())
    bundle.load(str(folder.resolve()))
    click.echo(f"{folder}: made from {len(rows.rows)} presets. Play it: latentd run --model {_hint(folder, out)}")


def _need_torch() -> None:
    try:
        import torch  # noqa: F401 - only asks whether it is there
    except ImportError as error:
        raise LatentdError("Training needs torch", "Install it: pip install 'latentd[offline]'") from error


def _recipe(name: str, changes: dict[str, Any]) -> Recipe:
    from latentd.offline.train import RECIPES

    if name not in RECIPES:
        raise UserError(f"No recipe named {name!r}", f"There are: {', '.join(RECIPES)}")
    return replace(RECIPES[name], **{key: value for key, value in changes.items() if value is not None})


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


def _hint(folder: Path, out: Path | None) -> str:
    """How `--model` names it: a path needs its slash."""
    return folder.name if out is None else str(folder.resolve())
