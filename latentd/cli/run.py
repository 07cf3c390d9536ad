"""`latentd run`: the daemon."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from latentd.config.config import Config, OutputName, load_config
from latentd.daemon import session
from latentd.daemon.log import start_log
from latentd.daemon.session import Session
from latentd.errors import LatentdError, UserError
from latentd.model import loading

if TYPE_CHECKING:
    from latentd.daemon.service import Service
    from latentd.model.playable import Playable


log = logging.getLogger(__name__)


@click.command(
    "run",
    epilog="""\b
Examples:
  latentd run
  latentd run --mapping touchosc-mk1-portrait --listen 0.0.0.0:8000 --set 'allow=[192.168.1.0/24]'
  latentd run --output print --set shaping.timbre_s=0.5""",
)
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file [~/.config/latentd/config.yaml]")
@click.option("--model", metavar="NAME|DIR", help="The model to play.")
@click.option(
    "--mapping",
    "mappings",
    metavar="NAME",
    multiple=True,
    help="Use this mapping, not the configured ones. May be repeated.",
)
@click.option("--output", type=click.Choice(get_args(OutputName)), help="How patches reach the synth.")
@click.option("--listen", metavar="HOST:PORT", help="Where OSC and TUIO are received [127.0.0.1:8000]")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one setting. May be repeated.")
@click.option("--fresh", is_flag=True, help="Do not restore what played last: point, locks, model, freeze, wander.")
@click.option("-v", "--verbose", is_flag=True, help="Log a summary line every second while playing.")
def command(
    config: Path | None,
    model: str | None,
    mappings: tuple[str, ...],
    output: str | None,
    listen: str | None,
    settings: tuple[str, ...],
    fresh: bool,
    verbose: bool,
) -> None:
    """Play: move amSynth's whole sound with one point.

    `latentd check --defaults` prints every setting with its default and meaning.
    """
    gc.disable()  # until the end: see `Collector`
    load = partial(load_config, config, settings, model=model, mappings=list(mappings), output=output, listen=listen)
    with contextlib.ExitStack() as stack:
        with _all_mistakes(load):
            chosen = load()
            file = session.path(chosen.state_folder, chosen.address[1])
            kept = None if fresh else session.load(file)
            # Forks this process, so it comes before the log's thread.
            read = loading.begin(kept.plays(chosen.model) if kept else chosen.model)
            stack.callback(start_log(logging.DEBUG if verbose else logging.INFO).stop)
            service = _opened(chosen, read, kept)
        service.run()


@contextlib.contextmanager
def _all_mistakes(load: Callable[..., Config]) -> Iterator[None]:
    """On an error, raise all mistakes of the configuration and of the files that it names, as `latentd check` does."""
    try:
        yield
    except LatentdError:
        from latentd.config import references

        load(look=references.mistakes)  # takes longer: reads all these files
        raise


def _opened(chosen: Config, read: Callable[[], Playable], kept: Session | None) -> Service:
    """The daemon, ready to play."""
    from latentd.daemon.network import warn_if_alone
    from latentd.daemon.service import Service  # takes about as long as the model
    from latentd.inputs.mapping import alike

    for _, fault in alike(chosen.mappings):
        raise UserError(fault)
    service = Service(chosen, *_model(chosen, read, kept), kept)
    warn_if_alone(chosen.address[0], chosen.allow)
    return service


def _model(chosen: Config, read: Callable[[], Playable], kept: Session | None) -> tuple[Playable, str]:
    """The model that played last, or the configured one where that is gone; and what it was loaded by."""
    wanted = kept.plays(chosen.model) if kept else chosen.model
    try:
        return read(), wanted
    except LatentdError as error:
        if wanted == chosen.model:
            raise
        log.warning("the model that played last: %s. Playing %s", error, chosen.model)
        return loading.load(chosen.model), chosen.model
