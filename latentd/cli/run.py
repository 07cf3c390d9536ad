"""`latentd run`: the daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from latentd.config.config import Config, OutputName, load_config
from latentd.daemon.log import start_log
from latentd.errors import LatentdError, UserError

if TYPE_CHECKING:
    from latentd.daemon.service import Service


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
@click.option("--mapping", "mappings", metavar="NAME", multiple=True, help="A device that moves the point (repeat).")
@click.option("--output", type=click.Choice(get_args(OutputName)), help="The way into the synth.")
@click.option("--listen", metavar="HOST:PORT", help="Where OSC and TUIO arrive [127.0.0.1:8000]")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one setting (repeat).")
@click.option("-v", "--verbose", is_flag=True, help="Log a summary line a second while playing.")
def command(
    config: Path | None,
    model: str | None,
    mappings: tuple[str, ...],
    output: str | None,
    listen: str | None,
    settings: tuple[str, ...],
    verbose: bool,
) -> None:
    """Play: move amSynth's whole sound with one point.

    Every setting with its default and meaning: `latentd check --defaults`.
    """
    listener = start_log(logging.DEBUG if verbose else logging.INFO)
    load = partial(load_config, config, settings, model=model, mappings=list(mappings), output=output, listen=listen)
    try:
        _opened(load).run()
    finally:
        listener.stop()


def _opened(load: Callable[..., Config]) -> Service:
    """The daemon, ready to play.

    Raises:
        DocumentErrors: all mistakes of the configuration and of what it names, as `latentd check` lists them.
        LatentdError: something else is in the way.
    """
    from latentd.daemon.network import warn_if_alone
    from latentd.daemon.service import Service
    from latentd.inputs.mapping import alike

    try:
        chosen = load()
        for _, fault in alike(chosen.mappings):
            raise UserError(fault)
        service = Service(chosen)
    except LatentdError:
        from latentd.config import references

        load(look=references.mistakes)  # takes longer: reads all that is named
        raise
    warn_if_alone(chosen.address[0], chosen.allow)
    return service
