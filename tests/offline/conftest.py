"""Which libraries each offline test file imports: without them, as in the minimal install, it is not collected.

With `-m offline` a missing library is an error that names it, instead of a shorter list of tests.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

_MEASURING = ("scipy", "soundfile", "pyloudnorm")
_NEEDS = {
    "test_progress.py": (),
    "test_without_torch.py": (*_MEASURING, "swift_f0", "matplotlib"),
    "test_refusals.py": (*_MEASURING, "torch", "numba", "matplotlib", "distributed"),
    "corpus/test_corpus.py": (),
    "corpus/test_pad_families.py": (),
    "corpus/test_families.py": (),
    "evaluation/test_metrics.py": (),
    "evaluation/test_evaluate.py": (*_MEASURING, "swift_f0", "torch", "matplotlib"),
    "evaluation/test_full.py": _MEASURING,
    "evaluation/test_morph.py": _MEASURING,
    "evaluation/test_notes.py": _MEASURING,
    "evaluation/test_playing.py": _MEASURING,
    "evaluation/test_variety.py": _MEASURING,
    "evaluation/test_verdict.py": _MEASURING,
    "evaluation/test_walks.py": _MEASURING,
    "publish/test_card.py": (),
    "publish/test_shipped_models.py": (*_MEASURING, "matplotlib"),
    "recipes/test_limits.py": (*_MEASURING, "torch"),
    "recipes/test_paper.py": ("torch",),
    "recipes/test_timbre.py": (*_MEASURING, "torch", "numba"),
    "recipes/test_vae.py": (*_MEASURING, "torch", "numba"),
    "render/test_clip_cache.py": (),
    "render/test_dask_cluster.py": (*_MEASURING, "torch", "matplotlib", "distributed"),
    "render/test_interrupt.py": _MEASURING,
    "render/test_jack.py": _MEASURING,
    "render/test_render.py": _MEASURING,
    "timbre/test_describe.py": _MEASURING,
    "timbre/test_loudness.py": _MEASURING,
    "timbre/test_perform.py": (*_MEASURING, "swift_f0"),
    "timbre/test_picture.py": _MEASURING,
    "timbre/test_pitch.py": (*_MEASURING, "swift_f0"),
    "timbre/test_play.py": (*_MEASURING, "swift_f0"),
}
_HERE = Path(__file__).parent
# A file that is not listed above is an error here.
_FILES = [str(file.relative_to(_HERE)) for file in _HERE.rglob("test_*.py")]
_MISSING = {file: [name for name in _NEEDS[file] if not find_spec(name)] for file in _FILES}
collect_ignore = [file for file, missing in _MISSING.items() if missing]


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Refuse to run only a part of the offline tests, unless files are named."""
    missing = sorted({name for names in _MISSING.values() for name in names})
    if missing and config.option.markexpr == "offline" and "test_" not in "".join(config.args):
        raise pytest.UsageError(f"not installed: {', '.join(missing)}. Try: pip install -e '.[dev,cluster]'")
