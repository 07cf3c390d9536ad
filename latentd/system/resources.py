"""Where what ships with latentd comes from: the files of a package or a checkout, and its optional libraries."""

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
        LatentdError: neither exists, so the installation is incomplete.
    """
    for candidate in (_PACKAGE / "shipped_data" / kind, _PACKAGE.parent / kind):
        if candidate.is_dir():
            return candidate
    raise LatentdError(f"The shipped {kind} are missing beside {_PACKAGE}", "Install latentd again")


def python_environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`env` for a Python process that shall find the same latentd as this one, whatever way that was found."""
    path = filter(None, (str(_PACKAGE.parent), env.get("PYTHONPATH")))
    return {**env, "PYTHONPATH": os.pathsep.join(path)}


def install_offline(extra: str = "offline") -> str:
    """The next step for somebody who lacks the libraries of the offline half: a command for the Python that runs.

    A checkout installs its own code, from wherever the command is typed; for a package its name is enough. `extra` is
    `cluster` for what dask needs, too.
    """
    checkout = _PACKAGE.parent
    what = [shlex.quote(f"latentd[{extra}]")]
    if (checkout / "pyproject.toml").is_file():
        what = ["-e", shlex.quote(f"{checkout}[{extra}]")]
    return " ".join(["Install it:", shlex.quote(sys.executable), "-m", "pip", "install", *what])


def is_name(text: str) -> bool:
    """True for what can name a shipped mapping, false for a path."""
    return re.fullmatch(r"[\w-]+", text) is not None
