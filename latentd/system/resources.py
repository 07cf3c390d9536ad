"""Where latentd's files and libraries are: shipped mappings and models, optional libraries, the package itself."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from latentd.errors import LatentdError

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(kind: Literal["mappings", "models"]) -> Path:
    """The folder of the shipped mappings or models.

    A wheel carries them as `latentd/shipped_data/KIND` (see pyproject.toml); a checkout or an editable
    installation has them at its top level.

    Raises:
        LatentdError: it does not exist, so the installation is incomplete.
    """
    for candidate in (_PACKAGE / "shipped_data" / kind, _PACKAGE.parent / kind):
        if candidate.is_dir():
            return candidate
    raise LatentdError(f"The shipped {kind} are missing beside {_PACKAGE}", "Install latentd again")


def python_environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`env` for a Python process that imports the same latentd as this one."""
    path = filter(None, (str(_PACKAGE.parent), env.get("PYTHONPATH")))
    return {**env, "PYTHONPATH": os.pathsep.join(path)}


def install(extra: str) -> str:
    """A next step for a message: the command that installs the libraries of an extra for the running Python.

    For a checkout it installs the checkout itself, from any folder; for a package its name is enough.
    """
    checkout = _PACKAGE.parent
    what = [shlex.quote(f"latentd[{extra}]")]
    if (checkout / "pyproject.toml").is_file():
        what = ["-e", shlex.quote(f"{checkout}[{extra}]")]
    return " ".join(["Install it:", shlex.quote(sys.executable), "-m", "pip", "install", *what])


def is_name(text: str) -> bool:
    """True for the name of a shipped mapping, false for a path."""
    return re.fullmatch(r"[\w-]+", text) is not None
