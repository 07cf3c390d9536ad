"""What commands of the offline half share: they say what to install, and may work on many machines."""

from __future__ import annotations

from importlib.util import find_spec

import click

from latentd.errors import LatentdError
from latentd.system import resources

dask = click.option(
    "--dask", metavar="ADDRESS", help="Render on the workers of this dask scheduler: tcp://HOST:8786.  [default: here]"
)


def need(purpose: str, *libraries: str) -> None:
    """Make sure that libraries are installed, without importing them.

    Raises:
        LatentdError: naming those that are missing.
    """
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise LatentdError(f"{purpose} needs {', '.join(missing)}", resources.install_offline())
