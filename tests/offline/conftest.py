"""Each offline test needs what it needs, and without it cannot even be read: the minimal install leaves it out.

Asked for by name (`-m offline`), a missing library is an error that names it, not a shorter list of tests.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

_MEASURING = ("scipy", "soundfile", "pyloudnorm")
_NEEDS = {
    "test_timbre.py": _MEASURING,
    "test_render.py": _MEASURING,
    "test_render_jack.py": _MEASURING,
    "test_progress.py": (),
    "test_interrupt.py": _MEASURING,
    "test_cluster.py": (*_MEASURING, "torch", "matplotlib", "distributed"),
    "test_train.py": ("torch",),
    "test_evaluate.py": (*_MEASURING, "torch", "matplotlib"),
    "test_shipped_models.py": (*_MEASURING, "matplotlib"),
    "test_timbral.py": (*_MEASURING, "torch", "numba"),
    "test_hearing_vae.py": (*_MEASURING, "torch", "numba"),
}
# A file that is not named above is an error here.
_FILES = [file.name for file in Path(__file__).parent.glob("test_*.py")]
_MISSING = {file: [name for name in _NEEDS[file] if not find_spec(name)] for file in _FILES}
collect_ignore = [file for file, missing in _MISSING.items() if missing]


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Refuse to run a part for the whole."""
    missing = sorted({name for names in _MISSING.values() for name in names})
    if missing and config.option.markexpr == "offline" and "test_" not in "".join(config.args):
        raise pytest.UsageError(f"not installed: {', '.join(missing)}. Try: pip install -e '.[dev,cluster]'")
