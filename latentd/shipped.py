"""Where the files that ship with latentd lie: inside an installed package, or at the top of a checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from latentd.errors import LatentdError

_PACKAGE = Path(__file__).resolve().parent


def folder(kind: Literal["mappings", "models"]) -> Path:
    """The folder of the shipped mappings or models.

    A wheel carries them as `latentd/shipped_data/KIND` (see pyproject.toml); a checkout or an editable
    installation has them at its top level.

    Raises:
        LatentdError: neither exists, so the installation is incomplete.
    """
    for candidate in (_PACKAGE / "shipped_data" / kind, _PACKAGE.parent / kind):
        if candidate.is_dir():
            return candidate
    raise LatentdError(f"The shipped {kind} are missing beside {_PACKAGE}", "Install latentd again")


def is_name(text: str) -> bool:
    """True for what can name a shipped mapping, false for a path."""
    return re.fullmatch(r"[\w-]+", text) is not None
