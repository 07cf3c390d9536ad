"""Commands of the offline half say what to install instead of failing within an import."""

from __future__ import annotations

from importlib.util import find_spec

from latentd import shipped
from latentd.errors import LatentdError


def need(purpose: str, *libraries: str) -> None:
    """Make sure that libraries are installed, without importing them.

    Raises:
        LatentdError: naming those that are missing.
    """
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise LatentdError(f"{purpose} needs {', '.join(missing)}", shipped.install_offline())
