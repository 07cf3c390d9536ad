"""What the offline commands share: the check for their libraries, and the option --dask."""

from __future__ import annotations

from importlib.util import find_spec

import click

from latentd.errors import LatentdError
from latentd.system import resources

dask = click.option("--dask", metavar="ADDRESS", help="Render on the workers of this dask scheduler, tcp://HOST:8786.")


_TRAINING = {"torch", "numba"}  # only the extra `offline` has them


def need(purpose: str, *libraries: str) -> None:
    """Check that libraries are installed, without importing them.

    Raises:
        LatentdError: some are missing; names them.
    """
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        extra = "offline" if _TRAINING.intersection(missing) else "render"
        raise LatentdError(f"{purpose} needs {', '.join(missing)}", resources.install(extra))
